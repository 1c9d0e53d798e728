"""Writes a message in the person's own editor."""

import asyncio
import shlex
import tempfile
from pathlib import Path

from prompt_toolkit.application import in_terminal


async def edit_text(text: str, command: str) -> str:
    """Open `text` in the editor `command`; return what was saved.

    Raises:
        OSError: the editor could not be started; says so for a person.
    """
    with tempfile.TemporaryDirectory(prefix="agent-") as folder:
        path = Path(folder) / "message.md"
        path.write_text(text, encoding="utf-8")
        async with in_terminal():
            process = await asyncio.create_subprocess_exec(*shlex.split(command), str(path))
            code = await process.wait()
        if code != 0:
            raise OSError(f"the editor {command!r} ended with code {code}; the text is unchanged")
        return path.read_text(encoding="utf-8", errors="replace").rstrip("\n")
