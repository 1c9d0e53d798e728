"""Full-text search over what was said, called and returned in all conversations of an agent.

What differs between drivers stands in `message_index`. A message is indexed in the transaction that
appends it. Notices and summaries are not indexed: they repeat what stands elsewhere.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from letta_cli.core.clock import from_text
from letta_cli.core.message import Message, Part, Role, Text, ToolCall, ToolReturn
from letta_cli.store import rows
from letta_cli.store.database import Database, Row
from letta_cli.store.message_index import MessageIndex

_INDEXED_ROLES = ("user", "assistant", "tool")

# Characters of one message that are indexed; what keeps an append well under a millisecond.
_TEXT_MAX = 6_000
_CALL_MAX = 1_500
_RETURN_HEAD, _RETURN_TAIL = 1_500, 500

_WORDS_MAX = 32

# How many of the best matches are looked at before filters; and how many matches a query may have
# before its most common words are left out, which keeps the ranking of large stores quick.
_DEPTH = 400
_POSTINGS = 20_000

_BATCH = 500

_SNIPPET = 240
_LEAD = 60

# fmt: off
_STOP_WORDS = frozenset({
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "because", "been", "but", "by", "can", "could", "did", "do", "does", "for", "from", "had",
    "has", "have", "he", "her", "here", "him", "his", "how", "i", "if", "in", "into", "is",
    "it", "its", "just", "like", "me", "more", "my", "no", "not", "now", "of", "on", "one",
    "only", "or", "our", "out", "over", "said", "say", "she", "should", "so", "some", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "to", "up", "us",
    "very", "was", "we", "well", "were", "what", "when", "where", "which", "while", "who",
    "whom", "why", "will", "with", "would", "you", "your",
})
# fmt: on
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that fits a query.

    Attributes:
        snippet: the piece of its text with most of the words, on one line.
        score: higher is better; only to be compared within one answer.
    """

    conversation_id: str
    seq: int
    role: Role
    title: str
    snippet: str
    created_at: datetime
    score: float

    @property
    def citation(self) -> str:
        """``conv-…:seq``, which opens the message."""
        return f"{self.conversation_id}:{self.seq}"


class Search:
    """The index of messages. Raises what `Database` raises."""

    def __init__(self, database: Database, index: MessageIndex) -> None:
        self._database = database
        self._index = index

    def messages(
        self,
        agent_id: str,
        query: str,
        *,
        limit: int = 10,
        conversation_id: str | None = None,
        role: Role | None = None,
    ) -> list[Hit]:
        """The messages that fit best, best first. Any text is a valid query.

        A message fits with any of the query's words, and the better the rarer they are. What
        forks share is found once, where it was said first.

        Args:
            conversation_id: only in this conversation, with what it took over when it was forked.
            role: only of this role.
        """
        words = query_words(query)
        if not words or limit < 1:
            return []
        within, conditions, args = "", "c.agent_id = ?", [agent_id]
        if role is not None:
            conditions += " AND m.role = ?"
            args.append(role)
        match = [self._index.query(self._affordable(words))]
        if not match[0]:
            return []
        if conversation_id is not None:
            within = "SELECT document FROM message WHERE conversation_id = ?"
            match.append(conversation_id)
            conditions += " AND m.conversation_id = ?"
            args.append(conversation_id)
        else:
            # The original, or the oldest copy that is left of it.
            conditions += (
                " AND m.number ="
                " (SELECT min(o.number) FROM message o WHERE o.document = m.document)"
            )
        join = self._index.join
        sql = (
            "SELECT m.conversation_id, m.seq, m.role, c.title, m.parts, m.created_at, h.rank"
            f" FROM ({self._index.ranked(within)}) h"
            f" {join} message m ON m.document = h.document"
            f" {join} conversation c ON c.id = m.conversation_id"
            f" WHERE {conditions} ORDER BY h.rank, m.number DESC LIMIT ?"
        )
        found = self._database.query(sql, *match, max(_DEPTH, limit), *args, limit)
        if len(found) < limit and self._count(match[0]) > _DEPTH:
            # The best of all may be another agent's, or of another role: look at every match.
            found = self._database.query(sql, *match, self._index.everything, *args, limit)
        return [_hit(row, words) for row in found]

    def add(self, number: int, message: Message) -> None:
        """Index a message that was just stored as row `number`, in the same transaction."""
        if self._put(number, message):
            self._database.execute(
                "UPDATE message SET document = ? WHERE number = ?", number, number
            )

    def rebuild(self) -> None:
        """Index anew what the messages say was indexed. Inside a transaction."""
        self._database.execute(self._index.clear)
        last = -1
        while found := self._database.query(
            f"SELECT document, {rows.MESSAGE} FROM message m WHERE document > ? AND number ="
            " (SELECT min(o.number) FROM message o WHERE o.document = m.document)"
            " ORDER BY document LIMIT ?",
            last, _BATCH,
        ):  # fmt: skip
            for document, *row in found:
                self._put(document, rows.message(tuple(row)))
                last = document

    def mend(self) -> None:
        """Make a damaged index anew from the messages, in a transaction of its own."""
        with self._database.transaction():
            self.rebuild()

    def _put(self, document: int, message: Message) -> bool:
        """Index a message; False when there is nothing in it to index."""
        if message.role not in _INDEXED_ROLES:
            return False
        body = rows.clean("\n".join(_indexed(message.parts)))
        if not body.strip():
            return False
        prepare = self._index.prepare
        self._database.execute(
            self._index.insert, document, prepare(body), prepare(_context(message))
        )
        return True

    def _affordable(self, words: list[str]) -> list[str]:
        """The rarest words that together match few enough messages to be ranked quickly."""
        newest: int = self._database.query("SELECT coalesce(max(number), 0) FROM message")[0][0]
        if newest <= _POSTINGS:
            return words
        counted = sorted((self._count(self._index.query([word])), word) for word in words)
        chosen, total = [counted[0][1]], counted[0][0]
        for count, word in counted[1:]:
            total += count
            if total > _POSTINGS:
                break
            chosen.append(word)
        return chosen

    def _count(self, match: str) -> int:
        """How many messages match; counting stops past the budget."""
        if not match:
            return 0
        return self._database.query(self._index.count, match, _POSTINGS + 1)[0][0]

    def forget(self, conversation_id: str) -> None:
        """Drop what only this conversation holds, before its messages are removed."""
        self._database.execute(
            f"DELETE FROM message_index WHERE {self._index.key} IN"
            " (SELECT document FROM message m"
            " WHERE m.conversation_id = ? AND m.document IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM message o WHERE o.document = m.document"
            " AND o.conversation_id <> m.conversation_id))",
            conversation_id,
        )


def _hit(row: Row, words: Sequence[str]) -> Hit:
    conversation_id, seq, role, title, parts, created_at, rank = row
    text = "\n".join(_indexed(rows.parts_from_json(parts)))
    return Hit(
        conversation_id, seq, role, title, snippet(text, words), from_text(created_at), -rank
    )


def query_words(text: str) -> list[str]:
    """The words of a query that carry meaning, each once, in order; all if none does."""
    words = list(dict.fromkeys(_WORD.findall(rows.clean(text).lower())))
    content = [word for word in words if word not in _STOP_WORDS and word.strip("_")]
    return (content or [word for word in words if word.strip("_")])[:_WORDS_MAX]


def snippet(text: str, words: Sequence[str]) -> str:
    """The piece of `text` that holds the most of `words`, on one line, about 240 characters."""
    flat = " ".join(text.split())
    if len(flat) <= _SNIPPET:
        return flat
    # The index compares stems; the first letters of a word find it here as well.
    stems = [re.escape(word[: max(3, len(word) - 3)]) for word in words]
    places = [match.start() for match in re.finditer("|".join(stems), flat, re.IGNORECASE)]
    start = max(0, _densest(places, _SNIPPET - _LEAD) - _LEAD)
    piece = flat[start : start + _SNIPPET]
    return ("…" if start else "") + piece + ("…" if start + _SNIPPET < len(flat) else "")


def _densest(places: Sequence[int], width: int) -> int:
    """The place from which on the most places lie within `width`; 0 when there is none."""
    best, most, first = 0, 0, 0
    for last, place in enumerate(places):
        while place - places[first] >= width:
            first += 1
        if last - first + 1 > most:
            best, most = places[first], last - first + 1
    return best


def _context(message: Message) -> str:
    names = [part.name for part in message.parts if isinstance(part, ToolCall | ToolReturn)]
    return " ".join((message.role, f"{message.created_at:%Y-%m-%d %A %B}", *names))


def _texts(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        match part:
            case Text(text=text):
                yield text
            case ToolCall(name=name, arguments=arguments, malformed=malformed):
                yield f"{name} {malformed or _words_of(arguments)}"
            case ToolReturn(content=content):
                yield content
            case _:
                pass


def _indexed(parts: tuple[Part, ...]) -> Iterator[str]:
    """The text of a message that the index holds, and snippets are taken from."""
    room = _TEXT_MAX
    for part, text in zip(
        (part for part in parts if isinstance(part, Text | ToolCall | ToolReturn)),
        _texts(parts),
        strict=True,
    ):
        if room <= 0:
            return
        if isinstance(part, ToolReturn) and len(text) > _RETURN_HEAD + _RETURN_TAIL:
            text = f"{text[:_RETURN_HEAD]}\n{text[-_RETURN_TAIL:]}"
        text = text[: min(room, _CALL_MAX if isinstance(part, ToolCall) else room)]
        room -= len(text)
        yield text


def _words_of(arguments: Mapping[str, object]) -> str:
    """A call's arguments as people read them."""
    return " ".join(
        f"{name}: {value if isinstance(value, str) else rows.to_json(value)}"
        for name, value in arguments.items()
    )
