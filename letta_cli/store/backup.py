"""Verified copies of the database in ``backups/`` beside it, three kept of each kind.

A copy is made by ``VACUUM INTO`` while others go on writing, read back by ``quick_check``, waited
for on the disk and only then given its name: what has the name of a backup is whole.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import apsw

from letta_cli.core.clock import now
from letta_cli.core.errors import DatabaseDamaged, NotFound, StoreError, UsageError
from letta_cli.store import sqlite_file
from letta_cli.store.filesystem import filesystem_type, is_shared
from letta_cli.store.locks import PRIVATE_FILE, make_private_folder, new_lock
from letta_cli.store.migrations import steps
from letta_cli.store.sqlite_connection import Connection, open_file
from letta_cli.store.sqlite_errors import translate, unwritable

Kind = Literal["daily", "migration", "manual"]

KEPT = 3
"""Of each kind; an older one is removed when a newer one is whole."""

_STAMP = "%Y%m%dT%H%M%S%fZ"
_NAME = re.compile(r"(.+)-(daily|migration|manual)-(\d{8}T\d{12}Z)\.db")
_LOCK_NAME = "backup.lock"


@dataclass(frozen=True, slots=True)
class Backup:
    """One copy. Its name says of what, why and when."""

    path: Path
    kind: Kind
    made_at: datetime
    size_bytes: int


def folder_of(database: Path) -> Path:
    """Where the copies of this database lie."""
    return database.parent / "backups"


def backups_of(database: Path) -> list[Backup]:
    """The copies there are, newest first. Looks at names only; `verify` reads one."""
    found: list[Backup] = []
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(folder_of(database)):
            match = _NAME.fullmatch(entry.name)
            if match and match[1] == database.stem:
                moment = datetime.strptime(match[3], _STAMP).replace(tzinfo=UTC)
                kind: Kind = match[2]  # pyright: ignore[reportAssignmentType]  # the pattern's own
                found.append(Backup(Path(entry.path), kind, moment, entry.stat().st_size))
    return sorted(found, key=lambda each: each.made_at, reverse=True)


def back_up(database: Path, kind: Kind = "manual") -> Backup:
    """Make a verified copy and let go of the fourth of its kind.

    Raises:
        NotFound: there is no database yet.
        DatabaseDamaged: the database, or the copy that came of it, does not read well; no backup
            was removed.
        DiskFull, StoreError: the copy could not be written; nothing is left of it.
    """
    with opened(database) as connection:
        return back_up_open(connection, database, kind)


def back_up_open(connection: Connection, database: Path, kind: Kind) -> Backup:
    """As `back_up`, through a connection that is open already. May run under the write lock."""
    moment = now()
    path = folder_of(database) / f"{database.stem}-{kind}-{moment:{_STAMP}}.db"
    copy(connection, database, path)
    _forget_old(database, kind)
    return Backup(path, kind, moment, path.stat().st_size)


def back_up_daily(database: Path) -> Backup | None:
    """The day's backup, unless there is one of today or another process makes it just now."""
    make_private_folder(folder_of(database))
    lock = new_lock(folder_of(database) / _LOCK_NAME, "agent backup")
    if not lock.acquire(0):
        return None
    try:
        return None if made_today(database) else back_up(database, "daily")
    finally:
        lock.release()


def made_today(database: Path) -> bool:
    """Whether the daily backup of this day (UTC) is there. One look into one folder."""
    today = now().date()
    return any(
        each.kind == "daily" and each.made_at.date() == today for each in backups_of(database)
    )


def copy_to(database: Path, target: Path) -> Path:
    """A verified copy at a place of the person's choice; into it, when it is a folder.

    Raises:
        UsageError: there is a file of that name.
        NotFound, DatabaseDamaged, DiskFull, StoreError: as `back_up`.
    """
    if target.is_dir():
        target = target / f"{database.stem}-manual-{now():{_STAMP}}.db"
    if target.exists():
        raise UsageError(f"{target} is there already. Name a new file, or a folder.")
    with opened(database) as connection:
        copy(connection, database, target)
    return target


def copy(connection: Connection, source: Path, target: Path) -> None:
    """Write a verified copy at `target`, whole or not at all; its folder is made if missing."""
    make_private_folder(target.parent)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        # Made first, so that no other user can open it while it is written.
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
        connection.execute("VACUUM INTO ?", (str(draft),))
        verify(draft)
        _sync(draft)
        draft.rename(target)
        _sync(target.parent)
    except apsw.Error as error:
        broken = isinstance(error, apsw.CorruptError | apsw.NotADBError)
        raise translate(error, source if broken else target) from error
    except OSError as error:
        raise unwritable(target, str(error.strerror)) from error
    finally:
        for suffix in ("", "-journal"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def verify(path: Path) -> int:
    """Read a copy from end to end; returns its schema version.

    Raises:
        NotFound: there is no such file.
        DatabaseDamaged: it is not one of ours, or not whole.
        DatabaseTooNew: a later version of this program made it.
    """
    if not path.is_file():
        raise NotFound(f"There is no backup {path}. See them with: agent backup list")
    try:
        # The folder of a backup may be read-only, and nobody writes to a backup.
        connection = open_file(path, read_only=True)
        try:
            version = sqlite_file.check(connection, path, len(steps("sqlite")))
            verdict = connection.execute("PRAGMA quick_check(1)").fetchall()[0][0]
        finally:
            connection.close()
    except (apsw.CorruptError, apsw.NotADBError, apsw.FormatError) as error:
        raise _not_whole(path, str(error)) from error
    except apsw.Error as error:
        raise translate(error, path) from error
    if verdict != "ok":
        raise _not_whole(path, str(verdict))
    return version


def newest_verified(database: Path) -> Backup | None:
    """The newest copy that reads well; those that do not are passed over."""
    for each in backups_of(database):
        with contextlib.suppress(StoreError):
            verify(each.path)
            return each
    return None


@contextlib.contextmanager
def opened(database: Path) -> Generator[Connection]:
    """A connection of one's own to a database that is in use, or to a copy of one."""
    if not sqlite_file.is_there(database):
        raise NotFound(f"There is no database {database} yet.")
    try:
        connection = sqlite_file.connect(
            database, shared=is_shared(filesystem_type(database.parent))
        )
        try:
            sqlite_file.check(connection, database, len(steps("sqlite")))
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
            yield connection
        finally:
            connection.close()
    except apsw.Error as error:
        raise translate(error, database) from error


def _not_whole(path: Path, what: str) -> DatabaseDamaged:
    return DatabaseDamaged(
        f"The backup {path} is damaged: {what}. It was left as it is. "
        "Choose another with: agent backup list"
    )


def _forget_old(database: Path, kind: Kind) -> None:
    same = [each for each in backups_of(database) if each.kind == kind]
    for each in same[KEPT:]:
        with contextlib.suppress(OSError):
            each.path.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
