"""Takes what can still be read out of a damaged database into a new one, row by row."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import apsw

from letta_cli.core.errors import DatabaseDamaged
from letta_cli.store import backup, rows
from letta_cli.store.database import Row
from letta_cli.store.search import Search
from letta_cli.store.search_sqlite import Fts5Index
from letta_cli.store.sqlite import SqliteDatabase
from letta_cli.store.sqlite_connection import Connection, open_file

_ORDER = (
    "setting", "agent", "conversation", "prompt", "run", "message", "step", "tool_call",
    "block", "block_revision", "passage", "passage_tag",
    "reflection", "reflection_cursor", "skill_draft", "skill_use",
)  # fmt: skip
"""Parents before their children. Presence is not worth saving."""


def salvage(damaged: Path) -> tuple[Path, dict[str, int]]:
    """Write what is readable into a new file beside it; returns the file and rows a table.

    Raises:
        DatabaseDamaged: nothing can be read.
        DiskFull, StoreError: the new file cannot be written.
    """
    draft = damaged.with_name(f"{damaged.name}.salvaged-{secrets.token_hex(4)}")
    target: SqliteDatabase | None = None
    done = False
    try:
        source = open_file(damaged, read_only=True)
        try:
            target = SqliteDatabase(draft, reason="agent doctor --repair")
            counts = _take_over(source, target)
        finally:
            source.close()
        target.close()
        _end_log(draft)
        backup.verify(draft)
        done = True
    except apsw.Error as error:
        raise DatabaseDamaged(f"Nothing of {damaged} can be read: {error}") from error
    finally:
        if target is not None:
            target.close()
        if not done:
            for suffix in ("", "-wal", "-shm"):
                draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    return draft, counts


def _take_over(source: Connection, target: SqliteDatabase) -> dict[str, int]:
    counts: dict[str, int] = {}
    with target.transaction():
        for table in _ORDER:
            counts[table] = _take_table(source, target, table)
        _index(target)
    if not any(counts.values()):
        raise DatabaseDamaged("Nothing can be read of the damaged database.")
    return counts


def _take_table(source: Connection, target: SqliteDatabase, table: str) -> int:
    columns = [row[1] for row in target.query("SELECT * FROM pragma_table_info(?)", table)]
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" * len(columns))
    kept = 0
    for row in _readable(source, table, names):
        # A row whose parent is lost, or that stands there twice, is left out.
        with contextlib.suppress(apsw.ConstraintError):
            kept += target.execute(
                f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", *row
            )
    return kept


def _readable(source: Connection, table: str, names: str) -> Iterator[Row]:
    """The rows from the beginning up to the damage, then from the end back to it."""
    last: int | None = None
    for direction, compared in (("ASC", ">"), ("DESC", "<")):
        place: int | None = None
        while True:
            condition = "" if place is None else f"WHERE rowid {compared} {place}"
            try:
                found = source.execute(
                    f"SELECT rowid, {names} FROM {table} {condition}"
                    f" ORDER BY rowid {direction} LIMIT 1"
                ).fetchall()
            except apsw.Error:
                break
            if not found or (direction == "DESC" and last is not None and found[0][0] <= last):
                return
            place = found[0][0]
            yield found[0][1:]
        last = place


def _end_log(draft: Path) -> None:
    """The file alone is renamed: it must not need a log beside it."""
    with contextlib.closing(open_file(draft)) as connection:
        connection.pragma("journal_mode", "DELETE")


def _index(target: SqliteDatabase) -> None:
    """The search index is made anew: its pages may be the damaged ones."""
    search = Search(target, Fts5Index())
    target.execute("UPDATE message SET document = NULL")
    found = target.query(f"SELECT number, {rows.MESSAGE} FROM message ORDER BY number")
    for number, *row in found:
        search.add(number, rows.message(tuple(row)))
