"""Conversations that were brought in from elsewhere: whole, once, and continued when they grew."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from letta_cli.core.agent import Conversation
from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import NotFound
from letta_cli.core.message import Part, Role
from letta_cli.store import rows
from letta_cli.store.conversations import Conversations
from letta_cli.store.database import Database
from letta_cli.store.indexing import Indexing
from letta_cli.store.leases import Leases
from letta_cli.store.messages import Messages

_COLUMNS = (
    "kind, source, path, size, modified_ns, conversation_id, messages, settled, settled_sha256,"
    " sha256"
)

Outcome = Literal["new", "continued", "rewritten", "branched", "unchanged", "deleted"]
"""``rewritten``: the end had changed, it is stored anew under its id. ``branched``: it went on
here as well, so what it has become there is a conversation of its own. ``deleted``: it was
imported once, and a person deleted it."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What is known of a source.

    Attributes:
        kind, source: the program, and what it calls this conversation.
        size, modified_ns: of the file when it was read.
        messages: how many were taken over: the conversation's head, unless it went on here.
        settled: how many of these stay as they are whatever is added at the end.
    """

    kind: str
    source: str
    path: str
    size: int
    modified_ns: int
    conversation_id: str = ""
    messages: int = 0
    settled: int = 0
    settled_sha256: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """What a conversation that comes from elsewhere begins with.

    Attributes:
        window: the number of its newest summary, and of the first message in context beside it.
    """

    title: str
    cwd: str
    project: str
    created_at: datetime
    window: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message to be stored."""

    role: Role
    parts: Sequence[Part]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Brought:
    """What an import came to; `conversation_id` is empty when nothing is stored of it."""

    outcome: Outcome
    conversation_id: str
    added: int


class Imports:
    """The repository of imports. Raises what `Database` raises, and what methods name."""

    def __init__(
        self,
        database: Database,
        conversations: Conversations,
        messages: Messages,
        indexing: Indexing,
        leases: Leases,
    ) -> None:
        self._database = database
        self._conversations = conversations
        self._messages = messages
        self._indexing = indexing
        self._leases = leases

    def at_path(self, agent_id: str, kind: str, path: str) -> Imported | None:
        """What was last imported from this file."""
        return self._one(
            "agent_id = ? AND kind = ? AND path = ? ORDER BY imported_at DESC LIMIT 1",
            agent_id, kind, rows.clean(path),
        )  # fmt: skip

    def find(self, agent_id: str, kind: str, source: str) -> Imported | None:
        return self._one(
            "agent_id = ? AND kind = ? AND source = ?", agent_id, kind, rows.clean(source)
        )

    def origins(self, agent_id: str) -> dict[str, str]:
        """The kind of source of each conversation that came from elsewhere, by its id."""
        found = self._database.query(
            "SELECT conversation_id, kind FROM imported WHERE agent_id = ?", agent_id
        )
        return {row[0]: row[1] for row in found}

    def plan(self, agent_id: str, new: Imported, beginning: Callable[[int], str]) -> Outcome:
        """What `take` would do with `new`.

        Args:
            beginning: the digest of as many of its first messages; empty when it has fewer.
        """
        there = self.find(agent_id, new.kind, new.source)
        if there is None:
            return "new"
        try:
            head = self._conversations.get(there.conversation_id).head
        except NotFound:
            return "deleted"
        if new.sha256 == there.sha256:
            return "unchanged"
        if head != there.messages:
            return "branched"
        same = beginning(there.messages) == there.sha256
        return "continued" if same else "rewritten"

    def take(
        self,
        agent_id: str,
        new: Imported,
        heading: Heading,
        messages: Callable[[int], Iterable[Incoming]],
        beginning: Callable[[int], str],
    ) -> Brought:
        """Store `new`, or what it has more than last time, in one transaction.

        Args:
            messages: its messages from a number on, counted from 0.
            beginning: as for `plan`.

        Raises:
            NotFound: there is no such agent.
            Busy: the conversation has to grow, and a session is using it.
        """
        with self._database.transaction():
            outcome = self.plan(agent_id, new, beginning)
            there = self.find(agent_id, new.kind, new.source)
            match outcome:
                case "new" | "branched":
                    made = self._make(agent_id, heading, messages, "")
                    added = made.head
                case "continued" if there is not None:
                    made, added = self._continue(there, heading, messages)
                case "rewritten" if there is not None:
                    made = self._rewrite(agent_id, there, heading, messages)
                    added = max(0, made.head - there.messages)
                case _:
                    if there is not None:
                        self._note(agent_id, replace(new, conversation_id=there.conversation_id))
                    return Brought(outcome, there.conversation_id if there else "", 0)
            self._note(agent_id, replace(new, conversation_id=made.id))
        return Brought(outcome, made.id, added)

    def keep_file(self, agent_id: str, document: str) -> None:
        """Keep what an agent's file says that has no place elsewhere. Inside a transaction."""
        self._database.execute(
            "INSERT INTO agent_file (agent_id, document) VALUES (?, ?)"
            " ON CONFLICT (agent_id) DO UPDATE SET document = excluded.document",
            agent_id, rows.clean(document),
        )  # fmt: skip

    def kept_file(self, agent_id: str) -> str:
        """What `keep_file` kept; empty when the agent did not come from a file."""
        found = self._database.query("SELECT document FROM agent_file WHERE agent_id = ?", agent_id)
        return found[0][0] if found else ""

    def begin(self, agent_id: str, heading: Heading, conversation_id: str) -> Conversation:
        """A conversation that messages from elsewhere are going to fill. Inside a transaction.

        Args:
            conversation_id: a free id; a new one when empty.
        """
        return self._conversations.create(
            agent_id, cwd=heading.cwd, project=heading.project, title=heading.title,
            created_at=heading.created_at, conversation_id=conversation_id,
        )  # fmt: skip

    def fill(
        self,
        conversation: Conversation,
        heading: Heading,
        messages: Iterable[tuple[Incoming, str | None]],
    ) -> Conversation:
        """Append messages, each with its run, and set the window. Inside a transaction.

        They wait in the backlog of the index, which takes far longer than storing them: others
        should not wait for it.
        """
        for each, run_id in messages:
            self._messages.append(
                conversation.id, each.role, each.parts, run_id=run_id,
                created_at=each.created_at, index_later=True,
            )  # fmt: skip
        self._indexing.queue(conversation.id, conversation.head)
        if heading.window is not None:
            summary, start = heading.window
            self._database.execute(
                "UPDATE conversation SET summary_seq = ?, context_start = ? WHERE id = ?",
                summary or None, start, conversation.id,
            )  # fmt: skip
        return self._conversations.get(conversation.id)

    def _make(
        self,
        agent_id: str,
        heading: Heading,
        messages: Callable[[int], Iterable[Incoming]],
        conversation_id: str,
    ) -> Conversation:
        made = self.begin(agent_id, heading, conversation_id)
        return self._append(made, heading, messages(0))

    def _continue(
        self, there: Imported, heading: Heading, messages: Callable[[int], Iterable[Incoming]]
    ) -> tuple[Conversation, int]:
        with self._leases.acquire(there.conversation_id):
            before = self._conversations.get(there.conversation_id)
            after = self._append(before, heading, messages(there.messages))
        return after, after.head - before.head

    def _rewrite(
        self,
        agent_id: str,
        there: Imported,
        heading: Heading,
        messages: Callable[[int], Iterable[Incoming]],
    ) -> Conversation:
        """The same conversation with another end. Nobody went on with it, so nothing is lost."""
        before = self._conversations.get(there.conversation_id)
        self._conversations.delete(before.id)
        named = replace(heading, title=before.title)
        made = self._make(agent_id, named, messages, before.id)
        if before.archived:
            self._conversations.archive(before.id, True)
        return made

    def _append(
        self, made: Conversation, heading: Heading, messages: Iterable[Incoming]
    ) -> Conversation:
        return self.fill(made, heading, ((each, None) for each in messages))

    def _note(self, agent_id: str, new: Imported) -> None:
        self._database.execute(
            "DELETE FROM imported WHERE agent_id = ? AND kind = ? AND source = ?",
            agent_id, new.kind, rows.clean(new.source),
        )  # fmt: skip
        self._database.execute(
            f"INSERT INTO imported (agent_id, imported_at, {_COLUMNS})"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            agent_id, to_text(now()), new.kind, rows.clean(new.source), rows.clean(new.path),
            new.size, new.modified_ns, new.conversation_id, new.messages, new.settled,
            new.settled_sha256, new.sha256,
        )  # fmt: skip

    def _one(self, condition: str, *args: str) -> Imported | None:
        found = self._database.query(f"SELECT {_COLUMNS} FROM imported WHERE {condition}", *args)
        return Imported(*found[0]) if found else None
