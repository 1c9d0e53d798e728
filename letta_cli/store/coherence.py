"""Makes rows that were saved one by one a database again that the program can work with."""

import json
from collections.abc import Mapping
from typing import Any

from letta_cli.core.clock import from_text
from letta_cli.store import rows
from letta_cli.store.database import Database
from letta_cli.store.search import Search
from letta_cli.store.search_sqlite import Fts5Index

_JSON = ("memory_versions", "result")


def reads_well(table: str, row: Mapping[str, Any]) -> bool:
    """Whether the program could read this row: dates are dates, JSON is JSON."""
    try:
        for name, value in row.items():
            if name.endswith("_at") and isinstance(value, str):
                from_text(value)
            elif table == "message" and name == "parts":
                rows.parts_from_json(value)
            elif name in _JSON and value is not None:
                json.loads(value)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return True


def make_coherent(database: Database) -> None:
    """Bring up to date what other rows tell, and make the search index anew. In a transaction."""
    _newest_revisions(database)
    for row in database.query("SELECT id, context_start, summary_seq FROM conversation"):
        _window(database, *row)
    _index(database)


def _newest_revisions(database: Database) -> None:
    """A block whose row is older than its history gets the text of its newest revision."""
    found = database.query(
        "SELECT r.after, r.version, r.created_at, r.block_id FROM block_revision r"
        " JOIN block b ON b.id = r.block_id AND b.version < r.version"
        " WHERE r.version = (SELECT max(version) FROM block_revision WHERE block_id = b.id)"
    )
    database.execute_many(
        "UPDATE block SET value = ?, version = ?, updated_at = ? WHERE id = ?", found
    )


def _window(database: Database, conversation_id: str, start: int, summary: int | None) -> None:
    """Let a conversation end at its last message, and its window begin after what is lost.

    A provider takes no tool call without its return, so the window begins with the first words of
    the person after the last hole.
    """
    found = database.query(
        "SELECT seq, role FROM message WHERE conversation_id = ? ORDER BY seq", conversation_id
    )
    roles: dict[int, str] = dict(found)
    head = max(roles, default=0)
    holes = [seq for seq in range(start, head + 1) if seq not in roles]
    if _has_open_call(database, conversation_id, head):
        holes.append(head)
    if holes:
        after = [seq for seq, role in roles.items() if seq > holes[-1] and role == "user"]
        start = min(after, default=head + 1)
    database.execute(
        "UPDATE conversation SET head = ?, context_start = ?, summary_seq = ? WHERE id = ?",
        head, min(start, head + 1), summary if summary in roles else None, conversation_id,
    )  # fmt: skip


def _has_open_call(database: Database, conversation_id: str, head: int) -> bool:
    """Whether the thread ends in calls of which the journal knows nothing any more."""
    found = database.query(
        f"SELECT {rows.MESSAGE} FROM message WHERE conversation_id = ? AND seq = ?",
        conversation_id, head,
    )  # fmt: skip
    calls = {call.id for each in found for call in rows.message(each).tool_calls}
    known = database.query(
        "SELECT c.call_id FROM tool_call c JOIN run r ON r.id = c.run_id AND r.state = 'open'"
        " WHERE c.conversation_id = ?",
        conversation_id,
    )
    return not calls <= {call_id for (call_id,) in known}


def _index(database: Database) -> None:
    """The search index is made anew: its pages may be the damaged ones."""
    search = Search(database, Fts5Index())
    database.execute("UPDATE message SET document = NULL")
    found = database.query(f"SELECT number, {rows.MESSAGE} FROM message ORDER BY number")
    for number, *row in found:
        search.add(number, rows.message(tuple(row)))
