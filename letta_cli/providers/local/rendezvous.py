"""Where terminals and the model's server meet: a folder of locks and one state file.

start.lock   held by whoever starts, joins or ends the server
alive.lock   held by the server's process for as long as it lives
state.json   address, key and process of the server; written when the model is loaded
users/       one file a user, locked for as long as its process lives

All locks are kernel locks: they end with their process, whatever ends it. A state file without a
held `alive.lock` is stale and means nothing.
"""

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock
from filelock import Timeout as LockTimeout


@dataclass(frozen=True, slots=True)
class ServerState:
    """Attributes:
    url: base address on the loopback, without a path.
    key: secret of this server's life.
    """

    url: str
    key: str
    pid: int
    model_sha256: str


@dataclass(frozen=True, slots=True)
class LivingUser:
    """A process that holds the server open, and when it last asked for something."""

    path: Path
    asked_at: float
    """Seconds since the epoch."""


class Rendezvous:
    """The folder's names, and what may be read from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start_lock = folder / "start.lock"
        self.alive_lock = folder / "alive.lock"
        self.state_file = folder / "state.json"
        self.users = folder / "users"
        self.slots = folder / "slots"
        self.log = folder / "server.log"

    def create(self) -> None:
        for folder in (self.folder, self.users, self.slots):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, state: ServerState) -> None:
        """Publish `state`, atomically, readable by the person only."""
        temporary = self.folder / f"state.{os.getpid()}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(state), file)
        temporary.replace(self.state_file)

    def read(self) -> ServerState | None:
        """What the state file says; None without one. Check `is_alive` before believing it."""
        try:
            return ServerState(**json.loads(self.state_file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def is_alive(self) -> bool:
        """Whether a server process lives, loading or serving. Hold the start lock meanwhile:
        the question takes the lock for a moment."""
        return _is_held(self.alive_lock)

    def living_users(self) -> list[LivingUser]:
        """Those who hold the server open; forgets the dead. Hold the start lock meanwhile."""
        living: list[LivingUser] = []
        for path in self.users.glob("*.lock"):
            with contextlib.suppress(OSError):
                if _is_held(path):
                    living.append(LivingUser(path, path.stat().st_mtime))
                else:
                    path.unlink(missing_ok=True)
        return living


class Membership:
    """One user's place in `users/`: from `join` until `leave` or the end of the process."""

    def __init__(self, meeting: Rendezvous) -> None:
        self._path = meeting.users / f"{os.getpid()}-{secrets.token_hex(4)}.lock"
        # Not thread-local: whoever lets go, the place is one.
        self._lock = FileLock(str(self._path), mode=0o600, thread_local=False)

    def join(self) -> None:
        """Idempotent. Hold the start lock meanwhile."""
        if not self._lock.is_locked:
            self._lock.acquire()
        self.touch()

    def touch(self) -> None:
        """Say that this user is asking for something now."""
        with contextlib.suppress(OSError):
            os.utime(self._path)

    def leave(self) -> None:
        self._lock.release(force=True)
        with contextlib.suppress(OSError):
            self._path.unlink()


def _is_held(path: Path) -> bool:
    lock = FileLock(str(path), mode=0o600)
    try:
        lock.acquire(timeout=0)
    except LockTimeout:
        return True
    lock.release()
    return False
