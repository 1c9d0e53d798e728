"""The part of an apsw connection that is used, typed; apsw's own stubs are loose on Python 3.11."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import apsw

from letta_cli.store.database import Row


class Cursor(Protocol):
    def fetchall(self) -> list[Row]: ...

    def __iter__(self) -> Iterator[Row]: ...


class Connection(Protocol):
    @property
    def in_transaction(self) -> bool: ...

    def execute(self, statements: str, bindings: Sequence[Any] = (), /) -> Cursor: ...

    def executemany(self, statements: str, bindings: Iterable[Sequence[Any]], /) -> Cursor: ...

    def pragma(self, name: str, value: Any = None, /) -> Any: ...

    def config(self, option: int, value: int, /) -> Any: ...

    def set_busy_timeout(self, milliseconds: int, /) -> None: ...

    def changes(self) -> int: ...

    def close(self) -> None: ...

    def file_control(self, name: str, op: int, pointer: int, /) -> bool: ...


def open_file(path: Path, *, read_only: bool = False) -> Connection:
    """Open a file that exists; it is never created here."""
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE
    return cast("Connection", apsw.Connection(str(path), flags=flags))


def has_moved(connection: Connection) -> bool:
    """Whether the open file is no longer the one at its path. Asked rarely: imports ctypes."""
    import ctypes

    answer = ctypes.c_int(0)
    connection.file_control("main", apsw.SQLITE_FCNTL_HAS_MOVED, ctypes.addressof(answer))
    return bool(answer.value)
