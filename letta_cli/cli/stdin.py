"""A text from standard input that is going to be stored."""

import sys

from letta_cli.core.errors import UsageError


def read_stdin() -> str:
    """All of it.

    Raises:
        UsageError: it is no UTF-8, and would not be kept as it is.
    """
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"Standard input is not UTF-8 text (byte {error.start}), so nothing was stored."
        ) from error
