"""Search over what was said, called and returned in all conversations of an agent, over its memory
and passages, and over whatever else is in `documents`.

An entry's score is its own match and, to a lesser part, those of the best entries of its block:
the messages around it. The weights are measured by ``scripts/bench/retrieval.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from letta_cli.core.clock import from_text, to_text
from letta_cli.core.message import Role
from letta_cli.store import rows
from letta_cli.store.database import Database, Row
from letta_cli.store.filters import Filters
from letta_cli.store.indexing import Indexing
from letta_cli.store.search_words import Span, excerpt, parse
from letta_cli.store.text_index import TextIndex
from letta_cli.store.vectors import Vectors

# How many of the best matches are fused; and how many matches a query may have before its most
# common words alone bring in no more of them, which keeps large stores quick.
_DEPTH = 200
_POSTINGS = 7_000

_BLOCK = 24
"""Messages in a row that belong together. From 8 to 48 makes no difference that can be measured."""

_BLOCK_WEIGHT = 0.3
_BLOCK_BEST = 2

_MEANING_WEIGHT = 0.5
"""What a similar meaning counts, compared with the words. From 0.4 to 0.7 it is the same; above,
talk is found less well, and functions that are asked for by what they do better."""

_FEW = 20
"""Sources that a search indexes itself, rather than leave them out."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that fits a query.

    Attributes:
        kind: ``message``, ``memory`` (an edit of a block), ``passage``, or a kind of document.
        source: id of the conversation, block, passage or document.
        place: where in it: a message's number, a version, page and line; or empty.
        role: who spoke; empty unless it is a message.
        title: the conversation's, the block's label, a passage's tags, a document's own.
        snippet: the piece of its text with most of the words, on one line.
        marks: where words of the query begin and end in the snippet.
        score: higher is better; only to be compared within one answer.
    """

    kind: str
    source: str
    place: str
    role: Role | None
    title: str
    snippet: str
    marks: tuple[Span, ...]
    created_at: datetime
    score: float

    @property
    def citation(self) -> str:
        """``conv-…:seq`` for a message, which opens it; ``block-…:version``, ``passage-…``."""
        return f"{self.source}:{self.place}" if self.place else self.source

    @property
    def conversation_id(self) -> str:
        """Of a message: its conversation."""
        return self.source

    @property
    def seq(self) -> int:
        """Of a message: its number."""
        return int(self.place)


_EVERYTHING = Filters()


class Search:
    """The door to what is indexed. Raises what `Database` raises."""

    def __init__(
        self, database: Database, index: TextIndex, indexing: Indexing, vectors: Vectors
    ) -> None:
        self._database = database
        self._index = index
        self._indexing = indexing
        self._vectors = vectors

    def find(
        self, agent_id: str, query: str, filters: Filters = _EVERYTHING, *, limit: int = 10
    ) -> list[Hit]:
        """What fits best, best first. Any text is a valid query.

        Something fits with any of the query's words, and the better the rarer they are; what
        stands in quotes must be there word by word. What forks share is found once, where it was
        said first.
        """
        asked = parse(query)
        match = self._index.query(
            asked.terms,
            asked.phrases,
            selective=self._selective(asked.terms),
            neighbours=asked.is_question,
        )
        if not match or limit < 1:
            return []
        if 0 < self._indexing.backlog() <= _FEW:
            while self._indexing.catch_up():
                pass
        depth = max(_DEPTH, limit)
        found = self._matching(agent_id, match, filters, limit, depth)
        known = {row[0]: None for row in found}
        # Who asks for exact words wants nothing else.
        meant = "" if asked.phrases else query
        alike = self._alike(agent_id, meant, filters, depth, tuple(known))
        if unknown := [entry for entry in alike if entry not in known]:
            found += self._rows(agent_id, filters, *_listed(unknown), depth)
        if not found:
            return []
        scores = _fused(found, alike)
        chosen: dict[tuple[str, str], Row] = {}
        for row in sorted(scores, key=lambda each: (-scores[each], -each[0])):
            # Of a long text cut in pieces, the best piece stands for it.
            chosen.setdefault((row[3], row[4]), row)
            if len(chosen) == limit:
                break
        texts = self._texts([row[0] for row in chosen.values()])
        return [_hit(row, texts[row[0]], asked.words, scores[row]) for row in chosen.values()]

    def messages(
        self,
        agent_id: str,
        query: str,
        *,
        limit: int = 10,
        conversation_id: str | None = None,
        role: Role | None = None,
    ) -> list[Hit]:
        """`find` among messages alone."""
        filters = Filters(("message",), role, conversation_id=conversation_id)
        return self.find(agent_id, query, filters, limit=limit)

    def waiting(self) -> int:
        """How many conversations, blocks and passages are not indexed yet, so not found."""
        return self._indexing.backlog()

    def _matching(
        self, agent_id: str, match: str, filters: Filters, limit: int, depth: int
    ) -> list[Row]:
        """The entries whose words fit best."""
        within, args = _within(filters)
        ranked = self._index.ranked(within)
        found = self._rows(agent_id, filters, ranked, [match, *args, depth], depth)
        if len(found) < limit and self._count(match) > depth:
            # The best of all may be another agent's, or of another kind: look at every match.
            everything = [match, *args, self._index.everything]
            found = self._rows(agent_id, filters, ranked, everything, depth)
        return found

    def _alike(
        self, agent_id: str, query: str, filters: Filters, depth: int, known: Sequence[int]
    ) -> Mapping[int, float]:
        """The entries that mean the most similar, from 0 for the last of them to 1; and what is
        to be said of those `known`, which may mean less."""
        found = self._vectors.nearest(agent_id, query, depth, *_within(filters), also=known)
        if len(found) < 2:
            return found
        best = sorted(found.values(), reverse=True)[:depth]
        span = (best[0] - best[-1]) or 1.0
        return {entry: max(0.0, (similar - best[-1]) / span) for entry, similar in found.items()}

    def _rows(
        self, agent_id: str, filters: Filters, ranked: str, args: Sequence[object], depth: int
    ) -> list[Row]:
        """What `ranked` selects and the filters let through.

        Rows of: entry, rank, weight, source, place, kind, role, title, date.
        """
        condition, condition_args = _conditions(filters)
        # The original, or the oldest copy that is left of it; of a conversation, its own copy.
        first, joined = (
            ("m.number = (SELECT min(o.number) FROM message o WHERE o.document = e.document)", [])
            if filters.conversation_id is None
            else ("m.document = e.document AND m.conversation_id = ?", [filters.conversation_id])
        )
        found = self._database.query(
            "SELECT h.entry, h.rank, e.weight, coalesce(m.conversation_id, e.source),"
            " coalesce(m.seq, -1), e.place, e.kind, m.role, coalesce(c.title, e.title),"
            " e.created_at"
            f" FROM ({ranked}) h {self._index.join} search_entry e ON e.number = h.entry"
            f" LEFT JOIN message m ON {first}"
            " LEFT JOIN conversation c ON c.id = m.conversation_id"
            f" WHERE e.agent_id = ?{condition} ORDER BY h.rank, h.entry DESC LIMIT ?",
            *args, *joined, agent_id, *condition_args, depth,
        )  # fmt: skip
        return [
            (entry, rank, weight, source, place if seq < 0 else str(seq), *rest)
            for entry, rank, weight, source, seq, place, *rest in found
        ]

    def _selective(self, terms: Sequence[str]) -> Sequence[str]:
        """The rarest terms that together match few enough entries to be ranked quickly.

        What has one of these is ranked by all terms. All of them in a small store.
        """
        newest = self._database.query("SELECT coalesce(max(number), 0) FROM search_entry")[0][0]
        if newest <= _POSTINGS or len(terms) < 2:
            return ()
        counted = sorted((self._count(self._index.query([term])), term) for term in terms)
        total = 0
        chosen: list[str] = []
        for count, term in counted:
            total += count
            if total > _POSTINGS and any(each for each, _ in counted[: len(chosen)]):
                return chosen
            chosen.append(term)
        return ()

    def _count(self, match: str) -> int:
        """How many entries match; counting stops past the budget."""
        if not match:
            return 0
        return self._database.query(self._index.count, match, _POSTINGS + 1)[0][0]

    def _texts(self, entries: Sequence[int]) -> Mapping[int, str]:
        places = ", ".join("?" for _ in entries)
        return dict(
            self._database.query(
                f"SELECT number, text FROM search_entry WHERE number IN ({places})", *entries
            )
        )


def _within(filters: Filters) -> tuple[str, list[object]]:
    """Selects the entries of what few there are: one conversation, or some passages."""
    if filters.conversation_id is not None:
        return (
            "SELECT w.number FROM message o JOIN search_entry w ON w.document = o.document"
            " WHERE o.conversation_id = ?"
        ), [filters.conversation_id]
    if filters.tags:
        tagged = (
            " AND w.source IN (SELECT t.passage_id FROM passage_tag t WHERE t.tag = ?)"
        ) * len(filters.tags)
        return f"SELECT w.number FROM search_entry w WHERE w.kind = 'passage'{tagged}", [
            *filters.tags
        ]
    return "", []


def _conditions(filters: Filters) -> tuple[str, list[object]]:
    condition, args = "", list[object]()
    if filters.kinds:
        condition += f" AND e.kind IN ({', '.join('?' for _ in filters.kinds)})"
        args += filters.kinds
    if filters.conversation_id is not None:
        condition += " AND m.seq IS NOT NULL"
    for column, compared, value in (
        ("m.role", "=", filters.role),
        ("e.created_at", ">=", filters.since and to_text(filters.since)),
        ("e.created_at", "<", filters.until and to_text(filters.until)),
    ):
        if value is not None:
            condition += f" AND {column} {compared} ?"
            args.append(value)
    if filters.project is not None:
        # The key itself, or the name of the folder.
        condition += " AND (c.project = ? OR c.project LIKE ? ESCAPE '!')"
        args += [filters.project, f"%/{rows.like(filters.project)}"]
    return condition, args


def _listed(entries: Sequence[int]) -> tuple[str, list[object]]:
    """Selects these entries, as if none of their words fitted."""
    places = ", ".join("?" for _ in entries)
    return (
        "SELECT number AS entry, CAST(0 AS REAL) AS rank FROM search_entry"
        f" WHERE number IN ({places})",
        [*entries],
    )


def _fused(found: Sequence[Row], alike: Mapping[int, float]) -> dict[Row, float]:
    """Each row's score: its own, and its block's as a part of the highest block's.

    Its own is its rank, as a part of the highest, and its meaning.
    """
    highest = max(-row[1] for row in found) or 1.0
    own = {row: -row[1] / highest + _MEANING_WEIGHT * alike.get(row[0], 0.0) for row in found}
    blocks: dict[tuple[str, int], list[float]] = {}
    for row, score in own.items():
        blocks.setdefault(_block(row), []).append(score)
    sums = {block: sum(sorted(each)[-_BLOCK_BEST:]) for block, each in blocks.items()}
    highest = max(sums.values()) or 1.0
    return {
        row: row[2] * (score + _BLOCK_WEIGHT * sums[_block(row)] / highest)
        for row, score in own.items()
    }


def _block(row: Row) -> tuple[str, int]:
    source, place, kind = row[3:6]
    return source, int(place) // _BLOCK if kind == "message" else 0


def _hit(row: Row, text: str, words: Sequence[str], score: float) -> Hit:
    _, _, _, source, place, kind, role, title, created_at = row
    snippet, marks = excerpt(text, words)
    return Hit(kind, source, place, role, title, snippet, marks, from_text(created_at), score)
