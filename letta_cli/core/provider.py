"""The door to a model: a request goes in, typed deltas come out."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from letta_cli.core.message import Message, Part
from letta_cli.core.run import StopReason, Usage
from letta_cli.core.tool import ToolSpec

Effort = Literal["off", "low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens."""

    input: float
    output: float
    cache_read: float = 0.0
    cache_write: float = 0.0

    def cost(self, usage: Usage) -> float:
        """What `usage` costs, in US dollars."""
        return (
            usage.input * self.input
            + usage.output * self.output
            + usage.cache_read * self.cache_read
            + usage.cache_write * self.cache_write
        ) / 1_000_000


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model.

    Attributes:
        handle: ``provider/model``.
        context_window: tokens of prompt and answer together; None when unknown.
        small: a model that needs the small profile: short prompt, few tools, checked calls.
    """

    handle: str
    context_window: int | None = None
    max_output: int | None = None
    prices: Prices | None = None
    small: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one provider answered when it was asked for its models, or why there are none."""

    provider: str
    models: tuple[ModelInfo, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One model call. Everything in it is stable from step to step but the end of `messages`.

    Attributes:
        model: the name without the provider's prefix.
        conversation_id: a key for the provider's prompt cache and connection.
    """

    model: str
    system: str
    tools: tuple[ToolSpec, ...]
    messages: Sequence[Message]
    conversation_id: str
    max_output: int | None = None
    effort: Effort = "off"


@dataclass(frozen=True, slots=True)
class TextChunk:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningChunk:
    text: str


@dataclass(frozen=True, slots=True)
class CallChunk:
    """A piece of a tool call's arguments while they stream; for display only."""

    index: int
    call_id: str
    name: str
    fragment: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What the model's server does before the first word, e.g. ``reading the prompt 640/1135``."""

    text: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The last delta of every successful stream: the whole message, as it is to be stored."""

    parts: tuple[Part, ...]
    stop_reason: StopReason
    usage: Usage


Delta = TextChunk | ReasoningChunk | CallChunk | Progress | Completed


class Provider(Protocol):
    """A model client. One instance serves all requests of a process over one connection."""

    name: str
    """The part of a handle before the first slash."""

    def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Yield deltas; the last one is `Completed`. Does not retry.

        Raises:
            Retryable: rate limit, overload, 5xx, timeout, cut stream; with the provider's own
                waiting time where it named one.
            ContextOverflow: the request is too long; the caller compacts.
            AuthError, ModelNotFound, BadRequest: another try is useless.
        """
        ...

    async def models(self) -> list[ModelInfo]:
        """What this provider offers now, asked live.

        Raises:
            ProviderError: it could not be asked.
        """
        ...

    async def model_info(self, model: str) -> ModelInfo:
        """What is known of one model, without failing: unknown values are None."""
        ...

    async def warm(self) -> None:
        """Import the SDK and whatever else makes the first request slow; idempotent.

        Raises:
            AuthError: it needs a key and has none, so nothing need be begun.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections. Must not wait for the network."""
        ...


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What configuration knows of one provider. Handed down; providers read no environment.

    Attributes:
        api_key: None where none is set; never shown.
        base_url: None for the provider's own address.
        cache_dir: where large downloads and server state live.
        context_window: the person's own figure, which beats what the server says.
        headers: sent with every request.
        options: provider-specific strings, e.g. ``script`` of the scripted provider.
    """

    name: str
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    timeout_seconds: float = 600.0
    cache_dir: str = ""
    context_window: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
