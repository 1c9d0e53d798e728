"""Runs a command in its own process group and always ends it: at its end, at the timeout, or
when the person interrupts. Output is capped; what does not fit goes to a private file."""

import asyncio
import codecs
import os
import re
import secrets
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from letta_cli.workspace.environment import clean_environment

GRACE_SECONDS = 2.0
"""Between TERM and KILL."""

_CHUNK = 65_536
_MAX_OVERFLOW = 64 * 1024 * 1024
_PROGRESS_SECONDS = 0.1
_PROGRESS_CHARS = 2_000
_DRAIN_SECONDS = 0.3
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n|$)")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command came to.

    Attributes:
        exit_code: the shell's; negative for the signal that ended it.
        output: standard output and error as they came, without terminal escapes; the middle
            is left out when there was too much.
        overflow: the file that holds the whole output, when `output` does not.
        left_running: processes that the command started are still there.
        stopped: processes that kept the command's output open were ended.
    """

    exit_code: int
    output: str
    seconds: float
    timed_out: bool = False
    overflow: Path | None = None
    left_running: bool = False
    stopped: bool = False


class Shell:
    """``bash -c`` in one directory, with one environment."""

    def __init__(
        self,
        cwd: Path,
        *,
        environment: Mapping[str, str],
        overflow_dir: Path,
        timeout_ms: int = 120_000,
        max_timeout_ms: int = 600_000,
        max_output: int = 30_000,
    ) -> None:
        self.cwd = cwd
        self.environment = clean_environment(environment)
        self.overflow_dir = overflow_dir
        self.timeout_ms = timeout_ms
        self.max_timeout_ms = max_timeout_ms
        self.max_output = max_output

    async def run(
        self,
        command: str,
        *,
        timeout_ms: int | None = None,
        progress: Callable[[str], None] = lambda _text: None,
        started: Callable[[int], None] = lambda _group: None,
    ) -> CommandResult:
        """Run `command` to its end.

        A cancelled task ends the whole process group before the cancellation goes on.

        Raises:
            OSError: bash or the directory is missing.
        """
        limit = min(timeout_ms or self.timeout_ms, self.max_timeout_ms) / 1_000
        begun = time.monotonic()
        # A pipe of our own: asyncio's would count a command as running while any process that it
        # left in the background holds its output open.
        ours, theirs = os.pipe()
        try:
            # A session of its own: no terminal to ask on, and one group that is ended together.
            process = await asyncio.create_subprocess_exec(
                "bash", "-c", command,
                stdin=asyncio.subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                cwd=self.cwd, env=self.environment, start_new_session=True,
            )  # fmt: skip
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        capture = _Capture(self.max_output, self.overflow_dir, progress)
        reader = asyncio.create_task(_read(ours, capture))
        timed_out = stopped = False
        try:
            started(process.pid)
            try:
                await asyncio.wait_for(process.wait(), limit)
            except TimeoutError:
                timed_out = True
                await _end(process)
            # The shell is gone. Processes it left may still hold its output open.
            done, _ = await asyncio.wait({reader}, timeout=_DRAIN_SECONDS)
            if not done and not timed_out:
                stopped = True
                await _end(process)
        except BaseException:
            _signal(process.pid, signal.SIGTERM)
            await _end(process)
            raise
        finally:
            await _finish(reader)
            capture.close()
        return CommandResult(
            exit_code=process.returncode if process.returncode is not None else -signal.SIGKILL,
            output=capture.text(),
            seconds=time.monotonic() - begun,
            timed_out=timed_out,
            overflow=capture.overflow,
            left_running=_lives(process.pid),
            stopped=stopped,
        )


class _Capture:
    """Keeps the beginning and the end of an output, and all of it in a file when it is long."""

    def __init__(self, limit: int, folder: Path, progress: Callable[[str], None]) -> None:
        self._limit = max(limit, 200)
        self._folder = folder
        self._progress = progress
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._told = 0.0
        self._head = b""
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._size = 0
        self._file: BinaryIO | None = None
        self.overflow: Path | None = None

    def add(self, data: bytes) -> None:
        self._size += len(data)
        if self._file is None and self._size > self._limit:
            self._spill()
        if self._file is None:
            self._head += data
        else:
            if self._file.tell() < _MAX_OVERFLOW:
                self._file.write(data)
            self._keep_tail(data)
        self._tell(data)

    def close(self) -> None:
        if self._pending:
            self._progress(self._pending[-_PROGRESS_CHARS:])
        if self._file is not None:
            self._file.close()

    def text(self) -> str:
        if self.overflow is None:
            return _plain(self._head)
        first = self._limit * 2 // 5
        head = _plain(self._head[:first])
        tail = _plain(b"".join(self._tail)[-(self._limit - first) :])
        # Cut at line ends, so that no half line is taken for a whole one.
        head = head[: head.rfind("\n") + 1] or head
        tail = tail[tail.find("\n") + 1 :] or tail
        return (
            f"{head}[… output cut: {self._size:,} bytes in all, see the file named below …]\n{tail}"
        )

    def _spill(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.overflow = self._folder / f"bash-{secrets.token_hex(6)}.txt"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self.overflow, flags, 0o600), "wb")
        self._file.write(self._head)
        self._keep_tail(self._head)

    def _keep_tail(self, data: bytes) -> None:
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size - len(self._tail[0]) > self._limit:
            self._tail_size -= len(self._tail.popleft())

    def _tell(self, data: bytes) -> None:
        self._pending = (self._pending + self._decoder.decode(data))[-_PROGRESS_CHARS:]
        now = time.monotonic()
        if now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            self._progress(self._pending)
            self._pending = ""


def _plain(data: bytes) -> str:
    """Text as a person would have seen it in the end: no escapes, no overwritten progress bars."""
    text = _ESCAPES.sub("", data.decode("utf-8", "replace")).replace("\0", "")
    return _OVERWRITTEN.sub("", text.replace("\r\n", "\n"))


async def _read(pipe: int, capture: _Capture) -> None:
    """Take all output until every writer is gone; closes the pipe, also when cancelled."""
    stream = asyncio.StreamReader()
    file = os.fdopen(pipe, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), file
    )
    try:
        while data := await stream.read(_CHUNK):
            capture.add(data)
    finally:
        transport.close()


async def _finish(reader: "asyncio.Task[None]") -> None:
    """Give the reader a moment for what is still in the pipe, then let go of it."""
    await asyncio.wait({reader}, timeout=_DRAIN_SECONDS)
    reader.cancel()
    with suppress(asyncio.CancelledError):
        await reader


async def _end(process: asyncio.subprocess.Process) -> None:
    """TERM to the whole group, a grace period, then KILL; returns when the shell is gone."""
    _signal(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    try:
        while time.monotonic() < deadline and _lives(process.pid):
            await asyncio.sleep(0.02)
    finally:
        _signal(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), GRACE_SECONDS)


def _signal(group: int, number: int) -> bool:
    """Signal a process group; 0 only asks. Returns whether the group exists."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so for a group of zombies.
        return False
    return True


def _lives(group: int) -> bool:
    """Whether a process of the group still runs; dead ones that nobody has collected do not."""
    if not _signal(group, 0):
        return False
    processes = Path("/proc")
    if not (processes / "self" / "stat").exists():
        return True
    for status in processes.glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            # After the name in parentheses: state, parent, group.
            state, _, number = status.read_text("utf-8", "replace").rsplit(")", 1)[1].split()[:3]
            if number == str(group) and state not in "ZX":
                return True
    return False
