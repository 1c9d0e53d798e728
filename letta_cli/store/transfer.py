"""Copies a whole store into an empty one, whatever their drivers, and proves that nothing differs.

Both write locks are held meanwhile, so that nothing changes on the way. The source is only read.
The target keeps everything or nothing.
"""

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from letta_cli.core.errors import StoreError, UsageError
from letta_cli.store import Store
from letta_cli.store.catalog import Table, tables
from letta_cli.store.database import Database, Row

_BATCH = 500

# Where a table counts its rows itself, the next number must come after those copied.
_NUMBERED = ("message", "step", "session_news", "passage")


@dataclass(frozen=True, slots=True)
class Copied:
    """One table, the same in both stores.

    Attributes:
        sha256: over all its rows in the order of their keys.
    """

    table: str
    rows: int
    sha256: str


def transfer(source: Store, target: Store) -> list[Copied]:
    """Copy everything from `source` to `target`, verify it, and index the messages there.

    Raises:
        UsageError: the target holds something already.
        StoreError: the two have different tables, or a table did not arrive as it was. Nothing
            of it was kept.
        Busy, DiskFull: see `Database`. Nothing was kept.
    """
    here, there = source.database, target.database
    found = _common(tables(here), tables(there))
    _refuse_filled(there, found)
    with here.transaction(), there.transaction():
        # Asked again: another process may have been here first.
        _refuse_filled(there, found)
        copied = [_copy(here, there, table) for table in found]
        target.search.rebuild()
        _settle_in(there, found)
    return copied


def _common(ours: Sequence[Table], theirs: Sequence[Table]) -> Sequence[Table]:
    def shape(found: Sequence[Table]) -> dict[str, tuple[frozenset[str], tuple[str, ...]]]:
        return {each.name: (frozenset(each.columns), tuple(each.key)) for each in found}

    if shape(ours) != shape(theirs):
        raise StoreError("The two databases have different tables. Nothing was copied.")
    return ours


def _refuse_filled(database: Database, found: Sequence[Table]) -> None:
    for table in found:
        if database.query(f"SELECT 1 FROM {table.name} LIMIT 1"):
            raise UsageError(
                f"The target is not empty: its table {table.name} has rows. Nothing was copied. "
                "Name a database that is new."
            )


def _copy(source: Database, target: Database, table: Table) -> Copied:
    names, places = ", ".join(table.columns), ", ".join("?" for _ in table.columns)
    for batch in _batches(source, table):
        target.execute_many(f"INSERT INTO {table.name} ({names}) VALUES ({places})", batch)
    sent, arrived = _digest(source, table), _digest(target, table)
    if sent != arrived:
        raise StoreError(
            f"Table {table.name} did not arrive as it was: {sent.rows} rows were sent, "
            f"{arrived.rows} arrived, or their content differs. Nothing was kept."
        )
    return sent


def _digest(database: Database, table: Table) -> Copied:
    digest, count = hashlib.sha256(), 0
    for row in _rows(database, table):
        digest.update(json.dumps(row, ensure_ascii=True).encode() + b"\n")
        count += 1
    return Copied(table.name, count, digest.hexdigest())


def _rows(database: Database, table: Table) -> Iterator[Row]:
    for batch in _batches(database, table):
        yield from batch


def _batches(database: Database, table: Table) -> Generator[list[Row]]:
    """All rows by their key, a piece at a time: a store may be larger than the memory."""
    key, names = ", ".join(table.key), ", ".join(table.columns)
    places = [table.columns.index(column) for column in table.key]
    condition, last = "", ()
    while found := database.query(
        f"SELECT {names} FROM {table.name}{condition} ORDER BY {key} LIMIT ?", *last, _BATCH
    ):
        yield found
        condition = f" WHERE ({key}) > ({', '.join('?' for _ in table.key)})"
        last = tuple(found[-1][place] for place in places)


def _settle_in(database: Database, found: Sequence[Table]) -> None:
    """What SQLite does by itself: count on from the copied numbers, and know the tables' sizes."""
    if database.driver != "postgresql":
        return
    for table in (*(each.name for each in found), "message_index"):
        database.execute(f"ANALYZE {table}")
    for table in _NUMBERED:
        database.query(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'number'),"
            f" (SELECT coalesce(max(number), 0) + 1 FROM {table}), false)"
        )
