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

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_POLL_SECONDS = 0.005
_SHORT_SECONDS = 0.1
_NOTE_BYTES = 512


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


def host_name() -> str:
    """This machine's name, as `Holder` and presence rows carry it."""
    if sys.platform == "win32":
        import socket

        return socket.gethostname()
    return os.uname().nodename


def terminal_name() -> str:
    """The terminal this process talks to such as ``/dev/pts/3``, or an empty string."""
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError, AttributeError):
            return os.ttyname(descriptor)
    return ""


def _note(reason: str) -> bytes:
    facts = {
        "pid": os.getpid(),
        "host": host_name(),
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
        return Holder(
            pid=int(facts["pid"]),
            host=str(facts["host"]),
            terminal=str(facts["terminal"]),
            since=to_text(since),
            reason=str(facts["reason"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


class _Waiter:
    """One blocking ``flock`` in a thread of its own, so that the wait can be given up."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._guard = threading.Lock()
        self._done = threading.Event()
        self._abandoned = False
        self._error: OSError | None = None
        threading.Thread(target=self._run, name="lock-waiter", daemon=True).start()

    def _run(self) -> None:
        assert fcntl is not None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            self._error = error
        with self._guard:
            if self._abandoned or self._error is not None:
                os.close(self._descriptor)
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """True when the lock is taken. In any other case the thread closes the descriptor.

        Raises:
            OSError: the kernel refused the lock.
        """
        taken = False
        try:
            taken = self._done.wait(seconds)
        finally:
            if not taken:
                taken = self._give_up()
        if self._error is not None:
            raise self._error
        return taken

    def _give_up(self) -> bool:
        """Leave the queue; True when the lock came in this very moment."""
        with self._guard:
            self._abandoned = not self._done.is_set()
            return not self._abandoned


class KernelLock:
    """An exclusive ``flock``. Threads of this process exclude one another as well."""

    def __init__(self, path: Path, reason: str, *, transient: bool = False) -> None:
        self._path = path
        self._transient = transient
        self._reason = reason
        self._note = b""
        self._threads = threading.Lock()
        self._descriptor = -1
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
        # The descriptor belongs to the waiter until it has the lock.
        descriptor, self._descriptor = self._descriptor, -1
        if _Waiter(descriptor).wait(seconds):
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
        if not self._note:
            self._note = _note(self._reason)
        # A full disk must not keep anyone from the lock.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, _stamp(self._note), 0)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _after_fork(self) -> None:
        # The child shares the parent's lock through this descriptor: let go of it unreleased.
        self._close()
        self._note = b""
        self._threads = threading.Lock()


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
