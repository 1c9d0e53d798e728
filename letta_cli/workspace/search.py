"""Finds files by name and lines by pattern: ripgrep where it is installed, else `scan`.
Both leave out what git ignores; both are bounded in time and in results."""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from letta_cli.core.errors import AgentError
from letta_cli.workspace import scan

SECONDS = 20.0
"""A search that takes longer is ended and returns what it found."""

_PIPE = 1024 * 1024


class SearchRefused(AgentError):
    """The pattern or the place to search is wrong."""

    code = "search"


@dataclass(frozen=True, slots=True)
class Line:
    """A line found. ``match`` is False for lines shown around a match."""

    path: str
    number: int
    text: str
    match: bool = True


@dataclass(slots=True)
class Found:
    """What a search came to.

    Attributes:
        paths: files found, from the folder that was searched.
        lines: matching lines and those around them, in order.
        more: there was more than the limit.
        timed_out: the search was ended before it had seen every file.
    """

    paths: list[str] = field(default_factory=list[str])
    lines: list[Line] = field(default_factory=list[Line])
    more: bool = False
    timed_out: bool = False


class Search:
    """Searches under one working directory."""

    def __init__(self, cwd: Path, environment: Mapping[str, str]) -> None:
        self._cwd = cwd
        self._environment = dict(environment)
        self.ripgrep = shutil.which("rg", path=environment.get("PATH"))

    async def grep(
        self,
        pattern: str,
        *,
        path: Path | None = None,
        glob: str = "",
        ignore_case: bool = False,
        context: int = 0,
        files_only: bool = False,
        limit: int = 100,
    ) -> Found:
        """Files or lines that match a regular expression; `limit` counts matching lines or files.

        Raises:
            SearchRefused: a bad pattern, or a path that does not exist.
        """
        root, only = self._place(path)
        arguments, request = self._command(
            root, only, pattern, glob, ignore_case, context, files_only
        )
        process = await asyncio.create_subprocess_exec(
            *arguments, cwd=root, env=self._environment, limit=_PIPE, start_new_session=True,
            stdin=asyncio.subprocess.PIPE if request else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        found = Found()
        try:
            if process.stdin is not None:
                process.stdin.write(request)
                process.stdin.close()
            async with asyncio.timeout(SECONDS):
                await _collect(process, found, glob, files_only, limit)
                if not found.more:
                    await _check_end(process)
        except TimeoutError:
            found.timed_out = True
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return found

    async def glob(self, pattern: str, *, path: Path | None = None, limit: int = 100) -> Found:
        """Files whose path fits `pattern`, newest first.

        Raises:
            SearchRefused: a path that does not exist.
        """
        folder = path or self._cwd
        root, only = self._place(folder)
        if only:
            raise SearchRefused(f"{folder} is a file. Give a folder to search in, or use Read.")
        return await asyncio.to_thread(_newest, root, pattern, limit)

    def _place(self, path: Path | None) -> tuple[str, str]:
        """The folder to search in and, when one file was named, that file."""
        place = path or self._cwd
        if place.is_dir():
            return str(place), ""
        if place.is_file():
            return str(place.parent), place.name
        raise SearchRefused(f"{place} does not exist. Use Glob to see what is there.")

    def _command(
        self,
        root: str,
        only: str,
        pattern: str,
        glob: str,
        ignore_case: bool,
        context: int,
        files_only: bool,
    ) -> tuple[list[str], bytes]:
        if self.ripgrep is None:
            request = {
                "root": root, "only": only, "pattern": pattern, "glob": glob,
                "ignore_case": ignore_case, "context": context, "files_only": files_only,
            }  # fmt: skip
            return [sys.executable, "-I", "-S", scan.__file__], json.dumps(request).encode()
        arguments = [
            self.ripgrep, "--no-config", "--color=never", "--no-heading", "--with-filename",
            "--line-number", "--null", "--hidden", "--no-messages", "--crlf", "--no-require-git",
            f"--max-columns={scan.MAX_LINE}", "--max-columns-preview",
            *(f"--glob=!{name}" for name in sorted(scan.SKIPPED)),
        ]  # fmt: skip
        if glob and not set("/,{}:") & set(glob):
            # A type, not --glob: that one would bring back files which git ignores.
            arguments += [f"--type-add=wanted:{glob}", "--type=wanted"]
        if not only:
            arguments.append(f"--max-filesize={scan.MAX_FILE}")
        if ignore_case:
            arguments.append("--ignore-case")
        arguments += ["--files-with-matches"] if files_only else [f"--context={context}"]
        return [*arguments, f"--regexp={pattern}", "--", only or "."], b""


async def _collect(
    process: asyncio.subprocess.Process, found: Found, glob: str, files_only: bool, limit: int
) -> None:
    assert process.stdout is not None
    count = 0
    async for raw in _records(process.stdout, files_only):
        if raw == b"--":
            if found.lines and found.lines[-1].number:
                found.lines.append(Line("", 0, "--", match=False))
            continue
        name, _, rest = raw.partition(b"\0")
        path = os.fsdecode(name).removeprefix("./")
        if glob and not scan.matches_glob(path, glob):
            continue
        digits = len(rest) - len(rest.lstrip(b"0123456789"))
        match = rest[digits : digits + 1] == b":"
        if files_only or match:
            count += 1
            if count > limit:
                found.more = True
                return
        if not found.paths or found.paths[-1] != path:
            found.paths.append(path)
        if not files_only:
            text = rest[digits + 1 :].rstrip(b"\r").decode("utf-8", "replace")
            found.lines.append(Line(path, int(rest[:digits] or b"0"), text, match))


async def _records(stream: asyncio.StreamReader, files_only: bool) -> AsyncIterator[bytes]:
    """Lines; or, of a list of files, paths, which end in NUL alone with ripgrep."""
    separator = b"\0" if files_only else b"\n"
    while True:
        try:
            yield (await stream.readuntil(separator)).strip(b"\n\0" if files_only else b"\n")
        except asyncio.IncompleteReadError as error:
            if error.partial.strip(b"\n\0"):
                yield error.partial.strip(b"\n\0")
            return
        except asyncio.LimitOverrunError as error:
            await stream.readexactly(error.consumed)


async def _check_end(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    message = (await process.stderr.read(4_000)).decode("utf-8", "replace").strip()
    if await process.wait() == 2 and message:
        problem = message.splitlines()[-1].removeprefix("regex parse error:")
        problem = problem.removeprefix("error:").strip()
        raise SearchRefused(
            f"The pattern is not a valid regular expression: {problem}. "
            "Escape special characters such as ( [ { . with a backslash."
        )


def _newest(root: str, pattern: str, limit: int) -> Found:
    dated: list[tuple[float, str]] = []
    deadline = time.monotonic() + SECONDS
    ended = False
    for name in scan.list_files(root):
        if time.monotonic() > deadline:
            ended = True
            break
        if scan.matches_glob(name, pattern):
            with suppress(OSError):
                dated.append((-Path(root, name).stat().st_mtime, name))
    dated.sort()
    paths = [name for _, name in dated[:limit]]
    return Found(paths=paths, more=len(dated) > limit, timed_out=ended)


def fixed_part(pattern: str) -> tuple[str, str]:
    """An absolute pattern as the folder before its first wildcard, and the rest."""
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if set("*?[{") & set(part)), len(parts) - 1)
    return str(Path(*parts[:fixed])), "/".join(parts[fixed:])
