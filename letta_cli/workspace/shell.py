"""Runs a command in its own process group and always ends it: at its end, at the timeout, or
when the person interrupts. Output is capped; what does not fit goes to a private file."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from letta_cli.core.need import Need
from letta_cli.core.secret import Masker, mentioned
from letta_cli.workspace.capture import Capture

if TYPE_CHECKING:
    from letta_cli.workspace.confined import Confined

GRACE_SECONDS = 2.0
"""Between TERM and KILL."""

_CHUNK = 65_536
_TRIES = 3
"""Of a sandbox whose places went away while it was made; the command has not begun then."""

_DRAIN_SECONDS = 0.3
_SLOW_DRAIN_SECONDS = 3.0
"""For output that a busy machine has not taken in yet, when nobody is left to write more."""


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
        confined: it ran in the sandbox, without what it was not granted.
        needed: what a failed one would need beyond that, as far as it shows.
        refused_hosts: what it asked the sandbox's proxy for in vain.
        offline: it had no network.
        taken_away: protected names that it made in the tree, and where they were moved to.
    """

    exit_code: int
    output: str
    seconds: float
    timed_out: bool = False
    overflow: Path | None = None
    left_running: bool = False
    stopped: bool = False
    confined: bool = False
    needed: tuple[Need, ...] = ()
    refused_hosts: tuple[str, ...] = ()
    offline: bool = False
    taken_away: tuple[tuple[Path, Path], ...] = ()


class Shell:
    """``bash -c`` in one directory, with one environment.

    Attributes:
        confined: what commands may reach; None when nothing confines them.
        secret_names: of values that a command gets when it mentions them.
    """

    def __init__(
        self,
        cwd: Path,
        *,
        environment: Mapping[str, str],
        overflow_dir: Path,
        timeout_ms: int = 120_000,
        max_timeout_ms: int = 600_000,
        max_output: int = 30_000,
        secrets: Mapping[str, str] | None = None,
        masker: Masker | None = None,
    ) -> None:
        self.cwd = cwd
        self.environment = dict(environment)
        self.overflow_dir = overflow_dir
        self.timeout_ms = timeout_ms
        self.max_timeout_ms = max_timeout_ms
        self.max_output = max_output
        self.confined: Confined | None = None
        self._secrets = secrets or {}
        self.secret_names = frozenset(self._secrets)
        self._masker = masker or Masker(self._secrets)

    async def run(
        self,
        command: str,
        *,
        timeout_ms: int | None = None,
        needs: Iterable[Need] = (),
        progress: Callable[[str], None] = lambda _text: None,
        started: Callable[[int], None] = lambda _group: None,
    ) -> CommandResult:
        """Run `command` to its end.

        A cancelled task ends the whole process group before the cancellation goes on.

        Args:
            needs: what it was granted beyond the sandbox; nothing where there is none.

        Raises:
            OSError: bash or the directory is missing.
            ValueError: a need cannot be met; the text says why.
            ConfigError: it was to be confined, and nothing here confines it.
        """
        limit = min(timeout_ms or self.timeout_ms, self.max_timeout_ms) / 1_000
        line = ["bash", "-c", command]
        environment = {**self.environment, **mentioned(command, self._secrets)}
        if self.confined is None:
            return await self._run(line, environment, limit, progress, started)
        tries = _TRIES
        while True:
            async with self.confined.running(line, needs) as run:
                result = await self._run(run.line, environment, limit, progress, started)
            tries -= 1
            if not tries or not run.came_to_nothing(result.exit_code, result.output):
                break
        return replace(
            result,
            confined=run.reach is not None,
            offline=run.offline,
            needed=self.confined.needed(run, result.output) if result.exit_code else (),
            refused_hosts=run.refused_hosts,
            taken_away=run.taken_away,
        )

    async def _run(
        self,
        line: list[str],
        environment: Mapping[str, str],
        limit: float,
        progress: Callable[[str], None],
        started: Callable[[int], None],
    ) -> CommandResult:
        begun = time.monotonic()
        process, output = await self._start(line, environment)
        capture = Capture(self.max_output, self.overflow_dir, progress, self._masker)
        reader = asyncio.create_task(_read(output, capture))
        timed_out = stopped = False
        try:
            started(process.pid)
            try:
                await asyncio.wait_for(process.wait(), limit)
                stopped = await _left_holding(process, reader)
            except TimeoutError:
                timed_out = True
            if timed_out or stopped:
                await _end(process)
        except BaseException:
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

    async def _start(
        self, line: list[str], environment: Mapping[str, str]
    ) -> tuple[asyncio.subprocess.Process, int]:
        """Start it, and return it with the descriptor that its output comes from."""
        # A pipe of our own: asyncio's would count a command as running while any process that it
        # left in the background holds its output open.
        ours, theirs = os.pipe()
        try:
            # A session of its own: no terminal to ask on, and one group that is ended together.
            process = await asyncio.create_subprocess_exec(
                *line,
                stdin=asyncio.subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                cwd=self.cwd, env=environment, start_new_session=True,
            )  # fmt: skip
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return process, ours


async def _read(pipe: int, capture: Capture) -> None:
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


async def _left_holding(process: asyncio.subprocess.Process, reader: "asyncio.Task[None]") -> bool:
    """Whether processes that the ended shell left behind still hold its output open."""
    done, _ = await asyncio.wait({reader}, timeout=_DRAIN_SECONDS)
    if not done and not _lives(process.pid):
        done, _ = await asyncio.wait({reader}, timeout=_SLOW_DRAIN_SECONDS)
    return not done


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
