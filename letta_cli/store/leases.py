"""Leases: one run at a time in each conversation, whatever becomes of its process."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from letta_cli.core.errors import Busy, Holder, LeaseLost, NotFound, StoreError
from letta_cli.store.locks import Lock, make_private_folder, new_lock

# So long a question of `holder` may keep the lock from one who comes to take it.
_GRACE_SECONDS = 0.02

# Between two questions to a server that does not answer.
_RETRY_SECONDS = 0.25

_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


class HeldLock(Protocol):
    """A lock that was taken."""

    def release(self) -> None: ...

    def is_held(self) -> bool:
        """Whether it is still ours, as far as this machine knows. Asks nobody; microseconds."""
        ...


class LeaseLocks(Protocol):
    """One exclusive lock for each conversation that ends with its owner. Each driver has its own.

    The ids it is given are plain names, fit for a file.
    """

    def take(self, conversation_id: str, wait_seconds: float) -> HeldLock | None:
        """Take the lock; None when it stayed taken for so long."""
        ...

    def holder(self, conversation_id: str) -> Holder | None:
        """Who has it now; None when it is free, or when that cannot be told."""
        ...


class _FileLock:
    """A kernel lock, which only its process can lose."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def release(self) -> None:
        self._lock.release()

    def is_held(self) -> bool:
        return True


class FileLeaseLocks:
    """Kernel locks, one file a conversation while it is held. They end with their process."""

    def __init__(self, folder: Path, reason: str) -> None:
        self._folder = folder
        self._reason = reason

    def take(self, conversation_id: str, wait_seconds: float) -> HeldLock | None:
        make_private_folder(self._folder)
        lock = new_lock(self._path(conversation_id), self._reason, transient=True)
        return _FileLock(lock) if lock.acquire(wait_seconds) else None

    def holder(self, conversation_id: str) -> Holder | None:
        path = self._path(conversation_id)
        if not path.exists():
            return None
        lock = new_lock(path, self._reason, transient=True)
        # A killed process leaves its note behind, but not the lock.
        if lock.acquire(0):
            lock.release()
            return None
        return lock.holder()

    def _path(self, conversation_id: str) -> Path:
        return self._folder / f"{conversation_id}.lock"


class Lease:
    """The right to run in a conversation. Ends with `release`, ``with`` or the process.

    A lock at a server also ends when the connection to it breaks; see `keep`.
    """

    def __init__(
        self, conversation_id: str, lock: HeldLock, take_again: Callable[[], HeldLock]
    ) -> None:
        """Args:
        take_again: takes the lock anew; raises LeaseLost when another session has it.
        """
        self.conversation_id = conversation_id
        self._lock: HeldLock | None = lock
        self._take_again = take_again
        self._guard = threading.Lock()

    @property
    def is_held(self) -> bool:
        """Whether it is still ours, as far as this machine knows. Microseconds."""
        lock = self._lock
        return lock is not None and lock.is_held()

    def keep(self, patience_seconds: float = 0.0) -> bool:
        """Make sure that the conversation is still held; take it again when it was lost.

        Args:
            patience_seconds: how long to wait for a server that does not answer; blocks.

        Returns:
            Whether it had been lost, so that another session may have been there meanwhile.

        Raises:
            LeaseLost: another session holds it now, or it was released.
            StoreError: the server does not answer.
        """
        deadline = time.monotonic() + patience_seconds
        with self._guard:
            if self._lock is None:
                raise LeaseLost(f"Conversation {self.conversation_id} is not held any more.")
            if self._lock.is_held():
                return False
            while True:
                try:
                    self._lock = self._take_again()
                    return True
                except LeaseLost:
                    raise
                except StoreError:
                    if time.monotonic() >= deadline:
                        raise
                time.sleep(_RETRY_SECONDS)

    def release(self) -> None:
        """Give it back. Idempotent."""
        with self._guard:
            lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


class Leases:
    """The repository of leases."""

    def __init__(self, locks: LeaseLocks, title_of: Callable[[str], str]) -> None:
        """Args:
        title_of: the title of a conversation, for messages to people.
        """
        self._locks = locks
        self._title_of = title_of

    def acquire(self, conversation_id: str, *, wait_seconds: float = 0.0) -> Lease:
        """Hold the conversation. Not reentrant: who has it must not ask again.

        Args:
            wait_seconds: how long to wait for the holder to finish; waiting blocks the thread.

        Raises:
            Busy: another session holds it; says who and what to do.
            NotFound: there cannot be such a conversation.
        """
        _check(conversation_id)
        lock = self._locks.take(conversation_id, max(wait_seconds, _GRACE_SECONDS))
        if lock is None:
            holder = self._locks.holder(conversation_id)
            raise Busy(self._taken(conversation_id, holder), holder=holder)
        return Lease(conversation_id, lock, lambda: self._again(conversation_id))

    def holder(self, conversation_id: str) -> Holder | None:
        """Who has the conversation now; None when it is free. Raises NotFound as `acquire`."""
        _check(conversation_id)
        return self._locks.holder(conversation_id)

    def _again(self, conversation_id: str) -> HeldLock:
        lock = self._locks.take(conversation_id, _GRACE_SECONDS)
        if lock is None:
            holder = self._locks.holder(conversation_id)
            raise LeaseLost(
                f"The connection to the database broke, and meanwhile another session took over. "
                f"{self._taken(conversation_id, holder)}",
                holder=holder,
            )
        return lock

    def _taken(self, conversation_id: str, holder: Holder | None) -> str:
        title = self._title_of(conversation_id)
        name = f"{title!r} ({conversation_id})" if title else conversation_id
        who = "by another session"
        if holder is not None:
            since = f" since {holder.since[:19].replace('T', ' ')} UTC" if holder.since else ""
            who = f"by pid {holder.pid}{holder.where}{since}"
        return f"Conversation {name} is in use {who}. Try again when it is free."


def _check(conversation_id: str) -> None:
    if not conversation_id or not _ALLOWED.issuperset(conversation_id):
        raise NotFound(f"There is no conversation {conversation_id!r}.")
