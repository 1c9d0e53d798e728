"""What the drivers' full-text indexes have in common, as `search` and `indexing` use them.

An index holds one entry for each piece of text, in four fields: the words themselves, what stands
around them (who, when, which tool), the neighbouring messages, and those beyond them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

WEIGHTS = (1.0, 2.0, 0.5, 0.3)
"""What a word counts in each field. From a search over LoCoMo's public half with
``scripts/bench/retrieval.py``; the surroundings of these values differ by less than its noise."""


@dataclass(frozen=True, slots=True)
class Fields:
    """One entry's text, ready for the index: see `search_words.indexable`."""

    body: str
    context: str
    near: str = ""
    far: str = ""


class TextIndex(Protocol):
    """The statements and values that differ between drivers.

    Attributes:
        key: the column of the entry's number in ``search_index``.
        join: how matches are joined with their entries.
        everything: the limit that is none.
        count: counts the entries that match; arguments: query, limit.
        clear: takes out all entries, readable or not.
        put: adds an entry or replaces it; its arguments are those of `arguments`.
    """

    @property
    def key(self) -> str: ...

    @property
    def join(self) -> str: ...

    @property
    def everything(self) -> int | None: ...

    @property
    def count(self) -> str: ...

    @property
    def clear(self) -> str: ...

    @property
    def put(self) -> str: ...

    def arguments(self, entry: int, fields: Fields) -> Sequence[object]: ...

    def ranked(self, within: str) -> str:
        """Selects ``entry`` and ``rank``, the lowest rank first.

        Its arguments are a query, what `within` asks for, and a limit.

        Args:
            within: only entries that this statement selects; empty for all.
        """
        ...

    def query(
        self,
        terms: Sequence[str],
        phrases: Sequence[str] = (),
        *,
        selective: Sequence[str] = (),
        neighbours: bool = True,
    ) -> str:
        """A query for any of the terms and all of the phrases; empty when it can match nothing.

        A term or phrase of several words stands for these words in a row; ``a*`` for every word
        that begins so. Phrases must stand in the entry itself.

        Args:
            selective: one of these must be there, too; if any are given.
            neighbours: a term that only stands in a neighbour counts, too.
        """
        ...
