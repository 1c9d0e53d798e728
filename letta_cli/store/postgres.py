"""The PostgreSQL driver.

Every write transaction begins with advisory locks, which play the part of the kernel lock beside an
SQLite file: writers stand in the server's queue, and the repositories keep all their guarantees.
One that writes only what belongs to one conversation, block or session locks this and shares the
lock of the database; any other has that lock alone. So nobody waits for the second lock while it
keeps others from the first, and there is no circle. Readers take no lock. One connection for each
process and thread.

A statement without an answer waits and travels with the next one, since over a network each trip
takes longer than its statement.
"""

import logging
import os
import threading
import zlib
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors

from letta_cli.core.errors import Holder
from letta_cli.store import postgres_schema
from letta_cli.store.database import Row, refuse_wider
from letta_cli.store.migrations import FOLDER, steps
from letta_cli.store.postgres_address import parse
from letta_cli.store.postgres_connection import (
    Connection,
    Cursor,
    connect,
    holder_of,
    translated,
)
from letta_cli.store.postgres_errors import busy, refused, translate, unknown_outcome
from letta_cli.store.postgres_health import examine
from letta_cli.store.rows import clean

_LOCKS = 0x61676E74
"""The first key of our advisory locks: ``agnt`` in ASCII, as in the header of an SQLite file."""

_WHOLE = 0
"""The second key of the database's lock. That of a conversation, block or session is another."""

_READS = ("SELECT", "WITH")

# So many statements wait for the next trip at most; more would only fill the memory.
_MOST_WAITING = 200

# What went wrong is raised; psycopg would say it on standard error a second time.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


@dataclass(slots=True, eq=False)
class _Session:
    """One thread's connection, how deep it is in transactions, and what is still to be sent."""

    connection: Connection
    thread: threading.Thread
    pid: int
    depth: int = 0
    only: str = ""
    waiting: list[tuple[bytes, Sequence[Any]]] = field(default_factory=list[Any])


class PostgresDatabase:
    """See `letta_cli.store.database.Database`."""

    driver = "postgresql"

    def __init__(
        self,
        url: str,
        *,
        lock_wait_seconds: float = 30.0,
        reason: str = "agent",
        migrations: Path = FOLDER,
    ) -> None:
        """Connect, and make the schema or bring it up to date.

        Args:
            lock_wait_seconds: how long a write waits for its turn before `Busy`.
            reason: what this process does, told to others who wait for it.

        Raises:
            ConfigError: the URL, the user, the password or the database's name is wrong.
            DatabaseTooNew: the database was left as it was.
            Busy, DiskFull, StoreError: see `Database`.
        """
        self.address = parse(url)
        self._reason = reason
        self._wait_seconds = lock_wait_seconds
        self._sessions = threading.local()
        self._all: list[_Session] = []
        self._guard = threading.Lock()
        self._vectors: bool | None = None
        self._prepare(migrations)

    def query(self, sql: str, *args: Any) -> list[Row]:
        session = self._session()
        if session.depth:
            return self._rows(session, sql, args)
        if not sql.startswith(_READS):
            raise RuntimeError("A statement that writes needs a transaction")
        with self._translated():
            try:
                return _fetch(session.connection, sql, args)
            except psycopg.OperationalError:
                if not session.connection.closed:
                    raise
            # It was cut while it was idle: a read may simply be asked again.
            return _fetch(self._renewed(session).connection, sql, args)

    def execute(self, sql: str, *args: Any) -> None:
        self.execute_many(sql, (args,))

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        session, statement = self._writing(), translated(sql)
        for row in rows:
            session.waiting.append((statement, _fit(row)))
            if len(session.waiting) >= _MOST_WAITING:
                with self._translated():
                    _send(session)

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
        with self._translated():
            session = self._begun(session, durable=durable, only=only)
        pid = os.getpid()
        try:
            session.depth, session.only = 1, only
            yield
            self._commit(session)
        finally:
            session.depth = 0
            session.waiting.clear()
            # Reached after an error, be it the caller's or that of the commit.
            if pid == os.getpid():
                _roll_back(session.connection)

    def enable_vectors(self) -> bool:
        if self._vectors is None:
            found = self.query(
                "SELECT format_type(a.atttypid, NULL) FROM pg_attribute a"
                " WHERE a.attrelid = 'search_vector'::regclass AND a.attname = 'value'"
            )
            self._vectors = found == [("halfvec",)]
        return self._vectors

    def health(self) -> dict[str, Any]:
        with self._translated():
            return examine(self._session().connection, self.address.name)

    def close(self) -> None:
        self._sessions = threading.local()
        with self._guard:
            self._close_where(lambda _: True)

    def holder_of(self, high: int, low: int, kind: int) -> Holder | None:
        """Who holds an advisory lock, see `postgres_connection.holder_of`."""
        with self._translated():
            return holder_of(self._session().connection, high, low, kind)

    def separate_connection(self) -> Connection:
        """A connection of the caller's own, for a lock that must outlast threads."""
        try:
            return connect(self.address, self._reason)
        except psycopg.Error as error:
            raise refused(error, self.address) from None

    def _prepare(self, migrations: Path) -> None:
        all_steps = steps("postgres", migrations)
        newest = len(all_steps)
        with self._translated():
            connection = self._session().connection
            if postgres_schema.version_of(connection, self.address, newest) == newest:
                return
            with self.transaction():
                # Judged again: another process may have been here first.
                version = postgres_schema.version_of(connection, self.address, newest)
                postgres_schema.upgrade(connection, all_steps, version)

    def _rows(self, session: _Session, sql: str, args: Sequence[Any]) -> list[Row]:
        with self._translated():
            if not session.waiting:
                return _fetch(session.connection, sql, args)
            return _send(session, (translated(sql), _fit(args))).fetchall()

    def _writing(self) -> _Session:
        session = self._session()
        if not session.depth:
            raise RuntimeError("A statement that writes needs a transaction")
        return session

    def _session(self) -> _Session:
        session: _Session | None = getattr(self._sessions, "current", None)
        if session is not None and session.pid == os.getpid():
            return session
        session = _Session(self.separate_connection(), threading.current_thread(), os.getpid())
        self._sessions.current = session
        with self._guard:
            self._close_where(lambda each: not each.thread.is_alive())
            self._all.append(session)
        return session

    def _renewed(self, session: _Session) -> _Session:
        """The same thread's session over a new connection."""
        session.connection.close()
        session.connection = self.separate_connection()
        return session

    def _close_where(self, condition: Callable[[_Session], bool]) -> None:
        mine = [each for each in self._all if each.pid == os.getpid() and condition(each)]
        self._all = [each for each in self._all if each.pid == os.getpid() and each not in mine]
        for session in mine:
            session.connection.close()

    def _begun(self, session: _Session, *, durable: bool, only: str) -> _Session:
        try:
            self._begin(session.connection, durable=durable, only=only)
        except psycopg.OperationalError:
            if not session.connection.closed:
                raise
            # It was cut while it was idle, and nothing had been sent yet.
            self._begin(self._renewed(session).connection, durable=durable, only=only)
        return session

    def _begin(self, connection: Connection, *, durable: bool, only: str) -> None:
        """One trip to the server: begin, and wait for our turn.

        Not sent along with the first statement: what is read off the clock inside counts from now.
        """
        begin = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;SET LOCAL lock_timeout = %d;" % (
            max(1, int(self._wait_seconds * 1000))
        )
        if not durable:
            begin += b"SET LOCAL synchronous_commit = off;"
        taken = [_key(only), _WHOLE] if only else [_WHOLE]
        if only:
            begin += b"SELECT pg_advisory_xact_lock_shared(%d, %d);" % (_LOCKS, _WHOLE)
        begin += b"SELECT pg_advisory_xact_lock(%d, %d)" % (_LOCKS, taken[0])
        try:
            connection.execute(begin, prepare=False)
        except errors.LockNotAvailable:
            _roll_back(connection)
            found = (holder_of(connection, _LOCKS, key, 2) for key in taken)
            holder = next(filter(None, found), None)
            raise busy(self.address, self._wait_seconds, holder) from None
        except BaseException:
            _roll_back(connection)
            raise

    def _commit(self, session: _Session) -> None:
        with self._translated():
            try:
                if session.waiting:
                    _send(session, (b"COMMIT", ()))
                else:
                    session.connection.execute(b"COMMIT", prepare=False)
            except psycopg.OperationalError:
                if session.connection.closed:
                    raise unknown_outcome(self.address) from None
                raise

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise translate(error, self.address) from error


def _send(session: _Session, *last: tuple[bytes, Sequence[Any]]) -> Cursor:
    """Send what waits, and `last` after it, in one trip; the answer to the last of them."""
    statements = (*session.waiting, *last)
    session.waiting.clear()
    with session.connection.pipeline():
        answers = [session.connection.execute(sql, args or None) for sql, args in statements]
    return answers[-1]


def _fetch(connection: Connection, sql: str, args: Sequence[Any]) -> list[Row]:
    cursor = connection.execute(translated(sql), _fit(args) or None)
    return cursor.fetchall() if cursor.description else []


def _fit(args: Sequence[Any]) -> Sequence[Any]:
    """Arguments as the server takes them: no NUL, no half of a surrogate pair."""
    return [clean(arg) if isinstance(arg, str) else arg for arg in args]


def _roll_back(connection: Connection) -> None:
    idle = psycopg.pq.TransactionStatus.IDLE
    if not connection.closed and connection.info.transaction_status != idle:
        # What cannot be rolled back any more, the server has dropped by itself.
        with suppress(psycopg.Error):
            connection.execute(b"ROLLBACK", prepare=False)


def _key(only: str) -> int:
    """The second key of the lock of a conversation, block or session.

    Two that get the same one wait for one another in vain, and nothing else.
    """
    return zlib.crc32(only.encode("utf-8", "replace")) >> 1 or 1
