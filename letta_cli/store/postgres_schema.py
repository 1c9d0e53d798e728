"""The schema of a PostgreSQL database: judged, made and upgraded in one transaction a step."""

from collections.abc import Sequence

from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import StoreError
from letta_cli.store.migrations import Step, check_history, missing
from letta_cli.store.postgres_address import Address
from letta_cli.store.postgres_connection import Connection
from letta_cli.store.postgres_errors import too_new, too_old

OLDEST = 12
"""The first major version of PostgreSQL that we take: identity columns and web search need 11."""

_IS_THERE = (
    b"SELECT 1 FROM pg_class WHERE relname = 'migration' AND relkind = 'r'"
    b" AND pg_table_is_visible(oid)"
)


def version_of(connection: Connection, address: Address, newest: int) -> int:
    """The schema version; 0 when there is no schema of ours. Writes nothing.

    Raises:
        DatabaseTooNew: its schema is younger than `newest`.
        ConfigError: the server is too old.
        StoreError: it cannot hold every text.
    """
    if connection.info.server_version < OLDEST * 10_000:
        found = connection.info.parameter_status("server_version") or "of an unknown version"
        raise too_old(address, found, OLDEST)
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreError(
            f"The database {address.name} has the encoding {encoding}, which cannot hold every "
            "text. Make one with: createdb --encoding=UTF8 --template=template0"
        )
    # Looked for first: in a transaction, a table that is missing would be the end of it. Not with
    # to_regclass, which may not know yet what another process made while we waited for the lock.
    if not connection.execute(_IS_THERE).fetchall():
        return 0
    found = connection.execute(b"SELECT coalesce(max(version), 0) FROM migration").fetchall()
    version: int = found[0][0]
    if version > newest:
        raise too_new(address, version, newest)
    return version


def upgrade(connection: Connection, steps: Sequence[Step], version: int) -> None:
    """Apply the steps that are missing, with their records. Inside a transaction.

    Raises:
        StoreError: it went through other steps than the first of these.
    """
    if version:
        found = connection.execute(b"SELECT version, name FROM migration ORDER BY version")
        check_history(found.fetchall(), steps, connection.info.dbname)
    for step in missing(steps, version):
        # Without arguments, so that one text may hold many statements.
        connection.execute(step.sql().encode(), prepare=False)
        connection.execute(
            b"INSERT INTO migration (version, name, applied_at) VALUES (%s, %s, %s)",
            (step.version, step.name, to_text(now())),
        )
