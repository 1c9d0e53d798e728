"""Runs as lists of events, for frontends that only read."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from letta_cli.core.errors import AgentError
from letta_cli.core.event import (
    AssistantMessage,
    Event,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TextDelta,
    ToolCallReady,
    ToolReturned,
)
from letta_cli.core.message import ReturnStatus, ToolCall, ToolReturn
from letta_cli.core.run import Usage
from letta_cli.frontends.outcome import SessionFacts

FACTS = SessionFacts(
    conversation_id="conv-1",
    agent_id="agent-1",
    model="scripted/m",
    cwd="/work",
    tools=("Read", "Bash"),
    skills=("review",),
    version="0.1.0",
)
USAGE = Usage(input=100, output=20, cache_read=50, cache_write=5, cost_usd=0.25)
CALL = ToolCall("call-1", "Bash", {"command": "rm -rf build"})


def answering(text: str = "All done.", **changes: object) -> list[Event]:
    """One step that answers with `text`."""
    finished: dict[str, Any] = {
        "stop_reason": "end_turn", "text": text, "usage": USAGE, "steps": 1, **changes
    }  # fmt: skip
    return [
        RunStarted("run-1", "conv-1", "agent-1", "scripted/m"),
        StepStarted(1),
        *([TextDelta(text)] if text else []),
        AssistantMessage("message-1", 2, text, "", (), USAGE),
        StepFinished(1, USAGE, 175, 1000),
        RunFinished(**finished),
    ]


def calling(
    status: ReturnStatus = "ok", content: str = "removed", **changes: object
) -> list[Event]:
    """A step with one tool call, then an answer."""
    finished: dict[str, Any] = {
        "stop_reason": "end_turn", "text": "I tried.", "usage": USAGE + USAGE, "steps": 2, **changes
    }  # fmt: skip
    return [
        RunStarted("run-1", "conv-1", "agent-1", "scripted/m"),
        StepStarted(1),
        AssistantMessage("message-1", 2, "", "thinking", (CALL,), USAGE),
        ToolCallReady(CALL, "Bash(rm -rf build)"),
        ToolReturned(ToolReturn("call-1", "Bash", status, content), 0.5),
        StepFinished(1, USAGE, 175, 1000),
        StepStarted(2),
        AssistantMessage("message-3", 4, "I tried.", "", (), USAGE),
        StepFinished(2, USAGE, 175, 1000),
        RunFinished(**finished),
    ]


async def play(events: Sequence[Event], error: AgentError | None = None) -> AsyncIterator[Event]:
    """Yield the events; then fail with `error`, where given."""
    for event in events:
        yield event
    if error is not None:
        raise error
