"""Reflection: what the agent makes of its conversations while nobody waits, and when it may."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Occasion = Literal["person", "turns", "compaction", "idle"]
"""Why a reflection began: somebody asked for it, or one of the settings did."""

ReflectionState = Literal["open", "done", "failed", "undone"]
"""``open`` stays when its process died. What ``open`` and ``failed`` ones read is unread still."""


@dataclass(frozen=True, slots=True)
class ReflectionSettings:
    """When the agent reflects by itself, with what, and what one reflection may take.

    Attributes:
        automatic: whether it ever does.
        every_turns: finished runs in all conversations that nothing has reflected on; 0 for never.
        on_compaction: also when a conversation was compacted.
        idle_minutes: also when a terminal has been idle for so long; 0 for never.
        headless: also after runs that nobody watches.
        model: a handle; empty for the one of the conversation that gave the occasion.
        max_budget_usd: known cost of one reflection; a model call that cannot fit is not made.
        max_steps: model calls of one reflection.
    """

    automatic: bool = True
    every_turns: int = 25
    on_compaction: bool = True
    idle_minutes: float = 0
    headless: bool = False
    model: str = ""
    max_budget_usd: float = 0.10
    max_steps: int = 12

    @property
    def occasions(self) -> str:
        """When it does, in words: ``every 25 turns, at compaction``; empty for never."""
        every = f"every {self.every_turns} turns" if self.every_turns else ""
        idle = f"after {self.idle_minutes:g} idle minutes" if self.idle_minutes else ""
        when = (every, "at compaction" if self.on_compaction else "", idle)
        return ", ".join(filter(None, when)) if self.automatic else ""


@dataclass(frozen=True, slots=True)
class Slice:
    """Messages `first` to `last` of a conversation, both included."""

    conversation_id: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Reflection:
    """One reflection.

    Attributes:
        conversation_id: the conversation of its own in which it runs; None when it never began.
        slices: what it reads; read for good once it is done.
        tries: how often it was begun; one that was cut off goes on where it was.
        error: why it is not done, or empty.
    """

    id: str
    agent_id: str
    conversation_id: str | None
    occasion: Occasion
    state: ReflectionState
    slices: tuple[Slice, ...]
    tries: int
    error: str
    started_at: datetime
    finished_at: datetime | None

    @property
    def messages(self) -> int:
        """How many messages it reads."""
        return sum(each.last - each.first + 1 for each in self.slices)
