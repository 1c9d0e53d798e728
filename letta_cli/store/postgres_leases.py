"""Leases as advisory locks of the server, which end with the connection that holds them.

Each lease has a connection of its own: it stays when threads come and go, and a process that dies
takes it along, on whatever machine it ran.
"""

import contextlib
import hashlib

import psycopg
from psycopg import errors

from letta_cli.core.errors import Holder
from letta_cli.store.postgres import PostgresDatabase
from letta_cli.store.postgres_connection import Connection
from letta_cli.store.postgres_errors import translate


class _Held:
    """One advisory lock. The connection is the lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def release(self) -> None:
        # Said first: who waits need not wait for the server to notice the closing.
        with contextlib.suppress(psycopg.Error, OSError):
            self._connection.execute(b"SELECT pg_advisory_unlock_all()", prepare=False)
        self._connection.close()

    def is_held(self) -> bool:
        """Reads what has come in, which never waits."""
        if self._connection.closed:
            return False
        try:
            # Twice: a server that ends a connection says so first, and then closes it.
            for _ in range(2):
                self._connection.pgconn.consume_input()
        except psycopg.Error:
            self._connection.close()
            return False
        return True


class PostgresLeaseLocks:
    """See `letta_cli.store.leases.LeaseLocks`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def take(self, conversation_id: str, wait_seconds: float) -> _Held | None:
        connection = self._database.separate_connection()
        taken = False
        try:
            milliseconds = max(1, int(wait_seconds * 1000))
            connection.execute(b"SET lock_timeout = %d" % milliseconds, prepare=False)
            connection.execute(b"SELECT pg_advisory_lock(%s)", (_key(conversation_id),))
            taken = True
        except errors.LockNotAvailable:
            return None
        except psycopg.Error as error:
            raise translate(error, self._database.address) from error
        finally:
            if not taken:
                connection.close()
        return _Held(connection)

    def holder(self, conversation_id: str) -> Holder | None:
        key = _key(conversation_id) & (1 << 64) - 1
        return self._database.holder_of(key >> 32, key & (1 << 32) - 1, 1)


def _key(conversation_id: str) -> int:
    digest = hashlib.sha256(conversation_id.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], signed=True)
