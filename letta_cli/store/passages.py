"""Passages: archival memory, kept whole and found by its words and tags."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import LimitExceeded, NotFound, UsageError
from letta_cli.core.ids import new_id
from letta_cli.core.memory import Origin, Passage
from letta_cli.store import rows
from letta_cli.store.database import Database, Row
from letta_cli.store.filters import Filters
from letta_cli.store.indexing import Indexing
from letta_cli.store.search import Search

TEXT_MAX = 100_000
"""Characters a passage may have. Longer texts are documents, and are better kept in pieces."""

_NEWEST = "ORDER BY p.created_at DESC, p.number DESC"

# `Passages.list` hides the builtin in the class body.
_Passages = list[Passage]


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage that fits a query.

    Attributes:
        snippet: the piece of its text with most of the words, on one line.
        score: higher is better; only to be compared within one answer.
    """

    passage: Passage
    snippet: str
    score: float


class Passages:
    """The repository of passages. Raises what `Database` raises, and what methods name."""

    def __init__(self, database: Database, search: Search, indexing: Indexing) -> None:
        self._database = database
        self._search = search
        self._indexing = indexing

    def insert(
        self,
        agent_id: str,
        text: str,
        *,
        tags: Iterable[str] = (),
        origin: Origin,
        created_at: datetime | None = None,
    ) -> Passage:
        """Keep a text.

        Args:
            tags: are trimmed; empty and repeated ones are left out.
            created_at: when it came to be, for what is brought in from elsewhere; else now.

        Raises:
            NotFound: there is no such agent.
            LimitExceeded: the text has more than `TEXT_MAX` characters.
            UsageError: the text is empty.
        """
        text = rows.clean(text).strip()
        if not text:
            raise UsageError("A passage needs a text.")
        if len(text) > TEXT_MAX:
            raise LimitExceeded(
                f"A passage holds {TEXT_MAX:,} characters, and this text has {len(text):,}. "
                "Keep it in several pieces."
            )
        cleaned = (" ".join(rows.clean(tag).split()) for tag in tags)
        made = Passage(
            new_id("passage"), agent_id, text, tuple(dict.fromkeys(filter(None, cleaned))),
            origin, created_at or now(),
        )  # fmt: skip
        with self._database.transaction(only=made.id):
            if not self._database.query("SELECT id FROM agent WHERE id = ?", agent_id):
                raise NotFound(f"There is no agent {agent_id}.")
            self._database.execute(
                "INSERT INTO passage (id, agent_id, text, actor, conversation_id, run_id, note,"
                " created_at, untrusted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                made.id, agent_id, text, origin.actor, origin.conversation_id, origin.run_id,
                rows.clean(origin.note), to_text(made.created_at), rows.clean(origin.untrusted),
            )  # fmt: skip
            self._database.execute_many(
                "INSERT INTO passage_tag (passage_id, position, tag) VALUES (?, ?, ?)",
                [(made.id, position, tag) for position, tag in enumerate(made.tags)],
            )
            self._indexing.add_passage(made)
        return made

    def get(self, passage_id: str) -> Passage:
        """Raises NotFound."""
        found = self._database.query(
            f"SELECT {rows.PASSAGE} FROM passage p WHERE p.id = ?", passage_id
        )
        if not found:
            raise NotFound(f"There is no passage {passage_id}.")
        return self._with_tags(found)[0]

    def find(self, agent_id: str, which: str) -> Passage:
        """The passage of an agent with this id, or the beginning of it, with or without its prefix.

        Raises:
            NotFound: there is none.
            UsageError: several begin so.
        """
        start = which if which.startswith("passage-") else f"passage-{which}"
        found = self._database.query(
            f"SELECT {rows.PASSAGE} FROM passage p WHERE p.agent_id = ? AND p.id LIKE ? ESCAPE '!'"
            " LIMIT 2",
            agent_id, f"{rows.like(start)}%",
        )  # fmt: skip
        if not found or start == "passage-":
            raise NotFound(f"There is no passage {which!r}. See: agent passages list")
        if len(found) > 1:
            raise UsageError(f"Several passages begin with {which!r}; write more of it.")
        return self._with_tags(found)[0]

    def marked(self, agent_id: str) -> _Passages:
        """Those kept while text from outside was in context, and not yet accepted by a person."""
        sql = f"SELECT {rows.PASSAGE} FROM passage p WHERE p.agent_id = ? AND p.untrusted <> ''"
        return self._with_tags(self._database.query(f"{sql} {_NEWEST}", agent_id))

    def accept(self, passage_id: str) -> None:
        """The person vouches for it: the mark goes. Raises NotFound."""
        with self._database.transaction(only=passage_id):
            if not self._database.query(
                "UPDATE passage SET untrusted = '' WHERE id = ? RETURNING id", passage_id
            ):
                raise NotFound(f"There is no passage {passage_id}.")

    def delete(self, passage_id: str) -> None:
        """Remove it for good. Raises NotFound."""
        with self._database.transaction():
            sql = "DELETE FROM passage WHERE id = ? RETURNING id"
            if not self._database.query(sql, passage_id):
                raise NotFound(f"There is no passage {passage_id}.")
            self._indexing.drop("passage", passage_id)

    def list(
        self, agent_id: str, *, tags: Iterable[str] = (), limit: int | None = None, offset: int = 0
    ) -> _Passages:
        """Newest first.

        Args:
            tags: only those that have all of these.
        """
        condition, args = _tagged(tags)
        sql = f"SELECT {rows.PASSAGE} FROM passage p WHERE p.agent_id = ?{condition} {_NEWEST}"
        if limit is not None:
            sql += " LIMIT ?"
            args.append(limit)
        if offset:
            # SQLite has no offset without a limit.
            sql += " OFFSET ?" if limit is not None else " LIMIT 9223372036854775807 OFFSET ?"
            args.append(offset)
        return self._with_tags(self._database.query(sql, agent_id, *args))

    def search(
        self, agent_id: str, words: str, *, tags: Iterable[str] = (), limit: int = 10
    ) -> Sequence[PassageHit]:
        """Those that fit best, best first. Any text is a valid query.

        Args:
            tags: only those that have all of these.
        """
        filters = Filters(("passage",), tags=tuple(dict.fromkeys(tags)))
        return [
            PassageHit(self.get(hit.source), hit.snippet, hit.score)
            for hit in self._search.find(agent_id, words, filters, limit=limit)
        ]

    def _with_tags(self, found: Sequence[Row]) -> _Passages:
        tags: dict[str, _Tags] = {row[0]: [] for row in found}
        for batch in _batches([row[0] for row in found]):
            places = ", ".join("?" for _ in batch)
            for passage_id, tag in self._database.query(
                f"SELECT passage_id, tag FROM passage_tag WHERE passage_id IN ({places})"
                " ORDER BY passage_id, position",
                *batch,
            ):
                tags[passage_id].append(tag)
        return [rows.passage(row, tags[row[0]]) for row in found]


_Tags = list[str]


def _tagged(tags: Iterable[str]) -> tuple[str, list[object]]:
    """A condition on ``p``, and its arguments."""
    wanted = list(dict.fromkeys(tags))
    condition = (
        " AND EXISTS (SELECT 1 FROM passage_tag t WHERE t.passage_id = p.id AND t.tag = ?)"
    ) * len(wanted)
    return condition, list(wanted)


def _batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + 500] for start in range(0, len(ids), 500))
