"""Puts an accepted skill where skills are found, and takes it away again."""

import os
import secrets
from pathlib import Path

from letta_cli.core.errors import UsageError


def skill_file(root: Path, name: str) -> Path:
    """The SKILL.md of the skill `name` under a folder of skills."""
    return root / name / "SKILL.md"


def text_of(path: Path) -> str:
    """What stands there, or nothing.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}.") from error


def write_skill(path: Path, text: str) -> None:
    """Put a whole SKILL.md there, in one step.

    Raises:
        UsageError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written: {error.strerror}.") from error


def take_away(path: Path, text: str, replaced: str) -> None:
    """Bring back what stood there before `text`, or nothing.

    Raises:
        UsageError: it does not read so any more; then it stays.
    """
    if text_of(path) != text:
        raise UsageError(f"{path} was changed since it was accepted. Remove it yourself.")
    if replaced:
        write_skill(path, replaced)
        return
    path.unlink()
    if not any(path.parent.iterdir()):
        path.parent.rmdir()
