"""Turns SQLite's errors into ours: what happened, to which file, and what to do."""

import os
from pathlib import Path

import apsw

from letta_cli.core.errors import Busy, DatabaseDamaged, DatabaseTooNew, DiskFull, StoreError

_ALMOST_NOTHING = 1 << 20


def free_bytes(path: Path) -> int | None:
    """Bytes this user may still write beside `path`; None where it cannot be told."""
    try:
        facts = os.statvfs(path if path.exists() else path.parent)
    except (OSError, AttributeError):
        return None
    return facts.f_bavail * facts.f_frsize


def translate(error: apsw.Error, path: Path) -> Exception:
    """The error to raise instead of `error`; `error` itself when it is a bug of ours."""
    match error:
        case apsw.FullError():
            return _disk_full(path)
        case apsw.IOError() | apsw.CantOpenError() if (free_bytes(path) or 0) < _ALMOST_NOTHING:
            return _disk_full(path)
        case apsw.CorruptError() | apsw.NotADBError() | apsw.FormatError():
            return damaged(path, str(error))
        case apsw.BusyError() | apsw.LockedError():
            return Busy(
                f"The database {path} is locked by a program that does not take turns with us. "
                "Close other programs that have it open, then try again."
            )
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return unwritable(path, str(error))
        case apsw.IOError():
            return StoreError(
                f"Reading or writing {path} failed: {error}. Nothing of the last change was kept. "
                "Check the disk, then start again."
            )
        case _:
            return error


def _disk_full(path: Path) -> DiskFull:
    free = free_bytes(path)
    left = "" if free is None else f" ({free:,} bytes free)"
    return DiskFull(
        f"No space left for {path}{left}. Nothing of the last change was kept, everything before "
        "is intact. Free some space, then try again."
    )


def damaged(path: Path, what: str) -> DatabaseDamaged:
    """The refusal of a file that is not what we once wrote."""
    return DatabaseDamaged(
        f"The database {path} is damaged: {what}. It was left untouched. Put a backup in its "
        f"place with: agent doctor --repair; or start anew: mv {path} {path}.damaged"
    )


def foreign(path: Path) -> DatabaseDamaged:
    """The refusal of a good database that another program made."""
    return DatabaseDamaged(
        f"{path} is an SQLite database, but not one of agent's. It was left untouched. "
        "Move it away, or choose another folder with AGENT_HOME."
    )


def too_new(path: Path, found: int, known: int) -> DatabaseTooNew:
    """The refusal of a database that a later version of this program wrote."""
    return DatabaseTooNew(
        f"The database {path} was written by a newer version of agent (schema {found}, this "
        f"version knows {known}). It was left untouched. Update agent, or choose another folder "
        "with AGENT_HOME."
    )


def unwritable(path: Path, what: str) -> StoreError:
    """The refusal where SQLite cannot open or write its files."""
    return StoreError(
        f"Cannot write the database {path}: {what}. SQLite also needs to create files beside it. "
        f"Make the folder {path.parent} writable for you, or choose another with AGENT_HOME."
    )
