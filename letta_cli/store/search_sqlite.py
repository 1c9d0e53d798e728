"""The full-text index of SQLite: FTS5, ranked by BM25."""

from collections.abc import Sequence

from letta_cli.store.message_index import CONTEXT_WEIGHT


class Fts5Index:
    """See `letta_cli.store.message_index.MessageIndex`."""

    insert = "INSERT INTO message_index (rowid, body, context) VALUES (?, ?, ?)"
    key = "rowid"
    # It keeps SQLite to this order: matches first, then their messages.
    join = "CROSS JOIN"
    everything = -1
    count = (
        "SELECT count(*) FROM"
        " (SELECT 1 FROM message_index WHERE message_index MATCH ? LIMIT ?) AS found"
    )

    clear = "INSERT INTO message_index (message_index) VALUES ('delete-all')"

    def ranked(self, within: str) -> str:
        # The plus keeps SQLite from searching anew for each of the rows.
        condition = f" AND +rowid IN ({within})" if within else ""
        return (
            f"SELECT rowid AS document, bm25(message_index, 1.0, {CONTEXT_WEIGHT}) AS rank"
            f" FROM message_index WHERE message_index MATCH ?{condition} ORDER BY rank LIMIT ?"
        )

    def prepare(self, text: str) -> str:
        return text

    def query(self, words: Sequence[str]) -> str:
        return " OR ".join(f'"{word}"' for word in words)
