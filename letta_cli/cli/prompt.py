"""Reads the prompt of a run: the words of the command line, and standard input."""

import select
import sys
from collections.abc import Sequence
from typing import BinaryIO

from letta_cli.core.errors import UsageError
from letta_cli.core.exit_codes import BAD_INPUT

MAX_BYTES = 10_000_000
PATIENCE_SECONDS = 3.0


class BadPrompt(UsageError):
    """The prompt is empty, too large, or no text."""

    code = "bad_input"
    exit_code = BAD_INPUT


def read_prompt(words: Sequence[str]) -> str:
    """The words, then what standard input holds when it is no terminal.

    Raises:
        BadPrompt: nothing to do, or input that cannot be used.
    """
    given = " ".join(words).strip()
    piped = _piped(waiting_is_odd=bool(given)).strip()
    prompt = "\n\n".join(part for part in (given, piped) if part)
    if not prompt:
        raise BadPrompt('The prompt is empty. Write: agent run "what to do"')
    return prompt


def _piped(*, waiting_is_odd: bool) -> str:
    try:
        if sys.stdin.isatty():
            return ""
        source = sys.stdin.buffer
        if waiting_is_odd and not _ready(source):
            # Not given up on: a slow producer's words must not be lost. But said, because a
            # caller that never closes our input would wait for ever without knowing why.
            sys.stderr.write("agent: waiting for standard input; give </dev/null for none\n")
            sys.stderr.flush()
        data = source.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadPrompt(f"Standard input cannot be read: {error}.") from error
    if len(data) > MAX_BYTES:
        raise BadPrompt(
            f"Standard input holds more than {MAX_BYTES // 1_000_000} MB. "
            "Put it into a file and name the file in the prompt."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadPrompt(
            f"Standard input is not UTF-8 text (byte {error.start}). "
            "Put it into a file and name the file in the prompt."
        ) from error


def _ready(source: BinaryIO) -> bool:
    try:
        return bool(select.select([source], [], [], PATIENCE_SECONDS)[0])
    except (OSError, ValueError):
        return True
