"""Makes a new database of what can still be read of a damaged one, over what a backup holds."""

import contextlib
import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from letta_cli.core.errors import DatabaseDamaged
from letta_cli.store import backup, sqlite_file
from letta_cli.store.coherence import make_coherent, reads_well
from letta_cli.store.database import Database, Row
from letta_cli.store.migrations import steps
from letta_cli.store.sqlite import SqliteDatabase
from letta_cli.store.sqlite_connection import Connection, open_file

_LEFT_OUT = (
    "migration", "session", "session_news", "file_touch", "search_backlog", "search_vector",
)  # fmt: skip
"""Presence is not worth saving, vectors are made again, and the new file has its own record of
migrations."""

_UNREADABLE = (apsw.Error, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Holding:
    """How much a database gives back.

    Attributes:
        newest: when the last of it was said or remembered, as ISO 8601 text; empty for nothing.
    """

    messages: int
    revisions: int
    newest: str

    def __str__(self) -> str:
        text = f"{self.messages:,} messages and {self.revisions:,} edits of memory"
        return (
            f"{text}, the newest of {self.newest[:16].replace('T', ' ')}" if self.newest else text
        )


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A new, whole database beside the damaged one.

    Attributes:
        rows: what of it came out of the damaged file, a table.
        readable: what the damaged file still gives.
        together: what the draft holds: that, and what only the backup has.
    """

    draft: Path
    rows: dict[str, int]
    readable: Holding
    together: Holding


def salvage(damaged: Path, under: Path | None = None) -> Salvaged:
    """Write what is readable into a new file beside `damaged`, which stays as it is.

    Args:
        under: a backup; its rows fill the places of those that are lost. Where both have a row,
            that of the damaged file, which is the younger one, stands.

    Raises:
        DatabaseDamaged: nothing can be read of the damaged file.
        DiskFull, StoreError: the new file cannot be written.
    """
    draft = damaged.with_name(f"{damaged.name}.salvaged-{secrets.token_hex(4)}")
    target: SqliteDatabase | None = None
    done = False
    try:
        with contextlib.ExitStack() as stack:
            sources = [stack.enter_context(contextlib.closing(open_file(damaged, read_only=True)))]
            if under is not None:
                sources.append(stack.enter_context(_of_today(under, draft)))
            target = SqliteDatabase(draft, reason="agent doctor --repair")
            taken, readable = _take_over(sources, target)
        together = _holding(target.query)
        target.close()
        _finish(draft)
        done = True
    except apsw.Error as error:
        raise DatabaseDamaged(f"Nothing of {damaged} can be read: {error}") from error
    finally:
        if target is not None:
            target.close()
        for suffix in (*(() if done else ("", "-wal", "-shm")), ".lock", ".lock.queue"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    return Salvaged(draft, taken, readable, together)


def holding(whole: Path) -> Holding:
    """What a backup that was verified gives back."""
    with contextlib.closing(open_file(whole, read_only=True)) as connection:
        return _holding(lambda sql: connection.execute(sql).fetchall())


def _holding(query: Callable[[str], list[Row]]) -> Holding:
    (messages, said), (revisions, edited) = (
        query(f"SELECT count(*), coalesce(max(created_at), '') FROM {table}")[0]
        for table in ("message", "block_revision")
    )
    return Holding(messages, revisions, max(said, edited))


@contextlib.contextmanager
def _of_today(whole: Path, draft: Path) -> Generator[Connection]:
    """A backup with today's schema: itself, or a copy that is brought up to date."""
    known = steps("sqlite")
    with contextlib.closing(open_file(whole, read_only=True)) as connection:
        if connection.pragma("user_version") == len(known):
            yield connection
            return
        copy = draft.with_name(f"{draft.name}-backup")
        try:
            connection.execute("VACUUM INTO ?", (str(copy),))
            with contextlib.closing(sqlite_file.connect(copy, shared=False)) as upgraded:
                sqlite_file.upgrade(upgraded, known)
                yield upgraded
        finally:
            copy.unlink(missing_ok=True)


def _take_over(
    sources: Sequence[Connection], target: SqliteDatabase
) -> tuple[dict[str, int], Holding]:
    taken: dict[str, int] = {}
    newest = ""
    with target.transaction():
        for table in _tables(target):
            # Table by table: a parent that only the backup has must be there for its children.
            for number, source in enumerate(sources):
                count, latest = _take_table(source, target, table)
                if number == 0:
                    taken[table] = count
                    newest = max(newest, latest)
        if not any(taken.values()):
            raise DatabaseDamaged("Nothing can be read of the damaged database.")
        make_coherent(target)
    return taken, Holding(taken["message"], taken["block_revision"], newest)


def _tables(target: Database) -> list[str]:
    """What rows are kept in, parents before their children as they were made."""
    found = target.query(
        "SELECT s.name FROM sqlite_schema s JOIN pragma_table_list t ON t.name = s.name"
        " WHERE t.type = 'table' AND s.name NOT LIKE 'sqlite%' ORDER BY s.rowid"
    )
    return [name for (name,) in found if name not in _LEFT_OUT]


def _take_table(source: Connection, target: Database, table: str) -> tuple[int, str]:
    """Copy a table; how many rows, and the newest date of what was said or remembered."""
    columns = _columns(source, target, table)
    if not columns:
        return 0, ""
    names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    dated = columns.index("created_at") if table in ("message", "block_revision") else -1
    kept, newest = 0, ""
    for row in _readable(source, f"SELECT rowid, {names} FROM {table}"):
        if not reads_well(table, dict(zip(columns, row, strict=True))):
            continue
        # A row whose parent is lost, or that stands there already, is left out.
        with contextlib.suppress(apsw.ConstraintError):
            if target.query(
                f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks}) RETURNING 1", *row
            ):
                kept += 1
                newest = max(newest, row[dated] if dated >= 0 else "")
    return kept, newest


def _columns(source: Connection, target: Database, table: str) -> list[str]:
    """Those that both have: the damaged file may be of an older schema."""
    sql = "SELECT name FROM pragma_table_info(?)"
    try:
        there = {name for (name,) in source.execute(sql, (table,)).fetchall()}
    except _UNREADABLE:
        return []
    return [name for (name,) in target.query(sql, table) if name in there]


def _readable(source: Connection, select: str) -> Iterator[Row]:
    """All rows that can be read, without their rowid: what is damaged is gone round."""
    place = 0
    while True:
        try:
            for rowid, *row in source.execute(f"{select} WHERE rowid > ? ORDER BY rowid", (place,)):
                if rowid <= place:
                    break  # The order itself is damaged.
                place = rowid
                yield tuple(row)
            else:
                return
        except _UNREADABLE:
            pass
        beyond = _beyond(source, select, place)
        if beyond is None:
            return
        # From behind, up to the damage.
        with contextlib.suppress(*_UNREADABLE):
            for _, *row in source.execute(
                f"{select} WHERE rowid > ? AND rowid <= ? ORDER BY rowid DESC", (place, beyond)
            ):
                yield tuple(row)
        place = beyond


def _beyond(source: Connection, select: str, place: int) -> int | None:
    """A rowid behind the damage that begins after `place`; None when nothing is readable there."""
    for power in range(48):
        at = place + (1 << power)
        try:
            found = source.execute(
                f"{select} WHERE rowid >= ? ORDER BY rowid LIMIT 1", (at,)
            ).fetchall()
        except _UNREADABLE:
            continue
        return found[0][0] if found else at
    return None


def _finish(draft: Path) -> None:
    """Bring the log into the file, which is renamed alone, and check all of it."""
    with contextlib.closing(open_file(draft)) as connection:
        connection.pragma("journal_mode", "DELETE")
        if broken := connection.execute("PRAGMA foreign_key_check").fetchall():
            raise DatabaseDamaged(f"{len(broken)} salvaged rows refer to rows that are lost.")
    backup.verify(draft)
