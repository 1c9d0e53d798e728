"""Named secrets for commands: values that commands may use and the model never sees.

They lie in one file that nobody else may read. A command gets the value of a name that it mentions,
as a variable of its environment; in what it prints the value is masked again.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from letta_cli.config.edit import locked
from letta_cli.config.keys import read_private_texts, write_object
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.secret import SHORTEST_KNOWN

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def secrets_file(home: Path) -> Path:
    return home / "secrets.json"


def read_secrets(home: Path) -> dict[str, str]:
    """Name to value.

    Raises:
        ConfigError: others may read the file, or it is not an object of texts.
    """
    return read_private_texts(secrets_file(home))


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


def mentioned(command: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """The secrets whose names stand in `command` as words of their own."""
    words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", command)) if secrets else set[str]()
    return {name: value for name, value in secrets.items() if name in words}
