"""Messages: append-only threads, numbered without holes."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from letta_cli.core.agent import Conversation
from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import Conflict, NotFound
from letta_cli.core.ids import new_id
from letta_cli.core.message import Message, Part, Role, Text, ToolReturn
from letta_cli.store import rows
from letta_cli.store.database import Database
from letta_cli.store.indexing import Indexing


class Messages:
    """The repository of messages. Raises what `Database` raises, and what methods name."""

    def __init__(self, database: Database, indexing: Indexing) -> None:
        self._database = database
        self._indexing = indexing

    def append(
        self,
        conversation_id: str,
        role: Role,
        parts: Sequence[Part],
        *,
        run_id: str | None = None,
        expected_head: int | None = None,
        memory_versions: Mapping[str, int] | None = None,
        created_at: datetime | None = None,
        index_later: bool = False,
    ) -> Message:
        """Add a message at the end, with the next number, indexed for search.

        Args:
            expected_head: the number of the message that the caller takes for the newest.
            memory_versions: versions this message tells the conversation of; they are added to
                those it has seen, in the same transaction.
            created_at: when it was said, for what is brought in from elsewhere; else now.
            index_later: the caller queues the conversation for the index instead.

        Raises:
            NotFound: there is no such conversation.
            Conflict: its newest message is another than `expected_head`; ``version`` says which.
        """
        made = self.extend(
            conversation_id,
            [(role, parts)],
            run_id=run_id,
            expected_head=expected_head,
            memory_versions=memory_versions,
            created_at=created_at,
            index_later=index_later,
        )
        return made[0]

    def extend(
        self,
        conversation_id: str,
        turn: Sequence[tuple[Role, Sequence[Part]]],
        *,
        run_id: str | None = None,
        expected_head: int | None = None,
        memory_versions: Mapping[str, int] | None = None,
        created_at: datetime | None = None,
        index_later: bool = False,
    ) -> list[Message]:
        """Add several messages at the end, all of them or none: a whole turn. As `append`."""
        moment = created_at or now()
        # Encoded before the lock is taken, because others wait for it.
        encoded = [(said, rows.parts_to_json(said[1])) for said in turn]
        made: list[Message] = []
        with self._database.transaction(only=conversation_id):
            head, kind, agent_id = self._next(
                conversation_id, len(encoded), expected_head, to_text(moment)
            )
            for seq, ((role, parts), text) in enumerate(encoded, head - len(encoded) + 1):
                message = Message(
                    new_id("message"), conversation_id, seq, role, tuple(parts), moment, run_id
                )
                # What the agent reads in a reflection stands elsewhere already.
                later = None if kind != "chat" else index_later
                self._insert(agent_id, message, text, index_later=later)
                made.append(message)
            if memory_versions:
                self._remember(conversation_id, memory_versions)
        return made

    def window(self, conversation: Conversation) -> list[Message]:
        """What is in context: the summary, if there is one, and all that came after its cut."""
        start, summary = conversation.context_start, conversation.summary_seq
        found = self._database.query(
            f"SELECT {rows.MESSAGE} FROM message WHERE conversation_id = ?"
            " AND (seq >= ? AND role <> 'summary' OR seq = ?) ORDER BY seq",
            conversation.id, start, 0 if summary is None else summary,
        )  # fmt: skip
        messages = [rows.message(row) for row in found]
        # The summary was written last but stands for what came first.
        messages.sort(key=lambda message: message.seq != summary)
        return messages

    def read(
        self, conversation_id: str, *, start: int = 1, end: int | None = None
    ) -> list[Message]:
        """The messages numbered `start` to `end`, both included; to the newest when None."""
        sql = f"SELECT {rows.MESSAGE} FROM message WHERE conversation_id = ? AND seq >= ?"
        args: list[object] = [conversation_id, start]
        if end is not None:
            sql += " AND seq <= ?"
            args.append(end)
        return [rows.message(row) for row in self._database.query(f"{sql} ORDER BY seq", *args)]

    def outside(self, conversation_id: str, last: int) -> list[str]:
        """Where texts of strangers came from that stand in messages 1 to `last`: what whoever
        wrote the last one had read."""
        # What looks like the key may be a text that holds it, so the parts decide.
        found = self._database.query(
            "SELECT parts FROM message WHERE conversation_id = ? AND seq <= ?"
            " AND parts LIKE ? ORDER BY seq",
            conversation_id, last, '%"outside":%',
        )  # fmt: skip
        parts = [part for row in found for part in rows.parts_from_json(row[0])]
        told = [part.outside for part in parts if isinstance(part, Text | ToolReturn)]
        return [each for each in dict.fromkeys(told) if each]

    def copy(self, source_id: str, target_id: str, last: int) -> None:
        """Copy messages 1 to `last` under new ids. Copies share the originals' search entries."""
        found = self._database.query(
            "SELECT seq, role, parts, document, run_id, created_at FROM message"
            " WHERE conversation_id = ? AND seq <= ? ORDER BY seq",
            source_id, last,
        )  # fmt: skip
        self._database.execute_many(
            "INSERT INTO message (id, conversation_id, seq, role, parts, document, run_id,"
            " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(new_id("message"), target_id, *row) for row in found],
        )

    def _next(
        self, conversation_id: str, count: int, expected_head: int | None, moment: str
    ) -> tuple[int, str, str]:
        """Make room for `count` more messages: the last number, and the kind and agent of all."""
        found = self._database.query(
            "UPDATE conversation SET head = head + ?, updated_at = ?"
            " WHERE id = ? AND head = coalesce(?, head) RETURNING head, kind, agent_id",
            count, moment, conversation_id, expected_head,
        )  # fmt: skip
        if found:
            head, kind, agent_id = found[0]
            return head, kind, agent_id
        heads = self._database.query("SELECT head FROM conversation WHERE id = ?", conversation_id)
        if not heads:
            raise NotFound(
                f"There is no conversation {conversation_id} any more. See: agent sessions list"
            )
        raise Conflict(
            f"Conversation {conversation_id} went on elsewhere: its newest message is number "
            f"{heads[0][0]}, not {expected_head}. Open it again to see what was said.",
            version=heads[0][0],
        )

    def _insert(
        self, agent_id: str, message: Message, encoded: str, *, index_later: bool | None
    ) -> None:
        """Args: index_later: None for what is not to be found."""
        found = self._database.query(
            "INSERT INTO message (id, conversation_id, seq, role, parts, run_id, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING number",
            message.id, message.conversation_id, message.seq, message.role,
            encoded, message.run_id, to_text(message.created_at),
        )  # fmt: skip
        if index_later is not None:
            self._indexing.add_message(agent_id, found[0][0], message, later=index_later)

    def _remember(self, conversation_id: str, versions: Mapping[str, int]) -> None:
        found = self._database.query(
            "SELECT memory_versions FROM conversation WHERE id = ?", conversation_id
        )
        seen: dict[str, int] = json.loads(found[0][0])
        self._database.execute(
            "UPDATE conversation SET memory_versions = ? WHERE id = ?",
            rows.to_json({**seen, **versions}), conversation_id,
        )  # fmt: skip
