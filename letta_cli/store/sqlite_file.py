"""The database file itself: created whole or not at all, refused when it is not ours, upgraded.

A file that is refused is left as it was found. Nothing here opens the file but SQLite: closing any
other descriptor of it would drop the locks that SQLite holds in this process.
"""

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import apsw

from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import StoreError
from letta_cli.store import migrations
from letta_cli.store.locks import PRIVATE_FILE, make_private_folder
from letta_cli.store.migrations import Step, missing
from letta_cli.store.sqlite_connection import Connection, open_file
from letta_cli.store.sqlite_errors import damaged, foreign, too_new, unwritable

APPLICATION_ID = 0x61676E74
"""``agnt`` in ASCII, in the header of every database this program makes."""

BUSY_MILLISECONDS = 30_000
WAL_LIMIT_BYTES = 64 << 20


def connect(path: Path, *, shared: bool) -> Connection:
    """Open an existing file with the settings every connection has. Writes nothing.

    Args:
        shared: the file lies on a network file system, see `filesystem.is_shared`.
    """
    connection = open_file(path)
    # Until the file is known to be ours, closing must not write to it.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    if shared:
        # Keeps the index of a write-ahead log, should there be one, in private memory.
        connection.pragma("locking_mode", "EXCLUSIVE")
    for name, value in (
        ("trusted_schema", 0),
        ("cell_size_check", 1),
        ("foreign_keys", 1),
        ("synchronous", 2),
        ("mmap_size", 0),
        ("journal_size_limit", WAL_LIMIT_BYTES),
        ("temp_store", 2),
    ):
        connection.pragma(name, value)
    return connection


def set_journal(connection: Connection, *, shared: bool) -> None:
    """Write-ahead log on a local disk, rollback journal elsewhere. Call under the lock."""
    connection.pragma("journal_mode", "TRUNCATE" if shared else "WAL")
    if shared:
        connection.pragma("locking_mode", "NORMAL")
        # The exclusive lock is given back by the next read.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)


def is_there(path: Path) -> bool:
    """Whether there is a database to open.

    Raises:
        DatabaseDamaged: the file is empty, or only its journal is left.
        StoreError: it is not a regular file, or its folder cannot be entered.
    """
    try:
        facts = path.stat()
    except FileNotFoundError:
        for suffix in ("-wal", "-journal"):
            beside = path.with_name(path.name + suffix)
            if beside.exists() and beside.stat().st_size:
                raise damaged(path, f"it is gone, but its journal {beside} is there") from None
        return False
    except OSError as error:
        raise unwritable(path, str(error.strerror)) from error
    if not stat.S_ISREG(facts.st_mode):
        raise StoreError(f"{path} is not a file. Choose another folder with AGENT_HOME.")
    if facts.st_size == 0:
        raise damaged(path, "it is empty, with 0 bytes")
    return True


def check(connection: Connection, path: Path, newest: int) -> int:
    """The schema version of a database of ours.

    Raises:
        DatabaseDamaged: it is not ours, or its schema cannot be read.
        DatabaseTooNew: its schema is younger than `newest`.
    """
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    if connection.pragma("application_id") != APPLICATION_ID:
        raise foreign(path)
    version = connection.pragma("user_version")
    if version > newest:
        raise too_new(path, version, newest)
    return version


def create(path: Path, steps: Sequence[Step], *, shared: bool) -> None:
    """Make a new database. Call under the lock. A crash leaves no file at `path`."""
    make_private_folder(path.parent)
    draft = path.with_name(path.name + ".new")
    for leftover in (draft, draft.with_name(draft.name + "-journal")):
        leftover.unlink(missing_ok=True)
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        os.close(descriptor)
        draft.chmod(PRIVATE_FILE)
    except OSError as error:
        raise unwritable(path, str(error.strerror)) from error
    try:
        connection = connect(draft, shared=shared)
        try:
            connection.pragma("application_id", APPLICATION_ID)
            upgrade(connection, steps)
            set_journal(connection, shared=shared)
        finally:
            connection.close()
        draft.rename(path)
        _sync_folder(path.parent)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def check_history(connection: Connection, path: Path, steps: Sequence[Step]) -> None:
    """Raises StoreError where the database went through other steps than the first of these."""
    found = connection.execute("SELECT version, name FROM migration ORDER BY version").fetchall()
    migrations.check_history(found, steps, str(path))


def upgrade(connection: Connection, steps: Sequence[Step]) -> None:
    """Apply the steps that are missing, each with its record in one transaction. Under the lock."""
    for step in missing(steps, connection.pragma("user_version")):
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(step.sql())
            connection.execute(
                "INSERT INTO migration (version, name, applied_at) VALUES (?, ?, ?)",
                (step.version, step.name, to_text(now())),
            )
            connection.pragma("user_version", step.version)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def make_private(path: Path) -> None:
    """Take a database of ours away from other users' eyes, where we may."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            file = path.with_name(path.name + suffix)
            if file.stat().st_mode & 0o077:
                file.chmod(PRIVATE_FILE)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
