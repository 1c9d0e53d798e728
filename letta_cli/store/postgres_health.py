"""What the doctor wants to know of a PostgreSQL database."""

from typing import Any

from letta_cli.store.postgres_connection import Connection

_OLDEST_TESTED = 160000
_COUNTED = ("agent", "conversation", "message", "block", "run")


def examine(connection: Connection, name: str) -> dict[str, Any]:
    """All facts as JSON-able values; sizes in bytes.

    ``quick_check`` and ``integrity`` are ``ok`` when every table could be read to its end: the
    server itself keeps references and checksums.
    """
    version, size, schema, synchronous, fsync = connection.execute(
        b"SELECT current_setting('server_version'), pg_database_size(current_database()),"
        b" (SELECT max(version) FROM migration), current_setting('synchronous_commit'),"
        b" current_setting('fsync')"
    ).fetchall()[0]
    facts: dict[str, Any] = {
        "driver": "postgresql",
        "server_version": version,
        "path": name,
        "schema_version": schema,
        "synchronous": synchronous,
        "fsync": fsync,
        "quick_check": "ok",
        "integrity": "ok",
        "size_bytes": size,
        "counts": {
            table: connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()[0][0]
            for table in _COUNTED
        },
    }
    facts["warnings"] = _warnings(facts, connection.info.server_version)
    return facts


def _warnings(facts: dict[str, Any], version: int) -> list[str]:
    found: list[str] = []
    if version < _OLDEST_TESTED:
        found.append("Servers before PostgreSQL 16 are not tested. Update the server.")
    if facts["fsync"] != "on":
        found.append("The server runs with fsync off: a power cut may damage the database.")
    if facts["synchronous"] == "off":
        found.append(
            "The server runs with synchronous_commit off: a power cut may lose the last messages."
        )
    return found
