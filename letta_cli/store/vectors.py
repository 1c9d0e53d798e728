"""Entries of the search index as vectors: kept beside them, compared one by one.

Every vector of an agent is looked at, which takes some 0.4 ms for a thousand. Which entries lack
one is asked of the tables themselves, so a crash loses nothing and leaves nothing to repair.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from letta_cli.core.errors import ProviderError
from letta_cli.store.database import Database
from letta_cli.store.embedded_text import embedded_text

if TYPE_CHECKING:
    from letta_cli.core.embedding import Embedder

_SIMILARITY = {
    "sqlite": "1 - vec_distance_cosine(vec_int8(v.value), vec_int8(?))",
    "postgresql": "1 - (v.value <=> CAST(? AS halfvec))",
}
_VALUE = {"sqlite": "?", "postgresql": "CAST(? AS halfvec)"}


class Vectors:
    """The repository of vectors, and the model that makes them. Raises what `Database` raises.

    Attributes:
        embedder: None where there is no model; everything then answers that there is nothing.
        problem: why vectors cannot be used though there is a model; empty while they can.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.embedder: Embedder | None = None
        self.problem = ""
        self._reached = -1

    def behind(self) -> bool:
        """Whether entries have no vector yet: they get theirs in order, so the newest tells."""
        if self.embedder is None:
            return False
        newest = self._database.query(
            "SELECT agent_id, number FROM search_entry ORDER BY number DESC LIMIT 1"
        )
        if not newest or self._database.query(
            "SELECT 1 FROM search_vector WHERE agent_id = ? AND model = ? AND entry = ?",
            newest[0][0], self.embedder.model, newest[0][1],
        ):  # fmt: skip
            return False
        # Where they cannot be kept, nobody needs to begin.
        return self._database.enable_vectors()

    def add_some(self, most: int = 32) -> int:
        """Embed entries that have no vector yet, in their order; how many were done.

        The model works outside of any transaction; entries that go away meanwhile are left out.

        Raises:
            ProviderError: the model cannot be used.
        """
        if self.embedder is None or not self._database.enable_vectors():
            return 0
        model = self.embedder.model
        found = self._database.query(
            "SELECT e.number, e.agent_id, e.text"
            " FROM search_entry e WHERE e.number > ? AND NOT EXISTS"
            " (SELECT 1 FROM search_vector v"
            " WHERE v.agent_id = e.agent_id AND v.model = ? AND v.entry = e.number)"
            " ORDER BY e.number LIMIT ?",
            self._reached, model, most,
        )  # fmt: skip
        vectors = self.embedder.embed([embedded_text(text) for *_, text in found])
        with self._database.transaction(durable=False):
            for (entry, agent_id, *_), vector in zip(found, vectors, strict=True):
                self._database.execute(
                    "INSERT INTO search_vector (agent_id, model, entry, value)"
                    f" SELECT ?, ?, e.number, {_VALUE[self._database.driver]}"
                    " FROM search_entry e WHERE e.number = ?"
                    " ON CONFLICT (agent_id, model, entry) DO NOTHING",
                    agent_id, model, self._bound(vector), entry,
                )  # fmt: skip
        if found:
            self._reached = found[-1][0]
        return len(found)

    def nearest(
        self,
        agent_id: str,
        text: str,
        most: int,
        within: str = "",
        args: Sequence[object] = (),
        *,
        also: Sequence[int] = (),
    ) -> Mapping[int, float]:
        """The entries most like `text`, and how like they are, up to 1. Empty without a model.

        Args:
            within: only entries that this statement with `args` selects; empty for all.
            also: entries to compare whether or not they are among the most alike.
        """
        if self.embedder is None or self.problem or not text.strip():
            return {}
        try:
            if not self._database.enable_vectors():
                self.problem = "this database cannot compare vectors"
                return {}
            (vector,) = self.embedder.embed([embedded_text(text)])
        except ProviderError as error:
            self.problem = str(error)
            return {}
        compared = (
            f"SELECT v.entry, {_SIMILARITY[self._database.driver]} AS similarity"
            " FROM search_vector v WHERE v.agent_id = ? AND v.model = ?"
        )
        given = (self._bound(vector), agent_id, self.embedder.model)
        condition = f" AND v.entry IN ({within})" if within else ""
        found = self._database.query(
            f"{compared}{condition} ORDER BY similarity DESC LIMIT ?", *given, *args, most
        )
        best = {entry for entry, _ in found}
        if others := [entry for entry in also if entry not in best]:
            places = ", ".join("?" for _ in others)
            found += self._database.query(f"{compared} AND v.entry IN ({places})", *given, *others)
        return dict(found)

    def _bound(self, vector: bytes) -> object:
        if self._database.driver == "sqlite":
            return vector
        return str([byte - 256 if byte > 127 else byte for byte in vector])
