"""The files of a directory by fuzzy name: listed by git or by walking, off the UI's thread."""

import asyncio
import os
import re
import time
from pathlib import Path

from letta_cli.workspace.git_config import guarded

FRESH_SECONDS = 10.0
MOST_FILES = 100_000
_CHUNK = 8_000
_SKIPPED = {".git", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache"}


class FileIndex:
    """Paths relative to `root`, with ``/``; folders end in one.

    The list is made on first use and again when it is older than `FRESH_SECONDS`; while a new
    one is being made the old one answers.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths: list[str] = []
        self._lowered: list[str] = []
        self._made_at: float | None = None
        self._making: asyncio.Task[None] | None = None

    async def find(self, query: str, limit: int = 30) -> list[str]:
        """The best matches for `query`, best first."""
        if self._made_at is None or time.monotonic() - self._made_at > FRESH_SECONDS:
            if self._making is None or self._making.done():
                self._making = asyncio.create_task(self._make())
            if self._made_at is None:
                await asyncio.shield(self._making)
        return await asyncio.to_thread(search, self._paths, self._lowered, query, limit)

    async def _make(self) -> None:
        files = await _git_files(self._root)
        if files is None:
            files = await asyncio.to_thread(_walk, self._root)
        paths = await asyncio.to_thread(_with_folders, files)
        self._paths, self._lowered = paths, [path.lower() for path in paths]
        self._made_at = time.monotonic()


async def _git_files(root: Path) -> list[str] | None:
    """Tracked and untracked files that are not ignored; None where git does not answer."""
    try:
        command = [*guarded(root), "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    output, _ = await process.communicate()
    if process.returncode != 0:
        return None
    names = output.decode("utf-8", errors="replace").split("\0")
    return sorted({name for name in names if name})[:MOST_FILES]


def _walk(root: Path) -> list[str]:
    found: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        base = os.path.relpath(folder, root)
        prefix = "" if base == "." else base.replace(os.sep, "/") + "/"
        found.extend(prefix + name for name in sorted(files))
        if len(found) >= MOST_FILES:
            break
    return found[:MOST_FILES]


def _with_folders(files: list[str]) -> list[str]:
    folders: set[str] = set()
    for path in files:
        folder = path.rpartition("/")[0]
        while folder and folder + "/" not in folders:
            folders.add(folder + "/")
            folder = folder.rpartition("/")[0]
    return files + sorted(folders)


def search(paths: list[str], lowered: list[str], query: str, limit: int) -> list[str]:
    """The paths that hold the letters of `query` in order; whole words and names first."""
    wanted = query.lower().strip()
    if not wanted:
        return sorted(paths, key=lambda path: (path.count("/"), path))[:limit]
    holding = [at for at, path in enumerate(lowered) if wanted in path]
    ranked = sorted(holding, key=lambda at: _rank(lowered[at], wanted))[:limit]
    if len(ranked) < limit:
        known = set(ranked)
        scattered = [at for at in _subsequences(lowered, wanted) if at not in known]
        scattered.sort(key=lambda at: (_spread(lowered[at], wanted), len(lowered[at])))
        ranked += scattered[: limit - len(ranked)]
    return [paths[at] for at in ranked]


def _rank(path: str, wanted: str) -> tuple[int, int, int]:
    name = path.rstrip("/").rpartition("/")[2]
    if name == wanted or path == wanted:
        kind = 0
    elif name.startswith(wanted):
        kind = 1
    elif wanted in name:
        kind = 2
    else:
        kind = 3
    return kind, path.count("/"), len(path)


def _subsequences(lowered: list[str], wanted: str) -> list[int]:
    # One regular expression over many lines at once is far faster than a loop over characters;
    # in chunks, so that the UI's thread gets its turn in between.
    letters = "[^\n]*?".join(re.escape(char) for char in wanted)
    pattern = re.compile(f"^[^\n]*?{letters}", re.MULTILINE)
    found: list[int] = []
    for start in range(0, len(lowered), _CHUNK):
        text = "\n".join(lowered[start : start + _CHUNK])
        line, counted = start, 0
        for match in pattern.finditer(text):
            line += text.count("\n", counted, match.start())
            counted = match.start()
            found.append(line)
    return found


def _spread(path: str, wanted: str) -> int:
    """How far apart the letters lie, looked at from the end, where the file's name is."""
    end = len(path)
    last = end
    for char in reversed(wanted):
        end = path.rfind(char, 0, end)
        if end < 0:
            return len(path) * 2
    return last - end
