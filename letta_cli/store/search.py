"""Search over what was said, called and returned in all conversations of an agent, over its memory
and passages, and over whatever else is in `documents`.

An entry's score is its own match and, to a lesser part, those of the best entries of its block:
the messages around it. The weights are measured by ``scripts/bench/retrieval.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest

from letta_cli.core.clock import from_text, to_text
from letta_cli.core.message import Role
from letta_cli.store.database import Database, Row
from letta_cli.store.indexing import Indexing
from letta_cli.store.search_words import Span, excerpt, parse
from letta_cli.store.text_index import TextIndex

# How many of the best matches are ranked; and how many matches a query may have before its most
# common words are left out, which keeps large stores quick.
_DEPTH = 400
_POSTINGS = 20_000

_BLOCK = 24
"""Messages in a row that belong together. From 8 to 48 makes no difference that can be measured."""

_BLOCK_WEIGHT = 0.3
_BLOCK_BEST = 2

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


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search is limited to; everything when left as it is.

    Attributes:
        kinds: kinds of hits. Where a role, project or conversation is asked for, only messages
            can fit.
        project: the project key of the conversation.
        conversation_id: this one, with what it took over when it was forked.
        since, until: when it was said or written; `until` itself is not included.
        tags: passages with all of these; other kinds do not fit.
    """

    kinds: tuple[str, ...] = ()
    role: Role | None = None
    project: str | None = None
    conversation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    tags: tuple[str, ...] = ()


_EVERYTHING = Filters()


class Search:
    """The door to what is indexed. Raises what `Database` raises."""

    def __init__(self, database: Database, index: TextIndex, indexing: Indexing) -> None:
        self._database = database
        self._index = index
        self._indexing = indexing

    def find(
        self, agent_id: str, query: str, filters: Filters = _EVERYTHING, *, limit: int = 10
    ) -> list[Hit]:
        """What fits best, best first. Any text is a valid query.

        Something fits with any of the query's words, and the better the rarer they are; what
        stands in quotes must be there word by word. What forks share is found once, where it was
        said first.
        """
        asked = parse(query)
        terms = self._affordable(asked.terms)
        match = self._index.query(terms, asked.phrases, neighbours=asked.is_question)
        if not match or limit < 1:
            return []
        if 0 < self._indexing.backlog() <= _FEW:
            while self._indexing.catch_up():
                pass
        if not (found := self._candidates(agent_id, match, filters, limit)):
            return []
        scores = _fused(found)
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

    def _candidates(self, agent_id: str, match: str, filters: Filters, limit: int) -> list[Row]:
        """Rows of: entry, rank, weight, source, place, kind, role, title, date."""
        within, within_args = _within(filters)
        condition, args = _conditions(filters)
        # The original, or the oldest copy that is left of it; of a conversation, its own copy.
        first = (
            "m.number = (SELECT min(o.number) FROM message o WHERE o.document = e.document)"
            if filters.conversation_id is None
            else "m.document = e.document AND m.conversation_id = ?"
        )
        sql = (
            "SELECT h.entry, h.rank, e.weight, coalesce(m.conversation_id, e.source),"
            " coalesce(m.seq, -1), e.place, e.kind, m.role, coalesce(c.title, e.title),"
            " e.created_at"
            f" FROM ({self._index.ranked(within)}) h"
            f" {self._index.join} search_entry e ON e.number = h.entry"
            f" LEFT JOIN message m ON {first}"
            " LEFT JOIN conversation c ON c.id = m.conversation_id"
            f" WHERE e.agent_id = ?{condition} ORDER BY h.rank, h.entry DESC LIMIT ?"
        )
        joined = [] if filters.conversation_id is None else [filters.conversation_id]
        depth = max(_DEPTH, limit)

        def look(most: int | None) -> list[Row]:
            return self._database.query(
                sql, match, *within_args, most, *joined, agent_id, *args, depth
            )

        found = look(depth)
        if len(found) < limit and self._count(match) > depth:
            # The best of all may be another agent's, or of another kind: look at every match.
            found = look(self._index.everything)
        return [
            (entry, rank, weight, source, place if seq < 0 else str(seq), *rest)
            for entry, rank, weight, source, seq, place, *rest in found
        ]

    def _affordable(self, terms: Sequence[str]) -> Sequence[str]:
        """The rarest terms that together match few enough entries to be ranked quickly."""
        newest = self._database.query("SELECT coalesce(max(number), 0) FROM search_entry")[0][0]
        if newest <= _POSTINGS or len(terms) < 2:
            return terms
        counted = sorted((self._count(self._index.query([term])), term) for term in terms)
        chosen, total = [counted[0][1]], counted[0][0]
        for count, term in counted[1:]:
            total += count
            if total > _POSTINGS:
                break
            chosen.append(term)
        return chosen

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
        ("c.project", "=", filters.project),
        ("e.created_at", ">=", filters.since and to_text(filters.since)),
        ("e.created_at", "<", filters.until and to_text(filters.until)),
    ):
        if value is not None:
            condition += f" AND {column} {compared} ?"
            args.append(value)
    return condition, args


def _fused(found: Sequence[Row]) -> dict[Row, float]:
    """Each row's score: its rank and its block's, as parts of the highest; times its weight."""
    highest = max(-row[1] for row in found) or 1.0
    ranks = {row: -row[1] / highest for row in found}
    blocks: dict[tuple[str, int], list[float]] = {}
    for row, rank in ranks.items():
        blocks.setdefault(_block(row), []).append(rank)
    sums = {block: sum(nlargest(_BLOCK_BEST, each)) for block, each in blocks.items()}
    highest = max(sums.values())
    return {
        row: row[2] * (rank + _BLOCK_WEIGHT * sums[_block(row)] / highest)
        for row, rank in ranks.items()
    }


def _block(row: Row) -> tuple[str, int]:
    source, place, kind = row[3:6]
    return source, int(place) // _BLOCK if kind == "message" else 0


def _hit(row: Row, text: str, words: Sequence[str], score: float) -> Hit:
    _, _, _, source, place, kind, role, title, created_at = row
    snippet, marks = excerpt(text, words)
    return Hit(kind, source, place, role, title, snippet, marks, from_text(created_at), score)
