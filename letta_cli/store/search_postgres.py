"""The full-text index of PostgreSQL: stems in a ``tsvector`` under a GIN index, with ``ts_rank``.

The server's own parser takes paths, addresses and version numbers for single words. So it is given
plain words, as FTS5 splits them, and finds the same messages. Unlike BM25, its ranking does not
weigh a word by how rare it is.
"""

import re
import unicodedata
from collections.abc import Sequence

from letta_cli.store.message_index import CONTEXT_WEIGHT

_WORD = re.compile(r"[^\W_]+")

# The server takes words of up to 2,046 bytes.
_WORD_MAX = 255

# 1: divided by the logarithm of the length, so that long messages do not win by their size.
_NORMALISED = 1


class TsvectorIndex:
    """See `letta_cli.store.message_index.MessageIndex`."""

    insert = (
        "INSERT INTO message_index (document, words) VALUES (?,"
        " setweight(to_tsvector('agent_words', ?), 'A')"
        " || setweight(to_tsvector('agent_words', ?), 'D'))"
    )
    key = "document"
    join = "JOIN"
    everything = None
    count = (
        "SELECT count(*) FROM (SELECT 1 FROM message_index"
        " WHERE words @@ to_tsquery('agent_words', ?) LIMIT ?) AS found"
    )

    clear = "DELETE FROM message_index"

    def ranked(self, within: str) -> str:
        condition = f" AND i.document IN ({within})" if within else ""
        weights = f"'{{{CONTEXT_WEIGHT}, {CONTEXT_WEIGHT}, {CONTEXT_WEIGHT}, 1.0}}'"
        return (
            f"SELECT i.document, -ts_rank({weights}, i.words, q, {_NORMALISED}) AS rank"
            " FROM message_index i, to_tsquery('agent_words', ?) q"
            f" WHERE i.words @@ q{condition} ORDER BY rank LIMIT ?"
        )

    def prepare(self, text: str) -> str:
        return " ".join(_plain(text))

    def query(self, words: Sequence[str]) -> str:
        return " | ".join(f"'{word}'" for word in _plain(" ".join(words)))


def _plain(text: str) -> list[str]:
    """The words of a text without accents; one longer than anyone would look for is cut."""
    if not text.isascii():
        split = unicodedata.normalize("NFKD", text)
        text = "".join(character for character in split if not unicodedata.combining(character))
    return [word[:_WORD_MAX] for word in _WORD.findall(text)]
