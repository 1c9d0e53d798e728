"""Puts the events of a Messages stream together: deltas as they come, the message at the end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from letta_cli.core.message import Part, Reasoning, Text
from letta_cli.core.provider import CallChunk, Delta, ReasoningChunk, TextChunk
from letta_cli.core.run import StopReason, Usage
from letta_cli.providers.anthropic_wire import PROVIDER, thinking_block
from letta_cli.providers.arguments import make_call
from letta_cli.providers.shapes import as_object

Json = Mapping[str, Any]

_STOP_REASONS: dict[str, StopReason] = {
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "refusal": "refusal",
}


@dataclass(slots=True)
class _Block:
    """One content block while it streams."""

    kind: str
    text: str = ""
    signature: str = ""
    data: str = ""
    call_id: str = ""
    name: str = ""
    index: int = 0


@dataclass(slots=True)
class MessageAccumulator:
    """Feed it events, then read `parts`, `stop_reason` and `usage`.

    Attributes:
        finished: the event ``message_stop`` came.
    """

    finished: bool = False
    refusal: str = ""
    _stop: str = ""
    _blocks: dict[int, _Block] = field(default_factory=dict[int, _Block])
    _calls: int = 0
    _usage: dict[str, Any] = field(default_factory=dict[str, Any])

    def feed(self, event: Json) -> Iterator[Delta]:
        """The deltas of one event."""
        match event.get("type"):
            case "message_start":
                self._count(event["message"].get("usage"))
            case "content_block_start":
                yield from self._start(int(event["index"]), event["content_block"])
            case "content_block_delta":
                yield from self._delta(int(event["index"]), event["delta"])
            case "message_delta":
                self._stop = str(event["delta"].get("stop_reason") or self._stop)
                details: Json = event["delta"].get("stop_details") or {}
                self.refusal = str(details.get("explanation") or self.refusal)
                self._count(event.get("usage"))
            case "message_stop":
                self.finished = True
            case _:
                # The API announces that further kinds of events may come.
                return

    def parts(self) -> tuple[Part, ...]:
        """The whole message, its blocks in order."""
        parts: list[Part] = []
        for _, block in sorted(self._blocks.items()):
            match block.kind:
                case "text" if block.text.strip():
                    parts.append(Text(block.text))
                case "thinking":
                    opaque = thinking_block(block.text, block.signature)
                    parts.append(Reasoning(block.text, PROVIDER, opaque))
                case "redacted_thinking":
                    opaque = {"type": "redacted_thinking", "data": block.data}
                    parts.append(Reasoning("", PROVIDER, opaque))
                case "tool_use":
                    parts.append(make_call(block.call_id, block.name, block.text))
                case _:
                    # Blocks of server-side tools, which we do not ask for.
                    continue
        return tuple(parts)

    @property
    def stop_reason(self) -> StopReason:
        return _STOP_REASONS.get(self._stop, "end_turn")

    @property
    def usage(self) -> Usage:
        """Tokens as the API counts them; without a cost."""
        counts = self._usage
        details: Json = counts.get("output_tokens_details") or {}
        return Usage(
            input=int(counts.get("input_tokens") or 0),
            output=int(counts.get("output_tokens") or 0),
            cache_read=int(counts.get("cache_read_input_tokens") or 0),
            cache_write=int(counts.get("cache_creation_input_tokens") or 0),
            reasoning=int(details.get("thinking_tokens") or 0),
        )

    def _count(self, usage: Any) -> None:
        """Counts are cumulative: a later one replaces an earlier one, an absent one does not."""
        counts = as_object(usage)
        self._usage.update({key: value for key, value in counts.items() if value is not None})

    def _start(self, index: int, content: Json) -> Iterator[Delta]:
        block = _Block(str(content.get("type")))
        self._blocks[index] = block
        match block.kind:
            case "text":
                block.text = str(content.get("text") or "")
                if block.text:
                    yield TextChunk(block.text)
            case "thinking":
                block.text = str(content.get("thinking") or "")
                block.signature = str(content.get("signature") or "")
                if block.text:
                    yield ReasoningChunk(block.text)
            case "redacted_thinking":
                block.data = str(content.get("data") or "")
            case "tool_use":
                block.call_id = str(content.get("id") or "")
                block.name = str(content.get("name") or "")
                block.index = self._calls
                self._calls += 1
                yield CallChunk(block.index, block.call_id, block.name, "")
            case _:
                return

    def _delta(self, index: int, delta: Json) -> Iterator[Delta]:
        block = self._blocks.get(index)
        if block is None:
            return
        match delta.get("type"):
            case "text_delta":
                block.text += delta["text"]
                yield TextChunk(delta["text"])
            case "thinking_delta":
                block.text += delta["thinking"]
                if delta["thinking"]:
                    yield ReasoningChunk(delta["thinking"])
            case "signature_delta":
                block.signature += delta["signature"]
            case "input_json_delta":
                fragment = str(delta.get("partial_json") or "")
                block.text += fragment
                yield CallChunk(block.index, block.call_id, block.name, fragment)
            case _:
                return
