"""Puts the chunks of a Chat Completions stream together: deltas as they come, the message at the
end. Lenient, because servers differ: whole calls at once, calls without ids or indexes, reused
indexes, reasoning in one of three fields or in ``<think>`` tags, usage in any chunk or none.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from letta_cli.core.ids import new_id
from letta_cli.core.message import Part, Reasoning, Text
from letta_cli.core.provider import CallChunk, Delta, Progress, ReasoningChunk, TextChunk
from letta_cli.core.run import StopReason, Usage
from letta_cli.providers.arguments import make_call

Json = Mapping[str, Any]

_STOP_REASONS: dict[str, StopReason] = {
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "content_filter": "refusal",
}


@dataclass(slots=True)
class _Call:
    """A call while it streams. `given_id` is the server's, `id` the one we use."""

    id: str
    name: str
    given_id: str
    arguments: str = ""


@dataclass(slots=True)
class ChatAccumulator:
    """Feed it chunks, then read `parts`, `stop_reason` and `usage`.

    Attributes:
        provider: written into `Reasoning` parts.
        taken: ids of earlier calls of the conversation; servers that count from zero in every
            answer, or give one id twice, get fresh ones, since an id must name one call.
        finished: the server said that the message is complete.
    """

    provider: str
    taken: set[str]
    finished: bool = False
    finish_reason: str = ""
    usage: Json | None = None
    _text: list[str] = field(default_factory=list[str])
    _thoughts: list[str] = field(default_factory=list[str])
    _thought_field: str = ""
    _details: list[Any] = field(default_factory=list[Any])
    _calls: list[_Call] = field(default_factory=list[_Call])
    _by_index: dict[int, int] = field(default_factory=dict[int, int])
    _think: "ThinkTags" = field(default_factory=lambda: ThinkTags())

    def feed(self, chunk: Json) -> Iterator[Delta]:
        """The deltas of one chunk, or of one whole answer that did not stream."""
        progress = chunk.get("prompt_progress")
        if isinstance(progress, Mapping):
            yield _prompt_progress(cast("Json", progress))
        if isinstance(chunk.get("usage"), Mapping):
            self.usage = chunk["usage"]
        for choice in chunk.get("choices") or ():
            yield from self._choice(choice)

    def close(self) -> Iterator[Delta]:
        """What was held back at the end of the stream."""
        yield from self._speak(self._think.close())

    def parts(self) -> tuple[Part, ...]:
        """The whole message."""
        parts: list[Part] = []
        thoughts = "".join(self._thoughts)
        if thoughts or self._details:
            opaque: dict[str, Any] = {}
            if self._thought_field:
                opaque[self._thought_field] = thoughts
            if self._details:
                opaque = {"reasoning_details": self._details}
            parts.append(Reasoning(thoughts, self.provider, opaque))
        text = "".join(self._text)
        if text.strip():
            parts.append(Text(text))
        parts += [make_call(call.id, call.name, call.arguments) for call in self._calls]
        return tuple(parts)

    @property
    def stop_reason(self) -> StopReason:
        return _STOP_REASONS.get(self.finish_reason, "end_turn")

    @property
    def output_text(self) -> str:
        """All that the model wrote, for an estimate where the server counts nothing."""
        return "".join([*self._thoughts, *self._text, *(call.arguments for call in self._calls)])

    def _choice(self, choice: Json) -> Iterator[Delta]:
        said: Json = choice.get("delta") or choice.get("message") or {}
        yield from self._reason(said)
        content = said.get("content")
        if isinstance(content, list):
            blocks = cast("list[Any]", content)
            content = "".join(str(block.get("text") or "") for block in blocks)
        if content:
            yield from self._speak(self._think.feed(str(content)))
        for call in said.get("tool_calls") or ():
            yield self._call(call)
        reason = choice.get("finish_reason")
        if reason:
            self.finished = True
            self.finish_reason = str(reason)

    def _reason(self, said: Json) -> Iterator[Delta]:
        details = said.get("reasoning_details")
        if isinstance(details, list):
            self._details += cast("list[Any]", details)
        for name in ("reasoning_content", "reasoning"):
            thought = said.get(name)
            if thought and isinstance(thought, str):
                self._thought_field = name
                self._thoughts.append(thought)
                yield ReasoningChunk(thought)
                return

    def _speak(self, pieces: Iterator[tuple[bool, str]]) -> Iterator[Delta]:
        for is_thought, text in pieces:
            if is_thought:
                self._thoughts.append(text)
                yield ReasoningChunk(text)
            else:
                self._text.append(text)
                yield TextChunk(text)

    def _call(self, piece: Json) -> CallChunk:
        function: Json = piece.get("function") or {}
        arguments = function.get("arguments")
        if arguments is None:
            fragment = ""
        else:
            fragment = arguments if isinstance(arguments, str) else json.dumps(arguments)
        position = self._position(piece, str(function.get("name") or ""))
        call = self._calls[position]
        call.arguments += fragment
        return CallChunk(position, call.id, call.name, fragment)

    def _position(self, piece: Json, name: str) -> int:
        """Which call this piece belongs to; a new one where none fits."""
        given_id = str(piece.get("id") or "")
        index = piece.get("index")
        position = self._by_index.get(index) if isinstance(index, int) else None
        if position is None and not isinstance(index, int) and self._calls and not given_id:
            # Without index and id: a name opens a new call, bare arguments go on with the last.
            position = None if name else len(self._calls) - 1
        if position is not None:
            call = self._calls[position]
            if not given_id or not call.given_id or given_id == call.given_id:
                call.name = call.name or name
                return position
        if not isinstance(index, int) and given_id:
            for position, call in enumerate(self._calls):
                if call.given_id == given_id:
                    return position
        taken = self.taken.union(call.id for call in self._calls)
        fresh = given_id if given_id and given_id not in taken else new_id("call")
        self._calls.append(_Call(fresh, name, given_id))
        position = len(self._calls) - 1
        if isinstance(index, int):
            self._by_index[index] = position
        return position


class ThinkTags:
    """Splits ``<think>…</think>`` at the very start of a message from the text after it."""

    _OPEN, _CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"

    def feed(self, text: str) -> Iterator[tuple[bool, str]]:
        """Yield (is it thought, text) for what can be told apart by now."""
        if self._state == "after":
            text = text.lstrip()
            self._state = "text" if text else "after"
        if self._state in ("text", "after"):
            if text:
                yield False, text
            return
        self._held += text
        if self._state == "start":
            begun = self._held.lstrip()
            if self._OPEN.startswith(begun[: len(self._OPEN)]) and len(begun) < len(self._OPEN):
                return
            if not begun.startswith(self._OPEN):
                yield from self._as_text()
                return
            self._held = begun[len(self._OPEN) :]
            self._state = "thought"
        thought, closed, rest = self._held.partition(self._CLOSE)
        if closed:
            if thought.strip():
                yield True, thought
            self._held, self._state = "", "after"
            yield from self.feed(rest)
            return
        keep = len(self._CLOSE) - 1
        if len(thought) > keep:
            yield True, thought[:-keep]
            self._held = thought[-keep:]

    def close(self) -> Iterator[tuple[bool, str]]:
        """Yield what was held back."""
        held, self._held = self._held, ""
        if held:
            yield self._state == "thought", held

    def _as_text(self) -> Iterator[tuple[bool, str]]:
        held, self._held, self._state = self._held, "", "text"
        if held:
            yield False, held


def _prompt_progress(progress: Json) -> Progress:
    return Progress(f"reading the prompt {progress.get('processed', 0)}/{progress.get('total', 0)}")


def usage_from_wire(usage: Json) -> Usage:
    """Tokens as the server counted them; `cost_usd` where it names one (OpenRouter)."""
    prompt_details: Json = usage.get("prompt_tokens_details") or {}
    output_details: Json = usage.get("completion_tokens_details") or {}
    cached = int(prompt_details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or 0)
    written = int(prompt_details.get("cache_write_tokens") or 0)
    cost = usage.get("cost")
    return Usage(
        input=max(0, int(usage.get("prompt_tokens") or 0) - cached - written),
        output=int(usage.get("completion_tokens") or 0),
        cache_read=cached,
        cache_write=written,
        reasoning=int(output_details.get("reasoning_tokens") or 0),
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
    )
