"""Puts another database in the place of the present one, which is set aside and never deleted.

At every moment there is a whole file at the database's path: the present one until the very
rename that brings the new one.
"""

import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from letta_cli.core.clock import now
from letta_cli.core.errors import Busy, NotFound, StoreError, UsageError
from letta_cli.core.presence import Presence
from letta_cli.store import backup, sqlite_file
from letta_cli.store.filesystem import filesystem_type, is_shared
from letta_cli.store.locks import PRIVATE_FILE, make_private_folder, new_lock
from letta_cli.store.sessions import Sessions
from letta_cli.store.sqlite import LOCK_NAME, SqliteDatabase
from letta_cli.store.sqlite_connection import open_file
from letta_cli.store.sqlite_errors import translate, unwritable

_WAIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Restored:
    """Attributes:
    aside: where the file that was there before lies now; None when there was none.
    """

    source: Path
    aside: Path | None


def restore(database: Path, source: Path) -> Restored:
    """Make the database what `source` is. `source` itself stays as it is.

    Raises:
        NotFound, DatabaseDamaged, DatabaseTooNew: `source` is no good; nothing was changed.
        Busy: sessions are live, or some process has the database open; says which.
        DiskFull, StoreError: the new file could not be written; nothing was changed.
    """
    if source.exists() and database.exists() and source.samefile(database):
        raise UsageError(f"{source} is the database itself. Name a backup of it.")
    backup.verify(source)
    make_private_folder(database.parent)
    draft = database.with_name(f"{database.name}.restoring-{secrets.token_hex(4)}")
    try:
        _copy(source, draft)
        return Restored(source, put_in_place(database, draft))
    finally:
        draft.unlink(missing_ok=True)


def put_in_place(database: Path, draft: Path) -> Path | None:
    """Rename `draft`, a whole database, to `database`; returns where the present one went.

    Raises:
        Busy: sessions are live, or some process has the database open; says which.
    """
    refuse_live(database)
    lock = new_lock(database.with_name(LOCK_NAME), "agent restore")
    if not lock.acquire(_WAIT_SECONDS):
        raise Busy(f"The database {database} is being written to. Try again.", holder=lock.holder())
    try:
        _close_log(database)
        aside = _set_aside(database)
        draft.rename(database)
    except OSError as error:
        raise unwritable(database, str(error.strerror)) from error
    finally:
        lock.release()
    return aside


def refuse_live(database: Path) -> None:
    """Raises Busy when sessions have conversations of this database open; names them."""
    live = live_sessions(database)
    if live:
        named = "\n".join(
            f"  pid {each.pid} on {each.terminal or each.host} in {each.cwd}: {each.state}"
            for each in live
        )
        raise Busy(
            f"{len(live)} sessions are using {database}:\n{named}\nEnd them, then try again."
        )


def live_sessions(database: Path) -> Sequence[Presence]:
    """Who is there, as far as a damaged database still tells."""
    try:
        opened = SqliteDatabase(database, reason="agent restore") if database.exists() else None
    except StoreError:
        return []
    if opened is None:
        return []
    try:
        return Sessions(opened).live()
    except StoreError:
        return []
    finally:
        opened.close()


def _copy(source: Path, draft: Path) -> None:
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
    try:
        connection = open_file(source, read_only=True)
        try:
            connection.execute("VACUUM INTO ?", (str(draft),))
        finally:
            connection.close()
    except apsw.Error as error:
        raise translate(error, draft) from error
    backup.verify(draft)
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _close_log(database: Path) -> None:
    """Bring the log into the file and end it, which works only while nobody has it open."""
    if is_shared(filesystem_type(database.parent)):
        return
    try:
        if not sqlite_file.is_there(database):
            return
        connection = sqlite_file.connect(database, shared=False)
    except (StoreError, apsw.Error):
        return  # Too damaged to be open anywhere.
    try:
        connection.set_busy_timeout(1_000)
        connection.pragma("journal_mode", "DELETE")
    except (apsw.BusyError, apsw.LockedError) as error:
        raise Busy(
            f"Another process has the database {database} open. End it, then try again."
        ) from error
    except apsw.Error:
        return
    finally:
        connection.close()


def _set_aside(database: Path) -> Path | None:
    """Keep the present file under another name, with what is left of its log."""
    aside = database.with_name(f"{database.name}.replaced-{now():%Y%m%dT%H%M%SZ}")
    while aside.exists():
        aside = aside.with_name(f"{aside.name}-{secrets.token_hex(2)}")
    there = os.path.lexists(database)
    if there:
        try:
            os.link(database, aside)
        except OSError:
            database.rename(aside)
    # A log is taken along, even of a file that is gone: the new one must never find it.
    for suffix in ("-wal", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            database.with_name(database.name + suffix).rename(aside.with_name(aside.name + suffix))
    database.with_name(database.name + "-shm").unlink(missing_ok=True)
    return aside if there else None


def chosen(database: Path, named: str | None) -> Path:
    """The backup that a person means by ``latest`` or a path or a name in the folder.

    Raises:
        NotFound: there is none that reads well.
    """
    if named in (None, "latest"):
        newest = backup.newest_verified(database)
        if newest is None:
            raise NotFound(f"There is no good backup in {backup.folder_of(database)}.")
        return newest.path
    path = Path(named).expanduser()
    inside = backup.folder_of(database) / named
    return inside if not path.exists() and inside.exists() else path.absolute()
