"""Puts the events of a Responses stream together: deltas as they come, the message at the end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from letta_cli.core.message import Part, Reasoning, Text
from letta_cli.core.provider import CallChunk, Delta, ReasoningChunk, TextChunk
from letta_cli.core.run import StopReason, Usage
from letta_cli.providers.arguments import make_call
from letta_cli.providers.responses_wire import PROVIDER, phase_part
from letta_cli.providers.shapes import as_object, as_rows

Json = Mapping[str, Any]

_REASONING_FIELDS = ("type", "id", "summary", "content", "encrypted_content")


@dataclass(slots=True)
class _Call:
    index: int
    call_id: str
    name: str


@dataclass(slots=True)
class ResponseAccumulator:
    """Feed it events, then read `parts`, `stop_reason` and `usage`.

    Attributes:
        finished: a final event came.
        failure: the ``error`` of a response that failed, or an error event.
    """

    finished: bool = False
    failure: Json | None = None
    _items: dict[int, Json] = field(default_factory=dict[int, Json])
    _calls: dict[int, _Call] = field(default_factory=dict[int, _Call])
    _final: Json = field(default_factory=dict[str, Any])
    _refused: bool = False

    def feed(self, event: Json) -> Iterator[Delta]:
        """The deltas of one event."""
        match str(event.get("type")):
            case "response.output_text.delta":
                yield TextChunk(str(event["delta"]))
            case "response.refusal.delta":
                self._refused = True
                yield TextChunk(str(event["delta"]))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield ReasoningChunk(str(event["delta"]))
            case "response.reasoning_summary_part.added" if int(event.get("summary_index", 0)) > 0:
                yield ReasoningChunk("\n\n")
            case "response.output_item.added":
                yield from self._added(int(event["output_index"]), as_object(event["item"]))
            case "response.function_call_arguments.delta":
                call = self._calls.get(int(event["output_index"]))
                if call is not None:
                    yield CallChunk(call.index, call.call_id, call.name, str(event["delta"]))
            case "response.output_item.done":
                self._items[int(event["output_index"])] = as_object(event["item"])
            case "response.completed" | "response.incomplete":
                self._close(as_object(event["response"]))
            case "response.failed":
                self.finished = True
                self.failure = as_object(as_object(event["response"]).get("error"))
            case "error":
                self.failure = as_object(event.get("error")) or event
            case _:
                # Many kinds of events tell nothing that another one does not.
                return

    def parts(self) -> tuple[Part, ...]:
        """The whole message, its items in order."""
        parts: list[Part] = []
        for _, item in sorted(self._items.items()):
            match item.get("type"):
                case "message":
                    text = "".join(
                        str(block.get("text") or block.get("refusal") or "")
                        for block in as_rows(item.get("content"))
                    )
                    if text.strip():
                        if item.get("phase"):
                            parts.append(phase_part(str(item["phase"])))
                        parts.append(Text(text))
                case "reasoning":
                    parts.append(_reasoning(item))
                case "function_call":
                    parts.append(
                        make_call(
                            str(item.get("call_id") or ""),
                            str(item.get("name") or ""),
                            str(item.get("arguments") or ""),
                        )
                    )
                case _:
                    continue
        return tuple(parts)

    @property
    def stop_reason(self) -> StopReason:
        if self._refused:
            return "refusal"
        if self._final.get("status") != "incomplete":
            return "end_turn"
        reason = as_object(self._final.get("incomplete_details")).get("reason")
        return "refusal" if reason == "content_filter" else "max_tokens"

    @property
    def usage(self) -> Usage:
        """Tokens as the API counts them; without a cost."""
        counts = as_object(self._final.get("usage"))
        details = as_object(counts.get("input_tokens_details"))
        cached = int(details.get("cached_tokens") or 0)
        written = int(details.get("cache_write_tokens") or 0)
        return Usage(
            input=max(0, int(counts.get("input_tokens") or 0) - cached - written),
            output=int(counts.get("output_tokens") or 0),
            cache_read=cached,
            cache_write=written,
            reasoning=int(
                as_object(counts.get("output_tokens_details")).get("reasoning_tokens") or 0
            ),
        )

    def _added(self, position: int, item: Json) -> Iterator[Delta]:
        if item.get("type") == "function_call":
            call = _Call(
                len(self._calls), str(item.get("call_id") or ""), str(item.get("name") or "")
            )
            self._calls[position] = call
            yield CallChunk(call.index, call.call_id, call.name, "")

    def _close(self, response: Json) -> None:
        self.finished = True
        self._final = response
        for position, item in enumerate(as_rows(response.get("output"))):
            self._items.setdefault(position, item)


def _reasoning(item: Json) -> Reasoning:
    """A reasoning item, kept as it came but for the fields that must not go back."""
    texts = [str(row.get("text") or "") for row in as_rows(item.get("summary"))]
    texts += [str(row.get("text") or "") for row in as_rows(item.get("content"))]
    opaque = {name: item[name] for name in _REASONING_FIELDS if item.get(name) is not None}
    return Reasoning("\n\n".join(text for text in texts if text), PROVIDER, opaque)
