"""Named secrets for commands: values that commands may use and the model never sees.

They lie in one file that nobody else may read. A command gets the value of a name that it mentions,
as a variable of its environment; in what it prints the value is masked again.
"""

import re
from pathlib import Path

from letta_cli.config.edit import locked
from letta_cli.config.keys import read_secrets, secrets_file, write_object
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.secret import SHORTEST_KNOWN

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def set_secret(home: Path, name: str, value: str) -> None:
    """Keep a value under a name, in the place of an older one.

    Raises:
        UsageError: the name is no variable's, or the value is too short to be masked.
        ConfigError: it could not be kept.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a variable: letters, digits and _, not a digit first."
        )
    if len(value.strip()) < SHORTEST_KNOWN or "\0" in value:
        raise UsageError(
            f"That is no secret: at least {SHORTEST_KNOWN} characters are needed, or it could not "
            "be told from ordinary text where it must be masked. Nothing was changed."
        )
    with locked(home):
        write_object(secrets_file(home), {**read_secrets(home), name: value}, private=True)


def unset_secret(home: Path, name: str) -> None:
    """Forget a value.

    Raises:
        NotFound: there is none of this name; lists those there are.
    """
    with locked(home):
        known = read_secrets(home)
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise NotFound(f"There is no secret {name!r}. Secrets: {names}.")
        del known[name]
        write_object(secrets_file(home), known, private=True)
