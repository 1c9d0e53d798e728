"""A run answers one input; a step is one model call with its tool calls."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

StopReason = Literal[
    "end_turn", "max_steps", "max_budget", "max_tokens", "cancelled", "requires_approval",
    "refusal", "error",
]  # fmt: skip

RunState = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or several model calls, and what they cost.

    Attributes:
        input: prompt tokens that were neither read from nor written to the prompt cache.
        cost_usd: None when the model's prices are not known.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    """Part of `output` that was reasoning, where the provider says."""
    cost_usd: float | None = None

    @property
    def context(self) -> int:
        """Tokens the prompt and the answer took together: how full the window is."""
        return self.input + self.cache_read + self.cache_write + self.output

    def __add__(self, other: "Usage") -> "Usage":
        costs = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.reasoning + other.reasoning,
            sum(costs) if costs else None,
        )


@dataclass(frozen=True, slots=True)
class Run:
    """One answer to one input. ``state`` stays ``open`` when its process died."""

    id: str
    conversation_id: str
    model: str
    state: RunState
    stop_reason: StopReason | None
    error: str
    usage: Usage
    steps: int
    started_at: datetime
    finished_at: datetime | None


CallState = Literal["pending", "approved", "running", "done"]
"""The journal of a tool call. After a crash, what was ``pending`` or ``approved`` counts as not
run, and the outcome of what was ``running`` as unknown."""
