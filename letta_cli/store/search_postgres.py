"""The full-text index of PostgreSQL: stems in a ``tsvector`` under a GIN index, with ``ts_rank``.

The server's own parser takes paths, addresses and version numbers for single words. So it is given
plain words, as FTS5 splits them, and finds the same entries. Its own ranking takes all words for
equally telling, so each is ranked for itself and weighed by how rare it is, as in BM25 (Robertson
and Zaragoza, 2009): on LoCoMo's public half that finds 76.8 % of the answers among the first ten,
and 73.6 % without; SQLite finds 76.2 %.
"""

import re
import unicodedata
from collections.abc import Sequence

from letta_cli.store.text_index import WEIGHTS, Fields

_WORD = re.compile(r"[^\W_]+")

# The server takes words of up to 2,046 bytes.
_WORD_MAX = 255

# 1: divided by the logarithm of the length, so that long messages do not win by their size.
_NORMALISED = 1

_ITSELF = "AB"

# So many entries with a word are counted at most: beyond, it is common, and counting takes time.
_MOST_COUNTED = 5_000

# The words of the query one by one, and how rare each is: the inverse document frequency of BM25.
# Kept apart, so that the server works it out once, not for every entry.
_TERMS = (
    "WITH asked AS MATERIALIZED (SELECT to_tsquery('agent_words', ?) AS q),"
    " word AS MATERIALIZED (SELECT DISTINCT CAST(m[1] AS tsquery) AS q FROM asked,"
    " regexp_matches(CAST(asked.q AS text), '(''[^'']+''(:[*A-D]+)*)', 'g') AS m),"
    " counted AS MATERIALIZED (SELECT w.q, (SELECT count(*) FROM"
    f" (SELECT 1 FROM search_index WHERE words @@ w.q LIMIT {_MOST_COUNTED}) AS some_of_them)"
    " AS found FROM word w),"
    " whole AS MATERIALIZED (SELECT coalesce(max(entry), 0) AS entries FROM search_index),"
    " term AS MATERIALIZED (SELECT c.q, ln(1 + (greatest(w.entries, c.found) - c.found + 0.5)"
    " / (c.found + 0.5)) AS rarity FROM counted c, whole w)"
)


class TsvectorIndex:
    """See `letta_cli.store.text_index.TextIndex`."""

    key = "entry"
    join = "JOIN"
    everything = None
    count = (
        "SELECT count(*) FROM (SELECT 1 FROM search_index"
        " WHERE words @@ to_tsquery('agent_words', ?) LIMIT ?) AS found"
    )
    clear = "DELETE FROM search_index"
    put = (
        "INSERT INTO search_index (entry, words) VALUES (?, "
        + " || ".join(f"setweight(to_tsvector('agent_words', ?), '{field}')" for field in "ABCD")
        + ") ON CONFLICT (entry) DO UPDATE SET words = excluded.words"
    )

    def arguments(self, entry: int, fields: Fields) -> Sequence[object]:
        texts = (fields.body, fields.context, fields.near, fields.far)
        return entry, *(" ".join(_plain(text)) for text in texts)

    def ranked(self, within: str) -> str:
        condition = f" AND i.entry IN ({within})" if within else ""
        # The server names the weights from the last to the first, and takes none above 1.
        weights = ", ".join(str(weight / max(WEIGHTS)) for weight in reversed(WEIGHTS))
        rank = f"ts_rank('{{{weights}}}', i.words, t.q, {_NORMALISED})"
        return (
            f"{_TERMS} SELECT i.entry,"
            f" (SELECT -sum(t.rarity * {rank}) FROM term t WHERE i.words @@ t.q) AS rank"
            f" FROM search_index i, asked WHERE i.words @@ asked.q{condition} ORDER BY rank LIMIT ?"
        )

    def query(
        self,
        terms: Sequence[str],
        phrases: Sequence[str] = (),
        *,
        selective: Sequence[str] = (),
        neighbours: bool = True,
    ) -> str:
        where = "" if neighbours else _ITSELF
        every = [row for phrase in phrases if (row := _in_a_row(phrase, _ITSELF))]
        some = [
            f"({' | '.join(rows)})"
            for each in (selective, [*phrases, *terms])
            if (rows := [row for term in each if (row := _in_a_row(term, where))])
        ]
        return " & ".join([*every, *some])


def _in_a_row(term: str, fields: str) -> str:
    ending = fields + ("*" if term.endswith("*") else "")
    words = [f"'{word}'" + (f":{ending}" if ending else "") for word in _plain(term)]
    return f"({' <-> '.join(words)})" if words else ""


def _plain(text: str) -> list[str]:
    """The words of a text without accents; one longer than anyone would look for is cut."""
    if not text.isascii():
        split = unicodedata.normalize("NFKD", text)
        text = "".join(character for character in split if not unicodedata.combining(character))
    return [word[:_WORD_MAX] for word in _WORD.findall(text)]
