"""Shared memory: blocks that stand in the prompt, with every revision they went through, and
passages, which are only found by search."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

Scope = Literal["agent", "project", "conversation"]
"""Where a block is seen: in all conversations, in those of one project, in one only."""

Actor = Literal["model", "person", "reflection", "import", "system"]

RENAMED: Final = "renamed from"
ATTACHED: Final = "attached to"
DETACHED: Final = "detached from"
"""How the notes of revisions begin that change no text. What they name stands in quotes."""

ISOLATED: Final = "copied for this conversation alone"
"""The note of the first revision of an isolated copy."""

DEFAULT_LIMIT = 5_000
"""Characters a block may hold unless told otherwise (Letta's default for core memory)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who wrote: kept with each revision, shown with each notice.

    Attributes:
        untrusted: where text from outside came from that was in the writer's context; sources
            are separated by ", ". Empty when there was none.
    """

    actor: Actor
    conversation_id: str | None = None
    run_id: str | None = None
    note: str = ""
    untrusted: str = ""

    @property
    def commanded(self) -> tuple[str, str] | None:
        """The command, and the id of the conversation in which the person gave it.

        Not `conversation_id`: who wrote is the person or the program, and the conversation itself
        has yet to be told.
        """
        command, _, place = self.note.partition(" in ")
        return (command, place) if command[:1] == "/" and place.startswith("conv-") else None


@dataclass(frozen=True, slots=True)
class MemoryBlock:
    """A named text that every conversation in its scope sees.

    Attributes:
        scope_key: empty for ``agent`` scope, else the project key or the conversation id.
        limit: the most characters `value` may have.
        version: grows by one with each edit.
        deleted: it is in no conversation any more; its history is kept and it can come back.
        detached: it is not in the conversations of its agent, but in those of others it is
            attached to.
    """

    id: str
    agent_id: str
    label: str
    description: str
    value: str
    limit: int
    read_only: bool
    scope: Scope
    scope_key: str
    version: int
    updated_at: datetime
    deleted: bool = False
    detached: bool = False

    @property
    def away(self) -> bool:
        """Whether it is not seen: deleted or detached."""
        return self.deleted or self.detached


@dataclass(frozen=True, slots=True)
class BlockRevision:
    """One edit: the text before and after, who made it, when."""

    block_id: str
    label: str
    version: int
    """The version that this edit produced."""
    before: str
    after: str
    origin: Origin
    created_at: datetime
    reviewed: str = ""
    """What a person said to a marked edit: ``accepted``, ``dropped``, or nothing yet."""

    @property
    def open_sources(self) -> str:
        """The sources of a marked edit that no person has reviewed; else empty."""
        return "" if self.reviewed else self.origin.untrusted


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of archival memory: never in context by itself, found by search.

    Attributes:
        tags: what it is filed under, each once, in the order given.
    """

    id: str
    agent_id: str
    text: str
    tags: tuple[str, ...]
    origin: Origin
    created_at: datetime
