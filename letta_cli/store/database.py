"""What a repository needs of a database: one small door that every driver opens alike.

The statements behind it are portable SQL with ``?`` placeholders and neither ``?`` nor ``%`` inside
literals, so that one set of repositories serves every driver.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Database(Protocol):
    """An open database. Safe to share between threads; each gets its own connection.

    Every method may raise:
        Busy: another process held the write lock for the whole waiting time.
        DatabaseDamaged: what was read is not what was written.
        DiskFull: nothing was written; reading still works.
        StoreError: the file cannot be reached or written.
    """

    @property
    def driver(self) -> str:
        """``sqlite`` or ``postgresql``."""
        ...

    def query(self, sql: str, *args: Any) -> list[Row]:
        """All rows of one statement; statements that write need an open `transaction`."""
        ...

    def execute(self, sql: str, *args: Any) -> None:
        """Run one statement inside an open `transaction`.

        A driver may send it with the next one, so that what goes wrong with it may be told by that
        one, at the latest by the end of the transaction. Who must know how many rows it changed
        asks with ``RETURNING``.
        """
        ...

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of arguments inside a `transaction`; see `execute`."""
        ...

    def transaction(self, *, durable: bool = True, only: str = "") -> AbstractContextManager[None]:
        """Write alone: everything inside is kept together or not at all.

        A transaction inside a transaction joins it. Nothing inside may wait for a model, a tool
        or a person.

        Args:
            durable: False for what may be lost in a power cut (never in a crash of the program),
                such as a heartbeat; it spares the wait for the disk.
            only: the id of the conversation, block or session that everything belongs to which is
                written inside, or decides what is written. Where the driver can, writers of others
                do not wait then. Empty: alone in the whole database.
        """
        ...

    def enable_vectors(self) -> bool:
        """Make vectors comparable for this thread; False where this database cannot do it."""
        ...

    def health(self) -> dict[str, Any]:
        """Facts about the database for the doctor; slow, reads everything."""
        ...

    def close(self) -> None:
        """Close this process's connections. Idempotent."""
        ...


def refuse_wider(held: str, only: str) -> None:
    """Raises RuntimeError where a transaction inside another would write more than that one holds.

    It could only wait for the rest while it holds the first, and two of that kind for ever.

    Args:
        held, only: see `Database.transaction`; of the outer and of the inner one.
    """
    if held and only != held:
        raise RuntimeError(f"A transaction about {held} cannot write {only or 'everything'}")
