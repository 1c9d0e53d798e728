"""Leases: one run at a time in each conversation, whatever becomes of its process."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from letta_cli.core.errors import Busy, Holder, NotFound
from letta_cli.store.locks import Lock, make_private_folder, new_lock

# So long a question of `holder` may keep the lock from one who comes to take it.
_GRACE_SECONDS = 0.02

_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


class Lease:
    """The right to run in a conversation. Ends with `release`, ``with`` or the process."""

    def __init__(self, conversation_id: str, lock: Lock) -> None:
        self.conversation_id = conversation_id
        self._lock: Lock | None = lock

    def release(self) -> None:
        """Give it back. Idempotent."""
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
    """Kernel locks, one file a conversation while it is held. They end with their process."""

    def __init__(self, folder: Path, reason: str, title_of: Callable[[str], str]) -> None:
        """Args:
        title_of: the title of a conversation, for messages to people.
        """
        self._folder = folder
        self._reason = reason
        self._title_of = title_of

    def acquire(self, conversation_id: str, *, wait_seconds: float = 0.0) -> Lease:
        """Hold the conversation. Not reentrant: who has it must not ask again.

        Args:
            wait_seconds: how long to wait for the holder to finish; waiting blocks the thread.

        Raises:
            Busy: another session holds it; says who and what to do.
            NotFound: there cannot be such a conversation.
        """
        make_private_folder(self._folder)
        lock = new_lock(self._path(conversation_id), self._reason, transient=True)
        if not lock.acquire(max(wait_seconds, _GRACE_SECONDS)):
            holder = lock.holder()
            raise Busy(self._taken(conversation_id, holder), holder=holder)
        return Lease(conversation_id, lock)

    def holder(self, conversation_id: str) -> Holder | None:
        """Who has the conversation now; None when it is free. Raises NotFound as `acquire`."""
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
        if not conversation_id or not _ALLOWED.issuperset(conversation_id):
            raise NotFound(f"There is no conversation {conversation_id!r}.")
        return self._folder / f"{conversation_id}.lock"

    def _taken(self, conversation_id: str, holder: Holder | None) -> str:
        title = self._title_of(conversation_id)
        name = f"{title!r} ({conversation_id})" if title else conversation_id
        who = "by another session"
        if holder is not None:
            terminal = f" on {holder.terminal}" if holder.terminal else ""
            who = f"by pid {holder.pid}{terminal} since {holder.since[:19].replace('T', ' ')} UTC"
        return f"Conversation {name} is in use {who}. Try again when it is free."
