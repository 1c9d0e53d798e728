"""The full-text index of SQLite: FTS5, ranked by BM25."""

from collections.abc import Sequence

from letta_cli.store.text_index import WEIGHTS, Fields

_ITSELF = "{body context} : "


class Fts5Index:
    """See `letta_cli.store.text_index.TextIndex`."""

    key = "rowid"
    # It keeps SQLite to this order: matches first, then their entries.
    join = "CROSS JOIN"
    everything = -1
    count = "SELECT count(*) FROM (SELECT 1 FROM search_index WHERE search_index MATCH ? LIMIT ?)"
    clear = "INSERT INTO search_index (search_index) VALUES ('delete-all')"
    put = (
        "INSERT OR REPLACE INTO search_index (rowid, body, context, near, far)"
        " VALUES (?, ?, ?, ?, ?)"
    )

    def arguments(self, entry: int, fields: Fields) -> Sequence[object]:
        return entry, fields.body, fields.context, fields.near, fields.far

    def ranked(self, within: str) -> str:
        # The plus keeps SQLite from searching anew for each of the rows.
        condition = f" AND +rowid IN ({within})" if within else ""
        weights = ", ".join(map(str, WEIGHTS))
        return (
            f"SELECT rowid AS entry, bm25(search_index, {weights}) AS rank"
            f" FROM search_index WHERE search_index MATCH ?{condition} ORDER BY rank LIMIT ?"
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
        every = [f"{_ITSELF}{_quoted(phrase)}" for phrase in phrases]
        some = [
            f"{where}({' OR '.join(map(_quoted, each))})"
            for each in (selective, [*phrases, *terms])
            if each
        ]
        return " AND ".join([*every, *some])


def _quoted(term: str) -> str:
    return f'"{term.removesuffix("*")}"{"*" if term.endswith("*") else ""}'
