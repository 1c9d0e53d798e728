"""Lets the person change a text in their own editor."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from letta_cli.core.errors import ConfigError


def edit_text(text: str, *, editor: str, name: str) -> str:
    """The text as the person left it; a newline that editors put at the end is taken off.

    Args:
        editor: a command line, as VISUAL and EDITOR have it.

    Raises:
        ConfigError: the editor cannot be started, or failed; nothing is changed.
    """
    with tempfile.TemporaryDirectory(prefix="agent-") as folder:
        path = Path(folder) / f"{name}.md"
        path.write_text(text + "\n", encoding="utf-8")
        try:
            status = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"The editor {editor!r} cannot be started: {error}. Set EDITOR, or use --text."
            ) from error
        if status != 0:
            raise ConfigError(f"The editor {editor!r} ended with {status}; nothing was changed.")
        return path.read_text(encoding="utf-8").removesuffix("\n")


def keep_draft(folder: Path, name: str, text: str) -> Path:
    """Write a text that could not be stored into a new private file; returns its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, path = tempfile.mkstemp(prefix=f"memory-{name}-draft-", suffix=".txt", dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(path)
