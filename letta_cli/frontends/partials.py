"""Turns deltas into the raw streaming events of the Anthropic Messages API."""

from collections.abc import Iterator
from typing import Any

from letta_cli.core.event import (
    AssistantMessage,
    Event,
    ReasoningDelta,
    Retrying,
    RunFinished,
    StepStarted,
    TextDelta,
    ToolCallDelta,
)
from letta_cli.core.ids import new_id


class PartialEncoder:
    """Opens and closes content blocks as the kind of delta changes."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._index = -1
        self._open: tuple[str, int] | None = None
        self._started = False
        self._used_tool = False

    def encode(self, event: Event) -> Iterator[dict[str, Any]]:
        """The raw events that `event` gives rise to; often none."""
        match event:
            case StepStarted() | Retrying():
                self._reset()
            case TextDelta(text=text):
                yield from self._block(("text", 0), {"type": "text", "text": ""})
                yield self._delta({"type": "text_delta", "text": text})
            case ReasoningDelta(text=text):
                block = {"type": "thinking", "thinking": "", "signature": ""}
                yield from self._block(("thinking", 0), block)
                yield self._delta({"type": "thinking_delta", "thinking": text})
            case ToolCallDelta():
                block: dict[str, Any] = {
                    "type": "tool_use",
                    "id": event.call_id,
                    "name": event.name,
                    "input": {},
                }
                self._used_tool = True
                yield from self._block(("tool_use", event.index), block)
                yield self._delta({"type": "input_json_delta", "partial_json": event.fragment})
            case AssistantMessage() | RunFinished():
                yield from self._end()
            case _:
                pass

    def _reset(self) -> None:
        self._index, self._open, self._started, self._used_tool = -1, None, False, False

    def _block(self, key: tuple[str, int], block: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if not self._started:
            self._started = True
            message: dict[str, Any] = {
                "id": new_id("message"),
                "type": "message",
                "role": "assistant",
                "model": self._model,
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
            }
            yield {"type": "message_start", "message": message}
        if self._open == key:
            return
        yield from self._close()
        self._open, self._index = key, self._index + 1
        yield {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, delta: dict[str, Any]) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _close(self) -> Iterator[dict[str, Any]]:
        if self._open is not None:
            yield {"type": "content_block_stop", "index": self._index}
            self._open = None

    def _end(self) -> Iterator[dict[str, Any]]:
        if not self._started:
            return
        yield from self._close()
        reason = "tool_use" if self._used_tool else "end_turn"
        yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}}
        yield {"type": "message_stop"}
        self._reset()
