"""The SQLite driver.

Every write runs under one kernel lock beside the database, with ``BEGIN IMMEDIATE`` inside:
SQLite's own waiting is a poll and starves late-comers, the kernel's queue is fair. Readers take no
lock. One connection for each process and thread.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from letta_cli.core.errors import Busy, StoreError
from letta_cli.store import sqlite_file
from letta_cli.store.backup import back_up_open
from letta_cli.store.database import Row, refuse_wider
from letta_cli.store.filesystem import filesystem_type, is_shared
from letta_cli.store.locks import make_private_folder, new_queue
from letta_cli.store.migrations import FOLDER, steps
from letta_cli.store.sqlite_connection import Connection, has_moved, load_vectors
from letta_cli.store.sqlite_errors import translate, unwritable
from letta_cli.store.sqlite_health import examine

LOCK_NAME = "agent.lock"
_READS = ("SELECT", "WITH")


@dataclass(slots=True, eq=False)
class _Session:
    """One thread's connection, and how deep it is in transactions."""

    connection: Connection
    thread: threading.Thread
    pid: int
    depth: int = 0
    only: str = ""
    vectors: bool | None = None


class SqliteDatabase:
    """See `letta_cli.store.database.Database`."""

    driver = "sqlite"

    def __init__(
        self,
        path: Path,
        *,
        lock_wait_seconds: float = 30.0,
        reason: str = "agent",
        filesystem: str | None = None,
        migrations: Path = FOLDER,
    ) -> None:
        """Open `path`, or create it; bring its schema up to date.

        Args:
            lock_wait_seconds: how long a write waits for its turn before `Busy`.
            reason: what this process does, told to others who wait for it.
            filesystem: the type of file system; found out when None.

        Raises:
            DatabaseDamaged, DatabaseTooNew: the file was refused and left as it was.
            Busy, DiskFull, StoreError: see `Database`.
        """
        self.path = path
        self._wait_seconds = lock_wait_seconds
        self._steps = steps("sqlite", migrations)
        self._sessions = threading.local()
        self._all: list[_Session] = []
        self._guard = threading.Lock()
        with self._translated():
            make_private_folder(path.parent)
        self.filesystem = filesystem_type(path.parent) if filesystem is None else filesystem
        self._shared = is_shared(self.filesystem)
        self._lock = new_queue(path.with_name(LOCK_NAME), reason)
        self._prepare()
        self._identity = self._identify()

    def query(self, sql: str, *args: Any) -> list[Row]:
        session = self._session()
        if not session.depth and not sql.startswith(_READS):
            raise RuntimeError("A statement that writes needs a transaction")
        try:
            return session.connection.execute(sql, args).fetchall()
        except apsw.Error as error:
            raise translate(error, self.path) from error

    def execute(self, sql: str, *args: Any) -> None:
        session = self._session()
        if not session.depth:
            raise RuntimeError("A statement that writes needs a transaction")
        try:
            session.connection.execute(sql, args)
        except apsw.Error as error:
            raise translate(error, self.path) from error

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        session = self._session()
        if not session.depth:
            raise RuntimeError("A statement that writes needs a transaction")
        try:
            session.connection.executemany(sql, rows)
        except apsw.Error as error:
            raise translate(error, self.path) from error

    @contextmanager
    def transaction(self, *, durable: bool = True, only: str = "") -> Generator[None]:
        session = self._session()
        if session.depth:
            refuse_wider(session.only, only)
            session.depth += 1
            try:
                yield
            finally:
                session.depth -= 1
            return
        with self._translated(), self._durability(session.connection, durable), self._exclusive():
            self._check_identity()
            connection = session.connection
            try:
                connection.execute("BEGIN IMMEDIATE")
                session.depth, session.only = 1, only
                yield
                connection.execute("COMMIT")
            finally:
                session.depth = 0
                # Reached after an error, be it the caller's or that of the commit.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def enable_vectors(self) -> bool:
        session = self._session()
        if session.vectors is None:
            session.vectors = load_vectors(session.connection)
        return session.vectors

    def health(self) -> dict[str, Any]:
        with self._translated():
            return examine(
                self._session().connection, self.path, self.filesystem, shared=self._shared
            )

    def close(self) -> None:
        self._sessions = threading.local()
        with self._guard:
            self._close_where(lambda _: True)

    def _session(self) -> _Session:
        session: _Session | None = getattr(self._sessions, "current", None)
        if session is not None and session.pid == os.getpid():
            return session
        if session is not None:
            _abandon(session.connection)
        with self._translated():
            return self._adopt(self._connect())

    def _adopt(self, connection: Connection) -> _Session:
        """Make a connection this thread's own."""
        try:
            self._set_journal(connection)
        except BaseException:
            connection.close()
            raise
        session = _Session(connection, threading.current_thread(), os.getpid())
        self._sessions.current = session
        with self._guard:
            self._close_where(lambda each: not each.thread.is_alive())
            self._all.append(session)
        return session

    def _close_where(self, condition: Callable[[_Session], bool]) -> None:
        mine = [each for each in self._all if each.pid == os.getpid() and condition(each)]
        self._all = [each for each in self._all if each not in mine]
        for session in mine:
            session.connection.close()

    def _connect(self) -> Connection:
        return sqlite_file.connect(self.path, shared=self._shared)

    def _set_journal(self, connection: Connection) -> None:
        if self._shared or connection.pragma("journal_mode") != "wal":
            with self._exclusive():
                if not self._shared:
                    self._refuse_moved(connection)
                sqlite_file.set_journal(connection, shared=self._shared)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)

    def _prepare(self) -> None:
        """Judge the file, make or upgrade it where needed, and keep the connection."""
        newest = len(self._steps)
        with self._translated():
            if sqlite_file.is_there(self.path):
                connection, version = self._judged()
                if version == newest:
                    self._adopt(connection)
                    return
                connection.close()
            with self._exclusive():
                if not sqlite_file.is_there(self.path):
                    sqlite_file.create(self.path, self._steps, shared=self._shared)
                # Judged again: another process may have been here first.
                connection, version = self._judged()
                try:
                    if version < newest:
                        sqlite_file.check_history(connection, self.path, self._steps)
                        back_up_open(connection, self.path, "migration")
                        sqlite_file.upgrade(connection, self._steps)
                except BaseException:
                    connection.close()
                    raise
            self._adopt(connection)

    def _judged(self) -> tuple[Connection, int]:
        """A connection to a file of ours, and its schema version. A refusal writes nothing."""
        connection = self._connect()
        try:
            version = sqlite_file.check(connection, self.path, len(self._steps))
        except BaseException:
            connection.close()
            raise
        sqlite_file.make_private(self.path)
        return connection, version

    @contextmanager
    def _durability(self, connection: Connection, durable: bool) -> Generator[None]:
        if durable:
            yield
            return
        connection.pragma("synchronous", 1)
        try:
            yield
        finally:
            connection.pragma("synchronous", 2)

    @contextmanager
    def _exclusive(self) -> Generator[None]:
        if not self._lock.acquire(self._wait_seconds):
            raise self._busy()
        try:
            yield
        finally:
            self._lock.release()

    def _busy(self) -> Busy:
        holder = self._lock.holder()
        who = "another process"
        if holder is not None:
            who = f"{holder.reason} (pid {holder.pid}{holder.where}, since {holder.since})"
        return Busy(
            f"The database {self.path} was busy for {self._wait_seconds:g} seconds: {who} is "
            "writing. Try again; if that process hangs, end it.",
            holder=holder,
        )

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except apsw.Error as error:
            raise translate(error, self.path) from error
        except PermissionError as error:
            raise unwritable(self.path, str(error.strerror)) from error

    def _identify(self) -> tuple[int, int]:
        facts = self.path.stat()
        return facts.st_dev, facts.st_ino

    def _refuse_moved(self, connection: Connection) -> None:
        """A restore may have put another file at our path between the opening and the lock."""
        if has_moved(connection):
            raise Busy(f"The database {self.path} was just replaced by a restore. Try again.")

    def _check_identity(self) -> None:
        """Refuse to write into a file that is no longer the database at our path."""
        with contextlib.suppress(FileNotFoundError):
            if self._identify() == self._identity:
                return
        raise StoreError(
            f"The database {self.path} was moved, removed or replaced while in use. "
            "Nothing was written. Put it back, or start again to use the new one."
        )


def _abandon(connection: Connection) -> None:
    """Let a connection that came through a fork live for ever: closing it here could damage it."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
