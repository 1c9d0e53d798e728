"""What the doctor wants to know of an SQLite database."""

from pathlib import Path
from typing import Any

import apsw

from letta_cli.store.sqlite_connection import Connection
from letta_cli.store.sqlite_errors import free_bytes

FIXED_VERSION = (3, 51, 3)
"""The first SQLite without the bug that could damage a database when its log starts anew."""

_COUNTED = ("agent", "conversation", "message", "block", "run")
_LITTLE_SPACE = 100 << 20


def examine(connection: Connection, path: Path, filesystem: str, *, shared: bool) -> dict[str, Any]:
    """All facts as JSON-able values; sizes in bytes. Reads the whole file."""
    facts: dict[str, Any] = {
        "driver": "sqlite",
        "sqlite_version": apsw.sqlite_lib_version(),
        "path": str(path),
        "filesystem": filesystem or "unknown",
        "network_filesystem": shared,
        "journal_mode": connection.pragma("journal_mode"),
        "synchronous": connection.pragma("synchronous"),
        "schema_version": connection.pragma("user_version"),
        "quick_check": connection.execute("PRAGMA quick_check(1)").fetchall()[0][0],
        "integrity": _integrity(connection),
        "size_bytes": path.stat().st_size,
        "wal_bytes": _size(path.with_name(path.name + "-wal")),
        "free_bytes": free_bytes(path),
        "file_mode": f"{path.stat().st_mode & 0o777:04o}",
        "folder_mode": f"{path.parent.stat().st_mode & 0o777:04o}",
        "counts": {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
            for table in _COUNTED
        },
    }
    facts["warnings"] = _warnings(facts)
    return facts


def _integrity(connection: Connection) -> str:
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        return f"{len(broken)} rows refer to rows that are gone, the first in table {broken[0][0]}"
    try:
        connection.execute(
            "SELECT count(*) FROM search_index WHERE search_index MATCH '\"integrity\"'"
        ).fetchall()
    except apsw.Error as error:
        return f"the search index cannot be read: {error}"
    return "ok"


def _warnings(facts: dict[str, Any]) -> list[str]:
    found: list[str] = []
    if facts["quick_check"] != "ok" or facts["integrity"] != "ok":
        found.append("The database is damaged. Put a backup in its place: agent doctor --repair")
    if facts["network_filesystem"]:
        found.append(
            f"The database lies on a network file system ({facts['filesystem']}): it works, but "
            "slower, and only one machine may use it at a time. A local disk is better."
        )
    version = tuple(int(part) for part in str(facts["sqlite_version"]).split("."))
    if version < FIXED_VERSION:
        found.append(
            f"SQLite {facts['sqlite_version']} has a known bug that can damage databases under "
            "load. Install the apsw wheel, which brings its own."
        )
    if (free := facts["free_bytes"]) is not None and free < _LITTLE_SPACE:
        found.append(f"Only {free:,} bytes are free on the disk of the database.")
    if facts["file_mode"] != "0600":
        found.append(f"The database file has mode {facts['file_mode']}; 0600 keeps it private.")
    if int(str(facts["folder_mode"]), 8) & 0o022:
        found.append(f"Others may write in {Path(facts['path']).parent}.")
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
