"""Durable state: what agents, conversations, memory and runs are, over any end of any process.

`open_store` is the one door. All calls are synchronous and short: reads take tens of microseconds,
a write takes one wait for the disk. A write waits for its turn at most `lock_wait_seconds`.

The store can be used without the rest of the program, by any number of processes and threads on
one database. Open it once in a process and keep it open::

    from letta_cli.core.memory import Origin
    from letta_cli.core.message import Text
    from letta_cli.store import open_store

    store = open_store(url, reason="my program")  # url: sqlite:////tmp/demo/agent.db
    agent = store.agents.current()
    conversation = store.conversations.create(agent.id, cwd="/tmp", project="/tmp")

    # A turn: all of its messages or none. `expected_head` refuses to interleave with others.
    turn = [("user", [Text("Who am I?")]), ("assistant", [Text("Ada.")])]
    messages = store.messages.extend(conversation.id, turn, expected_head=conversation.head)

    # A block is edited on the text it has at that moment, whoever wrote it meanwhile.
    block = store.blocks.find(agent.id, "human")
    revision = store.blocks.insert(block.id, "Her name is Ada.", origin=Origin("model"))
    store.blocks.replace(block.id, "Ada", "Ada Lovelace", origin=Origin("model"))

    # Reading takes no lock and waits for nobody.
    thread = store.messages.read(conversation.id)
    text = store.blocks.find(agent.id, "human").value
    hits = store.search.messages(agent.id, "who")
    store.close()

Every refusal is a `letta_cli.core.errors.AgentError`: `Conflict` when another was faster and the
edit no longer fits, `Busy` when the lock was not to be had in time, with who holds it.
"""

import sys
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from letta_cli.core.clock import from_text
from letta_cli.core.errors import ConfigError
from letta_cli.store.agents import Agents
from letta_cli.store.block_table import BlockTable
from letta_cli.store.blocks import Blocks
from letta_cli.store.conversations import Conversations
from letta_cli.store.database import Database
from letta_cli.store.filters import Filters
from letta_cli.store.indexing import Indexing, Piece
from letta_cli.store.leases import FileLeaseLocks, Lease, LeaseLocks, Leases
from letta_cli.store.messages import Messages
from letta_cli.store.reviews import Reviews
from letta_cli.store.runs import Runs
from letta_cli.store.search import Hit, Search
from letta_cli.store.sessions import Sessions
from letta_cli.store.sharing import Sharing
from letta_cli.store.text_index import TextIndex
from letta_cli.store.touches import Touches
from letta_cli.store.vectors import Vectors

if TYPE_CHECKING:
    from letta_cli.store.changes import Changes
    from letta_cli.store.documents import Documents
    from letta_cli.store.files import Files
    from letta_cli.store.imports import Imports
    from letta_cli.store.learned import SkillDrafts, SkillUses
    from letta_cli.store.passages import Passages
    from letta_cli.store.reflections import Reflections

__all__ = ["Filters", "Hit", "Lease", "Piece", "Store", "database_file", "open_store"]

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")

ON_SERVER = (
    "Back it up on the server, with pg_dump for example, or copy it into a file with: "
    "agent db migrate-to sqlite:////absolute/path.db"
)
"""What to do about backups where the database is not a file."""


class Store:
    """The repositories over one database. Safe to share between the threads of a process.

    Attributes:
        agents, conversations, messages, blocks, sharing, passages, documents, files, runs,
            sessions, touches, changes, reflections, skill_drafts, skill_uses, search, indexing,
            vectors, leases, imports: one noun each.
    """

    def __init__(self, database: Database, index: TextIndex, locks: LeaseLocks) -> None:
        self._database = database
        self.indexing = Indexing(database, index)
        self.vectors = Vectors(database)
        self.search = Search(database, index, self.indexing, self.vectors)
        self.leases = Leases(locks, self._title_of)
        self.messages = Messages(database, self.indexing)
        table = BlockTable(database, self.indexing)
        self.blocks = Blocks(database, table)
        self.reviews = Reviews(database, table)
        self.sharing = Sharing(database, table, self.reviews)
        self.conversations = Conversations(
            database, self.messages, self.search, self.indexing, self.leases, self.sharing
        )
        self.agents = Agents(database, self.conversations, self.blocks, self.sharing)
        self.runs = Runs(database, self.messages)
        self.sessions = Sessions(database)
        self.touches = Touches(database)

    @cached_property
    def passages(self) -> "Passages":
        """Archival memory; few commands ask for it."""
        from letta_cli.store.passages import Passages

        return Passages(self._database, self.search, self.indexing)

    @cached_property
    def changes(self) -> "Changes":
        """What tool calls did to files; few commands ask for it."""
        from letta_cli.store.changes import Changes

        return Changes(self._database)

    @cached_property
    def documents(self) -> "Documents":
        """What else is searched; few commands ask for it."""
        from letta_cli.store.documents import Documents

        return Documents(self._database, self.indexing)

    @cached_property
    def files(self) -> "Files":
        """Documents from the disk; few commands ask for them."""
        from letta_cli.store.files import Files

        return Files(self._database, self.documents, self.search)

    @cached_property
    def reflections(self) -> "Reflections":
        """What the agent looked back on; few commands ask for it."""
        from letta_cli.store.reflections import Reflections

        return Reflections(self._database, self.leases)

    @cached_property
    def skill_drafts(self) -> "SkillDrafts":
        """Skills that the agent proposed; few commands ask for them."""
        from letta_cli.store.learned import SkillDrafts

        return SkillDrafts(self._database)

    @cached_property
    def skill_uses(self) -> "SkillUses":
        """How skills did; few commands ask for it."""
        from letta_cli.store.learned import SkillUses

        return SkillUses(self._database)

    @cached_property
    def imports(self) -> "Imports":
        """Conversations of other programs; few commands ask for them."""
        from letta_cli.store.imports import Imports

        return Imports(
            self._database, self.conversations, self.messages, self.indexing, self.leases
        )

    @property
    def database(self) -> Database:
        """What the repositories stand on, for work on all of it at once."""
        return self._database

    def close(self) -> None:
        """Close the database's connections. Idempotent; leases are kept until released."""
        self._database.close()

    def health(self) -> dict[str, Any]:
        """What the doctor reports, as JSON-able values; sizes in bytes. Reads everything.

        Keys: driver, path, schema_version, synchronous, quick_check and integrity (``ok`` or what
        is wrong), size_bytes, counts, warnings. SQLite also has sqlite_version, filesystem,
        network_filesystem, journal_mode, wal_bytes, free_bytes, file_mode, folder_mode;
        PostgreSQL server_version and fsync.
        """
        return self._database.health()

    def first_and_last_change(self) -> tuple[datetime, datetime]:
        """When the database was made, and when something was last said or remembered in it."""
        found = self._database.query(
            "SELECT (SELECT min(applied_at) FROM migration),"
            " (SELECT max(updated_at) FROM conversation),"
            " (SELECT max(created_at) FROM block_revision)"
        )[0]
        moments = [from_text(text) for text in found if text]
        return moments[0], max(moments)

    def _title_of(self, conversation_id: str) -> str:
        found = self._database.query("SELECT title FROM conversation WHERE id = ?", conversation_id)
        return found[0][0] if found else ""


def open_store(url: str, *, lock_wait_seconds: float = 30.0, reason: str = "") -> Store:
    """Open the store at `url`; make it when there is none.

    Args:
        url: ``sqlite:////absolute/path.db`` or ``postgresql://user@host/database``.
        lock_wait_seconds: how long a write waits for its turn before `Busy`.
        reason: what this process does, shown to others that wait for it; its command if empty.

    Raises:
        ConfigError: the URL names no database this version can use, or a wrong password.
        DatabaseDamaged, DatabaseTooNew: the database was refused and left untouched.
        Busy, DiskFull, StoreError: it cannot be opened or made now; the text says what to do.
    """
    reason = reason or _command()
    if is_on_server(url):
        return _open_postgres(url, lock_wait_seconds, reason)
    path = database_file(url)
    from letta_cli.store.search_sqlite import Fts5Index
    from letta_cli.store.sqlite import SqliteDatabase

    database = SqliteDatabase(path, lock_wait_seconds=lock_wait_seconds, reason=reason)
    return Store(database, Fts5Index(), FileLeaseLocks(path.parent / "leases", reason))


def _command() -> str:
    """How this process was called, without what was said to it: ``agent run``."""
    program, *words = sys.argv or [""]
    path = Path(program)
    name = "agent" if path.name in ("__main__.py", "-c", "") else path.stem
    return f"{name} {words[0]}" if words and words[0].isalpha() else name


def _open_postgres(url: str, lock_wait_seconds: float, reason: str) -> Store:
    try:
        from letta_cli.store.postgres import PostgresDatabase
        from letta_cli.store.postgres_leases import PostgresLeaseLocks
        from letta_cli.store.search_postgres import TsvectorIndex
    except ImportError as error:
        raise ConfigError(
            f"PostgreSQL needs the package psycopg, which cannot be loaded ({error}). "
            "Install it with: pip install 'letta-cli[postgres]'"
        ) from error

    database = PostgresDatabase(url, lock_wait_seconds=lock_wait_seconds, reason=reason)
    return Store(database, TsvectorIndex(), PostgresLeaseLocks(database))


def is_on_server(url: str) -> bool:
    """Whether a URL names a database on a server, which is no file here."""
    return url.startswith(_POSTGRES)


def database_file(url: str) -> Path:
    """The file that an SQLite URL names.

    Raises:
        ConfigError: the URL names no database this version can use, or none that is a file.
    """
    if is_on_server(url):
        raise ConfigError(f"The database is on a PostgreSQL server, and no file here. {ON_SERVER}")
    if not url.startswith(_SQLITE) or not url.removeprefix(_SQLITE).strip():
        raise ConfigError(_no_driver(url))
    return Path(url.removeprefix(_SQLITE)).expanduser().absolute()


def _no_driver(url: str) -> str:
    scheme = url.partition(":")[0]
    # The URL may hold a password: only its first word is shown.
    return (
        f"The database URL begins with {scheme!r}, which is not known. "
        "Use one like sqlite:////home/me/agent.db or postgresql://me@host/agent"
    )
