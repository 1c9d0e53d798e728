"""Keys and named secrets at rest: in the system's keyring where asked for, else in 0600 files."""

import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from letta_cli.config.files import read_object
from letta_cli.core.errors import ConfigError

SERVICE = "letta-cli agent"
"""The name under which keys stand in the keyring."""


def key_file(home: Path) -> Path:
    return home / "keys.json"


def read_key_file(home: Path) -> dict[str, str]:
    """Provider to key; raises as `read_private_texts`."""
    return read_private_texts(key_file(home))


def secrets_file(home: Path) -> Path:
    return home / "secrets.json"


def read_secrets(home: Path) -> dict[str, str]:
    """Named secrets for commands: name to value; raises as `read_private_texts`."""
    return read_private_texts(secrets_file(home))


def read_private_texts(path: Path) -> dict[str, str]:
    """A JSON object of texts in a file that nobody else may read; empty when there is none.

    Raises:
        ConfigError: others may read the file, or it is not an object of texts.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from error
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(
            f"{path}: other users may read this file (mode {stat.S_IMODE(status.st_mode):04o}), "
            f"so what it holds is not used. Change it where it was issued, then: chmod 600 {path}"
        )
    texts: dict[str, str] = {}
    for name, text in read_object(path).items():
        if not isinstance(text, str):
            raise ConfigError(f"{path}: {name}: expected a text.")
        if text.strip():
            texts[name] = text.strip()
    return texts


def write_object(path: Path, value: dict[str, Any], *, private: bool) -> None:
    """Replace a JSON file in one step.

    Args:
        private: nobody but its owner may read it at any moment.

    Raises:
        ConfigError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
        mode = 0o600 if private else 0o666
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be written: {error.strerror}.") from error


def read_keyring(providers: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Keys of these providers from the keyring, and warnings.

    A keyring that cannot be loaded or opened is common on servers: it is a warning, never a
    failure.
    """
    names = list(providers)
    if not names:
        return {}, []
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return {}, ["The keyring is not installed: pip install 'letta-cli[keyring]'."]
    keys: dict[str, str] = {}
    try:
        for name in names:
            key = keyring.get_password(SERVICE, name)
            if key:
                keys[name] = key
    except (keyring.errors.KeyringError, OSError, RuntimeError) as error:
        return keys, [f"The keyring could not be read: {error}."]
    return keys, []


def write_keyring(provider: str, key: str) -> None:
    """Raises ConfigError when there is no keyring or it refuses."""
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise ConfigError(
            "The keyring is not installed: pip install 'letta-cli[keyring]', "
            "or leave out --keyring to use a file that only you may read."
        ) from error
    try:
        keyring.set_password(SERVICE, provider, key)
    except (keyring.errors.KeyringError, OSError, RuntimeError) as error:
        raise ConfigError(f"The keyring refused the key: {error}.") from error
