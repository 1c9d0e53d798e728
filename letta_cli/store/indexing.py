"""Keeps the search index: what is said or remembered enters it in the transaction that stores it.

Everything searched is an entry with its own text; the full-text index is made from entries alone.
What was stored before there was this index waits in a backlog, which any process may work off.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from letta_cli.core.clock import to_text
from letta_cli.core.memory import BlockRevision, Passage
from letta_cli.core.message import Message
from letta_cli.store import rows
from letta_cli.store.database import Database, Row
from letta_cli.store.message_text import SPOKEN_ROLES, around, cut, pieces_of, weight_of
from letta_cli.store.search_words import indexable
from letta_cli.store.text_index import Fields, TextIndex

# Characters of a neighbour that are indexed with an entry.
_NEAR, _FAR = 500, 300

_BATCH = 200

_ENTRY = f"e.number, e.title, e.text, substr(e.text, 1, {_NEAR})"
_THREAD = (
    f"SELECT {_ENTRY}, m.number = m.document FROM message m"
    " JOIN search_entry e ON e.document = m.document AND e.piece = 0"
    " WHERE m.conversation_id = ?"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of something that is searched.

    Attributes:
        place: where it stands in its source, as the end of a citation: ``3/12`` for line 12 of
            page 3, a version, or nothing.
        title: words that stand for it: a path, a label, tags.
    """

    place: str
    title: str
    text: str


class Indexing:
    """All that writes to the index. Inside a transaction, unless said otherwise."""

    def __init__(self, database: Database, index: TextIndex) -> None:
        self._database = database
        self._index = index

    def add_message(
        self, agent_id: str, number: int, message: Message, *, later: bool = False
    ) -> None:
        """Index a message that was just stored as row `number`.

        Args:
            agent_id: whose conversation it stands in.
            later: only make it known; `queue` its conversation afterwards.
        """
        pieces = pieces_of(message)
        if not pieces:
            return
        self._database.execute("UPDATE message SET document = ? WHERE number = ?", number, number)
        if not later:
            self._put_message(number, message, pieces, new_of=agent_id)

    def queue(self, conversation_id: str, done: int) -> None:
        """Let what was added to a conversation after message `done` wait in the backlog."""
        self._database.execute(
            "INSERT INTO search_backlog (kind, source, done) VALUES ('message', ?, ?)"
            " ON CONFLICT (kind, source) DO NOTHING",
            conversation_id, done,
        )  # fmt: skip

    def add_revision(self, agent_id: str, revision: BlockRevision) -> None:
        """Index what an edit of a memory block of this agent brought in."""
        before = set(revision.before.splitlines())
        new = [line for line in revision.after.splitlines() if line not in before]
        self.put(
            agent_id, "memory", revision.block_id, to_text(revision.created_at),
            [Piece(str(revision.version), revision.label, "\n".join(new))],
        )  # fmt: skip

    def add_passage(self, passage: Passage) -> None:
        self.put(
            passage.agent_id, "passage", passage.id, to_text(passage.created_at),
            [Piece("", " ".join(passage.tags), passage.text)],
        )  # fmt: skip

    def put(
        self, agent_id: str, kind: str, source: str, created_at: str, pieces: Sequence[Piece]
    ) -> None:
        """Add pieces of a source at its end."""
        made: list[Row] = []
        for piece in pieces:
            title, place = rows.clean(piece.title), rows.clean(piece.place)
            for position, text in enumerate(cut(rows.clean(piece.text))):
                number = self._insert(
                    agent_id, kind, source, place, position, None, title, text, created_at, 1.0
                )
                made.append((number, title, text, text[:_NEAR]))
        for position, entry in enumerate(made):
            beside = [made[other] for other in (position - 1, position + 1) if _has(made, other)]
            self._write(entry, near=beside)

    def drop(self, kind: str, source: str) -> None:
        """Take a source out of the search."""
        self._database.execute(
            "DELETE FROM search_entry WHERE kind = ? AND source = ?", kind, source
        )
        self._database.execute(
            "DELETE FROM search_backlog WHERE kind = ? AND source = ?", kind, source
        )

    def forget(self, conversation_id: str) -> None:
        """Drop what only this conversation holds, before its messages and blocks are removed."""
        self._database.execute(
            "DELETE FROM search_entry WHERE document IN"
            " (SELECT document FROM message m"
            " WHERE m.conversation_id = ? AND m.document IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM message o WHERE o.document = m.document"
            " AND o.conversation_id <> m.conversation_id))",
            conversation_id,
        )
        for (block_id,) in self._database.query(
            "SELECT id FROM block WHERE scope = 'conversation' AND scope_key = ?", conversation_id
        ):
            self.drop("memory", block_id)
        self.drop("message", conversation_id)

    def backlog(self) -> int:
        """How many sources wait to be indexed. Outside of a transaction, too."""
        return self._database.query("SELECT count(*) FROM search_backlog")[0][0]

    def catch_up(self) -> bool:
        """Index a little of what waits, in a transaction of its own; False when nothing does."""
        with self._database.transaction(durable=False):
            found = self._database.query(
                "SELECT kind, source, done FROM search_backlog ORDER BY kind DESC, source LIMIT 1"
            )
            if not found:
                return False
            kind, source, done = found[0]
            if kind == "message":
                last = self._add_messages_after(source, done)
            else:
                last = None
                self._add_whole(kind, source)
            if last is None:
                self._database.execute(
                    "DELETE FROM search_backlog WHERE kind = ? AND source = ?", kind, source
                )
            else:
                self._database.execute(
                    "UPDATE search_backlog SET done = ? WHERE kind = ? AND source = ?",
                    last, kind, source,
                )  # fmt: skip
        return True

    def queue_everything(self) -> None:
        """Let all that is stored be looked at again, as after a loss of entries."""
        self._database.execute("DELETE FROM search_backlog")
        # The agent's own conversations repeat what stands in chats, and are not searched.
        chats = "conversation WHERE kind = 'chat'"
        for kind, table in (("message", chats), ("memory", "block"), ("passage",) * 2):
            self._database.execute(
                f"INSERT INTO search_backlog SELECT '{kind}', id, 0 FROM {table}"
            )

    def mend(self) -> None:
        """Make a damaged index anew, in a transaction of its own."""
        with self._database.transaction():
            self.rebuild()

    def rebuild(self) -> None:
        """Make the full-text index anew from the entries."""
        self._database.execute(self._index.clear)
        for (conversation_id,) in self._database.query("SELECT id FROM conversation ORDER BY id"):
            found = self._database.query(f"{_THREAD} ORDER BY m.seq", conversation_id)
            for position, (*entry, original) in enumerate(found):
                if original:
                    self._write(tuple(entry), *_beside(found, position))
        last = -1
        while found := self._database.query(
            f"SELECT {_ENTRY}, e.kind, e.source, e.document FROM search_entry e WHERE e.number > ?"
            " AND (e.document IS NULL OR e.piece > 0) ORDER BY e.number LIMIT ?",
            last, _BATCH,
        ):  # fmt: skip
            for position, (*entry, _, source, document) in enumerate(found):
                others = (position - 1, position + 1) if document is None else ()
                beside = [
                    found[other]
                    for other in others
                    if _has(found, other) and found[other][5] == source
                ]
                self._write(tuple(entry), near=beside)
            last = found[-1][0]
        self._add_orphans()

    def _add_orphans(self) -> None:
        """Messages whose original was deleted are left in forks of it, without neighbours."""
        found = self._database.query(
            f"SELECT {_ENTRY} FROM search_entry e WHERE e.piece = 0 AND e.document IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM message m WHERE m.number = e.document)"
        )
        for entry in found:
            self._write(entry)

    def _put_message(
        self, document: int, message: Message, pieces: Sequence[str], *, new_of: str = ""
    ) -> None:
        """Index the message with its neighbours, and so those before it.

        Args:
            new_of: the agent, when the message was just stored and can have no entry yet.
        """
        before = self._database.query(
            f"{_THREAD} AND m.seq < ? ORDER BY m.seq DESC LIMIT 4",
            message.conversation_id, message.seq,
        )  # fmt: skip
        title, moment = around(message), to_text(message.created_at)
        sql = "SELECT number FROM search_entry WHERE document = ? ORDER BY piece"
        there = [] if new_of else self._database.query(sql, document)
        agent_id = new_of or self._agent_of(message.conversation_id)
        numbers = [row[0] for row in there] or [
            self._insert(
                agent_id, "message", "", "", position, document, title, text, moment,
                weight_of(text) if message.role in SPOKEN_ROLES else 1.0,
            )
            for position, text in enumerate(pieces)
        ]  # fmt: skip
        first, *rest = zip(numbers, pieces, strict=False)
        self._write((first[0], title, first[1], ""), before[:1], before[1:2])
        for number, text in rest:
            self._write((number, title, text, ""))
        # Now the two before it know what follows them. What a fork copied belongs to its original.
        thread = [(0, "", "", pieces[0]), *before]
        for position, (*entry, original) in enumerate(before[:2], start=1):
            if original:
                self._write(tuple(entry), *_beside(thread, position))

    def _agent_of(self, conversation_id: str) -> str:
        sql = "SELECT agent_id FROM conversation WHERE id = ?"
        return self._database.query(sql, conversation_id)[0][0]

    def _insert(self, *values: object) -> int:
        return self._database.query(
            "INSERT INTO search_entry (agent_id, kind, source, place, piece, document, title, text,"
            " created_at, weight) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
            *values,
        )[0][0]

    def _write(self, entry: Row, near: Sequence[Row] = (), far: Sequence[Row] = ()) -> None:
        number, title, text, *_ = entry
        fields = Fields(
            indexable(text),
            indexable(title),
            indexable(" ".join(row[3][:_NEAR] for row in near)),
            indexable(" ".join(row[3][:_FAR] for row in far)),
        )
        self._database.execute(self._index.put, *self._index.arguments(number, fields))

    def _add_messages_after(self, conversation_id: str, done: int) -> int | None:
        """The number of the last one looked at; None when there were no more."""
        found = self._database.query(
            f"SELECT number, document, {rows.MESSAGE} FROM message WHERE conversation_id = ?"
            " AND seq > ? ORDER BY seq LIMIT ?",
            conversation_id, done, _BATCH,
        )  # fmt: skip
        last: int | None = None
        for _, document, *row in found:
            message = rows.message(tuple(row))
            if document is not None and self._is_first(document, conversation_id):
                self._put_message(document, message, pieces_of(message))
            last = message.seq
        return last

    def _is_first(self, document: int, conversation_id: str) -> bool:
        """Whether the original, or the oldest copy that is left of it, stands here."""
        found = self._database.query(
            "SELECT conversation_id FROM message WHERE document = ? ORDER BY number LIMIT 1",
            document,
        )
        return bool(found) and found[0][0] == conversation_id

    def _add_whole(self, kind: str, source: str) -> None:
        self._database.execute(
            "DELETE FROM search_entry WHERE kind = ? AND source = ?", kind, source
        )
        if kind == "memory":
            for agent_id, *row in self._database.query(
                f"SELECT b.agent_id, {rows.REVISION} {rows.FROM_REVISION} WHERE r.block_id = ?"
                " ORDER BY r.version",
                source,
            ):
                self.add_revision(agent_id, rows.revision(tuple(row)))
            return
        for row in self._database.query(
            f"SELECT {rows.PASSAGE} FROM passage p WHERE p.id = ?", source
        ):
            tags = self._database.query(
                "SELECT tag FROM passage_tag WHERE passage_id = ? ORDER BY position", source
            )
            self.add_passage(rows.passage(row, [tag for (tag,) in tags]))


def _has(found: Sequence[Row], position: int) -> bool:
    return 0 <= position < len(found)


def _beside(found: Sequence[Row], position: int) -> tuple[list[Row], list[Row]]:
    """The neighbours at a distance of one, and of two."""
    near, far = (
        [found[place] for place in (position - by, position + by) if _has(found, place)]
        for by in (1, 2)
    )
    return near, far
