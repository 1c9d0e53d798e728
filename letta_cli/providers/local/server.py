"""A terminal's side of the model's server: finds the one that runs, or starts it.

Promises that all terminals of one person share a single copy of the model, that a terminal which
dies in any way holds nothing back, and that a server which died is found out and started anew.
"""

import asyncio
import contextlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from filelock import Timeout as LockTimeout

from letta_cli.core.errors import NoModelConfigured, Retryable
from letta_cli.providers.local.manifest import EmbeddedModel, installed
from letta_cli.providers.local.rendezvous import Membership, Rendezvous, ServerState

LOAD_SECONDS = 180.0
"""The longest a model may take to load: a slow disk reads a gigabyte in less."""

POLL_SECONDS = 0.05
LOG_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How long a server stays: `linger_seconds` after its last user, `idle_seconds` unasked."""

    linger_seconds: float = 5.0
    idle_seconds: float = 600.0


class SharedServer:
    """The server of one model for all terminals of one person.

    Args:
        models_folder: where the weights are; the server's own files go beside them.
    """

    def __init__(
        self, model: EmbeddedModel, models_folder: Path, options: ServerOptions | None = None
    ) -> None:
        self._model = model
        self._models_folder = models_folder
        self._options = options or ServerOptions()
        self.meeting = Rendezvous(models_folder / f"server-{model.sha256[:8]}")
        self._membership: Membership | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def check(self) -> Path:
        """The weights' path.

        Raises:
            NoModelConfigured: the runtime or the weights are missing; says what to type.
        """
        if importlib.util.find_spec("xllamacpp") is None:
            raise NoModelConfigured(
                "The local model needs the runtime xllamacpp, which is not installed. "
                "Type: pip install 'letta-cli[local]'"
            )
        weights = installed(self._model, self._models_folder)
        if weights is None:
            raise NoModelConfigured(
                f"The local model {self._model.title} is not on this computer yet "
                f"({self._model.size / 1e9:.1f} GB, {self._model.license}). "
                "Type: agent models pull"
            )
        return weights

    async def join(self) -> ServerState:
        """Be a user of the running server; start it when there is none.

        Cheap when it runs already: call it before each request.

        Raises:
            NoModelConfigured: as `check`.
            Retryable: it ended while it loaded; the message has the end of its log.
        """
        weights = self.check()
        self.meeting.create()
        deadline = time.monotonic() + LOAD_SECONDS
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        while time.monotonic() < deadline:
            async with self._start_lock():
                self._register()
                if self.meeting.is_alive():
                    if state := self.meeting.read():
                        return state
                elif self._child is None or self._child.poll() is not None:
                    self._start(weights)
                state = await self._loaded(deadline)
            if state:
                return state
        raise Retryable(
            f"The local model was not loaded after {LOAD_SECONDS:.0f} s: see {self.meeting.log}"
        )

    async def is_running(self) -> bool:
        """Whether a server is there and loaded."""
        if not self.meeting.state_file.exists():
            return False
        async with self._start_lock():
            return self.meeting.is_alive()

    def touch(self) -> None:
        """Say that a request is under way: the server counts its idle time from here."""
        if self._membership:
            self._membership.touch()

    def leave(self) -> None:
        """Be a user no longer; the server ends soon after its last one."""
        if self._membership:
            self._membership.leave()
            self._membership = None

    def _register(self) -> None:
        if self._membership is None:
            self._membership = Membership(self.meeting)
        self._membership.join()

    def _start(self, weights: Path) -> None:
        """Start the server's process, on its own: no terminal's end or Ctrl-C reaches it."""
        self.meeting.state_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "letta_cli.providers.local.serve"]
        command += ["--folder", str(self.meeting.folder), "--weights", str(weights)]
        command += ["--sha256", self._model.sha256, "--alias", self._model.name]
        command += ["--context", str(self._model.context_window)]
        command += ["--linger-seconds", str(self._options.linger_seconds)]
        command += ["--idle-seconds", str(self._options.idle_seconds)]
        with contextlib.suppress(OSError):
            if self.meeting.log.stat().st_size > LOG_BYTES:
                self.meeting.log.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(self.meeting.log, flags, 0o600), "ab") as log:
            # Not in the current folder: `-m` would import what a repository calls letta_cli.
            self._child = subprocess.Popen(
                command,
                cwd=self.meeting.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _loaded(self, deadline: float) -> ServerState | None:
        """Wait for the state file; None when it will not come and a new process is needed.

        A child that ends in good order was not loading: it was a server on its way out, whose
        locks are held until the last of its threads has gone.

        Raises:
            Retryable: our own process failed to load.
        """
        while time.monotonic() < deadline:
            if state := self.meeting.read():
                return state
            if self._child is not None:
                code = self._child.poll()
                if code is not None:
                    self._child = None
                    if code == 0:
                        return None
                    raise Retryable(
                        f"The local model's process ended with code {code} while it loaded. "
                        f"The end of {self.meeting.log}:\n{self._log_end()}"
                    )
            elif not self.meeting.is_alive():
                return None
            await asyncio.sleep(POLL_SECONDS)
        return None

    def _log_end(self) -> str:
        try:
            lines = self.meeting.log.read_text(errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(lines[-5:])

    @contextlib.asynccontextmanager
    async def _start_lock(self) -> AsyncGenerator[None]:
        lock = FileLock(str(self.meeting.start_lock), mode=0o600, thread_local=False)
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except LockTimeout:
                await asyncio.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            lock.release()
