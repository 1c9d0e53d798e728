"""Other things that are searched beside messages, memory and passages: files, for one.

A source is put in whole, as pieces that say where they stand. Their text is kept here, so a caller
needs no copy. A hit's citation is ``source:place``.
"""

from collections.abc import Sequence
from datetime import datetime

from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import NotFound
from letta_cli.store import rows
from letta_cli.store.database import Database
from letta_cli.store.indexing import Indexing, Piece


class Documents:
    """The repository of documents. Raises what `Database` raises, and what methods name."""

    def __init__(self, database: Database, indexing: Indexing) -> None:
        self._database = database
        self._indexing = indexing

    def put(
        self,
        agent_id: str,
        kind: str,
        source: str,
        pieces: Sequence[Piece],
        *,
        created_at: datetime | None = None,
    ) -> None:
        """Keep a source, in the place of what it had before.

        Args:
            kind: what sort of thing it is, such as ``file``; searches can be limited to it.
            source: its id, unique within its kind.
            pieces: in their order; neighbours help to find one another.
            created_at: when it came to be; now when None.

        Raises:
            NotFound: there is no such agent.
        """
        with self._database.transaction():
            if not self._database.query("SELECT id FROM agent WHERE id = ?", agent_id):
                raise NotFound(f"There is no agent {agent_id}.")
            self._indexing.drop(kind, source)
            moment = to_text(created_at or now())
            self._indexing.put(agent_id, kind, rows.clean(source), moment, pieces)

    def drop(self, kind: str, source: str) -> None:
        """Forget a source; nothing happens when there is none."""
        with self._database.transaction():
            self._indexing.drop(kind, source)

    def read(self, kind: str, source: str) -> list[Piece]:
        """All pieces of a source, as they were put in; none when there is no such source."""
        found = self._database.query(
            "SELECT place, title, text, piece FROM search_entry WHERE kind = ? AND source = ?"
            " ORDER BY number",
            kind, source,
        )  # fmt: skip
        pieces: list[Piece] = []
        for place, title, text, position in found:
            if position:
                # A long one was cut for the index.
                text = pieces.pop().text + text
            pieces.append(Piece(place, title, text))
        return pieces
