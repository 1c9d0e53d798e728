"""Connections to PostgreSQL: how each is set up, who it says it is, and that a fork is safe.

The server knows of a client what its ``application_name`` says. It carries process, machine and
terminal, so that others who wait for a lock can be told for whom.
"""

import contextlib
import os
import re
import weakref
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.types.numeric import IntLoader

from letta_cli.core.errors import Holder
from letta_cli.store import machine
from letta_cli.store.locks import terminal_name
from letta_cli.store.postgres_address import Address

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.Cursor[tuple[Any, ...]]

_NAME_BYTES = 63
_REASON_BYTES = 20
_SHORTEST_HOST = 6
_NAME = re.compile(r"(?P<reason>.*) pid=(?P<pid>\d+) host=(?P<host>\S*)(?: tty=(?P<tty>\S+))?")

# What notices a peer that is gone without a word. What the URL says goes first.
_PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_SETTINGS = (
    b"SET statement_timeout = 0",
    # A machine that sleeps in the middle of a write must not keep all others from writing.
    b"SET idle_in_transaction_session_timeout = '60s'",
    b"SET tcp_keepalives_idle = 30",
    b"SET tcp_keepalives_interval = 10",
    b"SET tcp_keepalives_count = 3",
)

# From version 14 on.
_SETTINGS_14 = (
    *_SETTINGS,
    # One that is killed while it waits for a lock leaves the queue.
    b"SET client_connection_check_interval = '2s'",
    # A lease is a connection that says nothing for as long as a run takes.
    b"SET idle_session_timeout = 0",
)

# The holder of an advisory lock: high and low half of its key, and 1 for one key, 2 for two.
_HOLDER = (
    b"SELECT a.application_name, coalesce(to_char(coalesce(a.xact_start, a.backend_start)"
    b" AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '')"
    b" FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    b" WHERE l.locktype = 'advisory' AND l.granted AND l.database ="
    b" (SELECT oid FROM pg_database WHERE datname = current_database())"
    b" AND l.classid::bigint = %s AND l.objid::bigint = %s AND l.objsubid = %s"
    b" AND a.pid <> pg_backend_pid() ORDER BY a.xact_start LIMIT 1"
)

_LIVE: weakref.WeakSet[Connection] = weakref.WeakSet()


def connect(address: Address, reason: str) -> Connection:
    """Open a connection that commits each statement by itself until it is told otherwise.

    Raises:
        psycopg.Error: see `postgres_errors.translate`.
    """
    parameters: dict[str, Any] = {
        **_PATIENCE,
        **address.parameters,
        "application_name": application_name(reason),
        "client_encoding": "utf8",
    }
    connection = psycopg.connect(**parameters, autocommit=True)
    _LIVE.add(connection)
    # A sum of whole numbers is numeric there.
    connection.adapters.register_loader("numeric", IntLoader)
    settings = _SETTINGS_14 if connection.info.server_version >= 140_000 else _SETTINGS
    connection.execute(b"; ".join(settings), prepare=False)
    return connection


@lru_cache(maxsize=512)
def translated(sql: str) -> bytes:
    """A statement of the repositories as psycopg wants it: ``%s`` instead of ``?``."""
    return sql.replace("?", "%s").encode()


def application_name(reason: str) -> str:
    """What this process calls itself at the server, in the 63 bytes there are for it."""
    terminal = terminal_name()
    end = f"/{machine.mark()}{' tty=' + terminal if terminal else ''}"
    begin = f"{reason[:_REASON_BYTES]} pid={os.getpid()} host="
    room = max(_SHORTEST_HOST, _NAME_BYTES - len(begin) - len(end))
    name = begin + machine.host_name()[:room] + end
    return name.encode("ascii", "replace").decode()[:_NAME_BYTES]


def holder_of(connection: Connection, high: int, low: int, kind: int) -> Holder | None:
    """Who holds an advisory lock the longest; None for nobody, or a program that is not ours."""
    found = connection.execute(_HOLDER, (high, low, kind)).fetchall()
    match = _NAME.fullmatch(found[0][0]) if found else None
    if match is None:
        return None
    host, here = machine.split(match["host"])
    return Holder(
        pid=int(match["pid"]),
        host=host,
        terminal=match["tty"] or "",
        since=found[0][1],
        reason=match["reason"],
        here=here,
    )


def _after_fork_in_child() -> None:
    """Let go of the parent's sockets unsaid: the server would hear a goodbye as the parent's."""
    sink = os.open(os.devnull, os.O_RDWR)
    for connection in list(_LIVE):
        with contextlib.suppress(psycopg.Error, OSError):
            # The number stays taken, so that libpq can never write into another file.
            os.dup2(sink, connection.fileno(), inheritable=False)
    os.close(sink)
    _LIVE.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
