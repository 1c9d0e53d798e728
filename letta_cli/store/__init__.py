"""Durable state: what agents, conversations, memory and runs are, over any end of any process.

`open_store` is the one door. All calls are synchronous and short: reads take tens of microseconds,
a write takes one wait for the disk. A write waits for its turn at most `lock_wait_seconds`.
"""

from pathlib import Path
from typing import Any

from letta_cli.core.errors import ConfigError
from letta_cli.store.agents import Agents
from letta_cli.store.blocks import Blocks
from letta_cli.store.conversations import Conversations
from letta_cli.store.database import Database
from letta_cli.store.leases import Lease, Leases
from letta_cli.store.messages import Messages
from letta_cli.store.runs import Runs
from letta_cli.store.search import Hit, Search
from letta_cli.store.sessions import Sessions
from letta_cli.store.touches import Touches

__all__ = ["Hit", "Lease", "Store", "open_store"]

_SQLITE = "sqlite:///"


class Store:
    """The repositories over one database. Safe to share between the threads of a process.

    Attributes:
        agents, conversations, messages, blocks, runs, sessions, touches, search, leases: one noun
            each.
    """

    def __init__(self, database: Database, lease_folder: Path, reason: str) -> None:
        self._database = database
        self.search = Search(database)
        self.leases = Leases(lease_folder, reason, self._title_of)
        self.messages = Messages(database, self.search)
        self.conversations = Conversations(database, self.messages, self.search, self.leases)
        self.blocks = Blocks(database)
        self.agents = Agents(database, self.conversations, self.blocks)
        self.runs = Runs(database, self.messages)
        self.sessions = Sessions(database)
        self.touches = Touches(database)

    def close(self) -> None:
        """Close the database's connections. Idempotent; leases are kept until released."""
        self._database.close()

    def health(self) -> dict[str, Any]:
        """What the doctor reports, as JSON-able values; sizes in bytes. Reads the whole file.

        Keys: driver, sqlite_version, path, filesystem, network_filesystem, journal_mode,
        synchronous, schema_version, quick_check and integrity (``ok`` or what is wrong),
        size_bytes, wal_bytes, free_bytes, file_mode, folder_mode, counts, warnings.
        """
        return self._database.health()

    def _title_of(self, conversation_id: str) -> str:
        found = self._database.query("SELECT title FROM conversation WHERE id = ?", conversation_id)
        return found[0][0] if found else ""


def open_store(url: str, *, lock_wait_seconds: float = 30.0, reason: str = "agent") -> Store:
    """Open the store at `url`; make it when there is none.

    Args:
        url: ``sqlite:////absolute/path.db``.
        lock_wait_seconds: how long a write waits for its turn before `Busy`.
        reason: what this process does, shown to others that wait for it.

    Raises:
        ConfigError: the URL names no database this version can use.
        DatabaseDamaged, DatabaseTooNew: the file was refused and left untouched.
        Busy, DiskFull, StoreError: it cannot be opened or made now; the text says what to do.
    """
    if not url.startswith(_SQLITE) or not url.removeprefix(_SQLITE).strip():
        raise ConfigError(_no_driver(url))
    from letta_cli.store.sqlite import SqliteDatabase

    path = Path(url.removeprefix(_SQLITE)).expanduser().absolute()
    database = SqliteDatabase(path, lock_wait_seconds=lock_wait_seconds, reason=reason)
    return Store(database, path.parent / "leases", reason)


def _no_driver(url: str) -> str:
    scheme = url.partition(":")[0]
    if scheme in ("postgresql", "postgres"):
        return "PostgreSQL is not built in yet. Use a database URL like sqlite:////home/me/agent.db"
    # The URL may hold a password: only its first word is shown.
    return (
        f"The database URL begins with {scheme!r}, which is not known. "
        "Use one like sqlite:////home/me/agent.db"
    )
