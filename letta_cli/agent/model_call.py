"""One model call: streamed, retried by hand, its partial text kept against a crash."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from letta_cli.agent.reply_filter import ReplyFilter
from letta_cli.agent.retry import tries_for, wait_before
from letta_cli.agent.turn import Turn
from letta_cli.core.errors import Retryable, StoreError, StreamCut
from letta_cli.core.event import (
    Event,
    ModelProgress,
    ReasoningDelta,
    Retrying,
    TextDelta,
    ToolCallDelta,
)
from letta_cli.core.provider import (
    CallChunk,
    Completed,
    Delta,
    Progress,
    ReasoningChunk,
    Request,
    TextChunk,
)

PARTIAL_SECONDS = 2.0
"""How often streamed text is written down, so that a crash loses at most this much of it."""


@dataclass(slots=True)
class Reply:
    """What has come of the call: `completed`, or the text up to an interrupt."""

    completed: Completed | None = None
    text: list[str] = field(default_factory=list[str])

    @property
    def partial(self) -> str:
        return "".join(self.text)


async def call_model(
    turn: Turn,
    request: Request,
    run_id: str | None,
    reply: Reply,
    *,
    again: Callable[[], tuple[Request, Sequence[Event]]] | None = None,
) -> AsyncGenerator[Event, None]:
    """Fill `reply`, telling of every delta; leave it incomplete when interrupted.

    Args:
        run_id: the run whose partial answer this is; None when it is no answer (a summary).
        again: the request to try next, and what is new in it: a wait may take minutes, in which
            others change things. None repeats `request`.

    Raises:
        ProviderError: the last try failed, or another try is useless.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            async for event in _stream_once(turn, request, run_id, reply):
                yield event
            if reply.completed is None and not turn.inbox.cancelled:
                raise StreamCut("The model's answer ended before it was complete.")
            return
        except Retryable as error:
            tries = tries_for(error, turn.limits.max_tries, waits=_is_worth_waiting(turn))
            if attempt >= tries:
                _save(turn, run_id, reply)
                raise
            wait = wait_before(attempt, error)
            yield Retrying(attempt, tries, wait, error.code, str(error), error.status)
            if await turn.inbox.pause(wait):
                return
            reply.text.clear()
            if again is not None:
                request, told = again()
                for event in told:
                    yield event


def _is_worth_waiting(turn: Turn) -> bool:
    """Whether a person is here to stop the wait, or the model has answered in this run already."""
    if turn.policy.interactive:
        return True
    messages = turn.thread.messages
    run_id = messages[-1].run_id if messages else None
    return any(each.role == "assistant" and each.run_id == run_id for each in messages)


async def _stream_once(
    turn: Turn, request: Request, run_id: str | None, reply: Reply
) -> AsyncGenerator[Event, None]:
    written = time.monotonic()
    filtered = ReplyFilter(turn.masker)
    async for raw in turn.inbox.until_cancelled(turn.provider.stream(request)):
        for delta in filtered.take(raw):
            event = _event_of(delta, reply)
            if event is None:
                continue
            if time.monotonic() - written > PARTIAL_SECONDS:
                _save(turn, run_id, reply)
                written = time.monotonic()
            yield event
    for delta in filtered.flush():
        if (event := _event_of(delta, reply)) is not None:
            yield event


def _save(turn: Turn, run_id: str | None, reply: Reply) -> None:
    """Write down what has streamed. A store that is away for a moment must not end the answer."""
    if run_id and reply.text:
        with suppress(StoreError):
            turn.store.runs.save_partial(run_id, reply.partial)


def _event_of(delta: Delta, reply: Reply) -> Event | None:
    match delta:
        case TextChunk(text=text):
            reply.text.append(text)
            return TextDelta(text)
        case ReasoningChunk(text=text):
            return ReasoningDelta(text)
        case CallChunk(index=index, call_id=call_id, name=name, fragment=fragment):
            return ToolCallDelta(index, call_id, name, fragment)
        case Progress(text=text):
            return ModelProgress(text)
        case Completed():
            reply.completed = delta
            return None
