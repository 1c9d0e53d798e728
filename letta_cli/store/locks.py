"""Locks between processes that end with their owner, however it ends.

The lock is the kernel's (``flock``): a killed process leaves nothing behind. Waiting is done in the
kernel's queue, which is fair; polling is not. The note in the lock file says who holds it; it is
information for people and never the lock itself.
"""

import contextlib
import json
import os
import sys
import threading
import time
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from letta_cli.core.clock import to_text
from letta_cli.core.errors import Holder, StoreError
from letta_cli.store import machine
from letta_cli.store.lock_waiting import Waiter, can_wait_here, wait_here

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_POLL_SECONDS = 0.005
_SHORT_SECONDS = 0.1
_NOTE_BYTES = 512
_TURNSTILE_SECONDS = 2.0


class Lock(Protocol):
    """An exclusive lock on a path. One instance may be shared by threads; it is not reentrant."""

    def acquire(self, wait_seconds: float) -> bool:
        """Take the lock; False when it stayed taken for `wait_seconds` (0: do not wait)."""
        ...

    def release(self) -> None: ...

    def holder(self) -> Holder | None:
        """Who wrote the note last; meaningful while the lock is taken."""
        ...


def new_lock(path: Path, reason: str, *, transient: bool = False) -> Lock:
    """The best lock this system has.

    Args:
        path: the lock file; created with mode 0600.
        reason: what it is taken for, told to those who find it taken.
        transient: remove the file on release, so that no heap of them grows.
    """
    if fcntl is None:
        return PolledLock(path, reason)
    return KernelLock(path, reason, transient=transient)


def new_queue(path: Path, reason: str) -> Lock:
    """As `new_lock`, for one that many processes take all the time: first come, first served."""
    if fcntl is None:
        return PolledLock(path, reason)
    return QueuedLock(path, reason)


def make_private_folder(folder: Path) -> None:
    """Create `folder` and missing parents with mode 0700 whatever the umask.

    A folder that exists keeps its mode: it may be one that others share on purpose.
    """
    missing: list[Path] = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        try:
            path.mkdir()
        except FileExistsError:
            continue
        path.chmod(PRIVATE_FOLDER)


def terminal_name() -> str:
    """The terminal this process talks to such as ``/dev/pts/3``, or an empty string."""
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError, AttributeError):
            return os.ttyname(descriptor)
    return ""


def _note(reason: str) -> bytes:
    facts = {
        "pid": os.getpid(),
        "host": machine.place(),
        "terminal": terminal_name(),
        "reason": reason[:120],
    }
    return json.dumps(facts)[:-1].encode()


def _stamp(note: bytes) -> bytes:
    # A fixed width, so that one write replaces the whole note before it.
    return (note + b', "since": %.3f}' % time.time()).ljust(_NOTE_BYTES)


def _read_note(path: Path) -> Holder | None:
    try:
        facts: dict[str, Any] = json.loads(path.read_bytes() or b"{}")
        since = datetime.fromtimestamp(float(facts["since"]), UTC)
        host, here = machine.split(str(facts["host"]))
        return Holder(
            pid=int(facts["pid"]),
            host=host,
            terminal=str(facts["terminal"]),
            since=to_text(since),
            reason=str(facts["reason"]),
            here=here,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


class KernelLock:
    """An exclusive ``flock``. Threads of this process exclude one another as well."""

    def __init__(self, path: Path, reason: str, *, transient: bool = False) -> None:
        self._descriptor = -1
        self._path = path
        self._transient = transient
        self._reason = reason
        self._note = b""
        self._threads = threading.Lock()
        _LIVE.add(self)

    def acquire(self, wait_seconds: float) -> bool:
        deadline = time.monotonic() + wait_seconds
        if not self._threads.acquire(timeout=max(0.0, wait_seconds)):
            return False
        taken = False
        try:
            taken = self._acquire(deadline)
        finally:
            if not taken:
                self._close()
                self._threads.release()
        return taken

    def release(self) -> None:
        assert fcntl is not None
        if self._transient:
            # Removed while it is held: who waits on this inode finds out and starts again.
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._close()
        else:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._threads.release()

    def holder(self) -> Holder | None:
        return _read_note(self._path)

    def _acquire(self, deadline: float) -> bool:
        while True:
            self._open()
            try:
                if not self._try() and not self._wait(deadline - time.monotonic()):
                    return False
            except OSError as error:
                raise StoreError(
                    f"The file system of {self._path} cannot lock files: {error.strerror}. "
                    "Choose a folder on another one with AGENT_HOME."
                ) from error
            if self._is_current():
                self._write_note()
                return True
            self._close()

    def _try(self) -> bool:
        assert fcntl is not None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(self, seconds: float) -> bool:
        if seconds <= _SHORT_SECONDS:
            # Not worth a thread, which would stand in the queue long after we gave up.
            return self._poll(seconds)
        if can_wait_here():
            return wait_here(self._descriptor, seconds)
        # The descriptor belongs to the waiter until it has the lock.
        descriptor, self._descriptor = self._descriptor, -1
        if Waiter(descriptor).wait(seconds):
            self._descriptor = descriptor
            return True
        return False

    def _poll(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
            if self._try():
                return True
        return False

    def _open(self) -> None:
        if self._descriptor >= 0:
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        try:
            self._descriptor = os.open(self._path, flags, PRIVATE_FILE)
        except OSError as error:
            raise StoreError(
                f"Cannot open the lock file {self._path}: {error.strerror}. "
                "Make its folder writable for you, or choose another folder with AGENT_HOME."
            ) from error
        if os.fstat(self._descriptor).st_mode & 0o777 != PRIVATE_FILE:
            os.fchmod(self._descriptor, PRIVATE_FILE)

    def _is_current(self) -> bool:
        # Someone may have removed the file: then others lock a new one.
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(found, os.fstat(self._descriptor))

    def _write_note(self) -> None:
        if not self._reason:
            return
        if not self._note:
            self._note = _note(self._reason)
        # A full disk must not keep anyone from the lock.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, _stamp(self._note), 0)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self._close()

    def _after_fork(self) -> None:
        # The child shares the parent's lock through this descriptor: let go of it unreleased.
        self._close()
        self._note = b""
        self._threads = threading.Lock()


class QueuedLock:
    """A `KernelLock` behind a turnstile, which is held only while one waits for the lock itself.

    The kernel wakes the first who waits, but who has just let go may take the lock again before
    the woken one gets a processor. Whoever wants it again must first pass the turnstile, where
    the next in line stands. The turnstile is for fairness alone: when it does not move, because
    the process in it is stopped, the others go past it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self._turnstile = KernelLock(path.with_name(path.name + ".queue"), "")
        self._lock = KernelLock(path, reason)

    def acquire(self, wait_seconds: float) -> bool:
        deadline = time.monotonic() + wait_seconds
        passed = self._turnstile.acquire(min(wait_seconds, _TURNSTILE_SECONDS))
        try:
            return self._lock.acquire(max(0.0, deadline - time.monotonic()))
        finally:
            if passed:
                self._turnstile.release()

    def release(self) -> None:
        self._lock.release()

    def holder(self) -> Holder | None:
        return self._lock.holder()


class PolledLock:
    """The same through filelock, for systems without ``flock``; waiting is not fair there."""

    def __init__(self, path: Path, reason: str) -> None:
        import filelock

        self._lock = filelock.FileLock(str(path), mode=PRIVATE_FILE, thread_local=False)
        self._busy: type[Exception] = filelock.Timeout
        self._threads = threading.Lock()
        self._holder_path = path.with_name(path.name + ".holder")
        self._reason = reason

    def acquire(self, wait_seconds: float) -> bool:
        deadline = time.monotonic() + wait_seconds
        if not self._threads.acquire(timeout=max(0.0, wait_seconds)):
            return False
        taken = False
        try:
            rest = max(0.0, deadline - time.monotonic())
            self._lock.acquire(timeout=rest, poll_interval=_POLL_SECONDS)
            taken = True
        except self._busy:
            return False
        finally:
            if not taken:
                self._threads.release()
        with contextlib.suppress(OSError):
            self._holder_path.write_bytes(_stamp(_note(self._reason)))
        return True

    def release(self) -> None:
        self._lock.release()
        self._threads.release()

    def holder(self) -> Holder | None:
        return _read_note(self._holder_path)


_LIVE: weakref.WeakSet[KernelLock] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for lock in list(_LIVE):
        lock._after_fork()  # pyright: ignore[reportPrivateUsage]  # the same module's own class


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
