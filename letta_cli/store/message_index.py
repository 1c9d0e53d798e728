"""What the drivers' full-text indexes have in common, as `search` uses them.

An index holds one entry for each document: the words of a message, and what stands around it. An
entry's key is the number of the message that was indexed; copies of a message share it.
"""

from collections.abc import Sequence
from typing import Protocol

CONTEXT_WEIGHT = 0.3
"""What a word of the context counts, compared with one of the body."""


class MessageIndex(Protocol):
    """The statements and values that differ between drivers.

    Attributes:
        insert: adds an entry; arguments: key, body, context.
        key: the column of the key in ``message_index``.
        join: how matches are joined with their messages.
        everything: the limit that is none.
        count: counts the entries that match; arguments: query, limit.
        clear: takes out all entries, readable or not.
    """

    @property
    def insert(self) -> str: ...

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

    def ranked(self, within: str) -> str:
        """Selects ``document`` and ``rank``, the lowest rank first.

        Its arguments are a query, what `within` asks for, and a limit.

        Args:
            within: only documents that this statement selects; empty for all.
        """
        ...

    def prepare(self, text: str) -> str:
        """A text as `insert` takes it."""
        ...

    def query(self, words: Sequence[str]) -> str:
        """A query for any of the words, each of which is letters, digits and underscores."""
        ...
