"""The model's words on their way in: frames that were made inert for it are restored, and secrets
that it may have come by are not shown.

The parts of the complete reply are only restored: a call has to run with what was written. What is
stored and told of them is masked by who stores it.
"""

from collections.abc import Iterator
from dataclasses import replace

from letta_cli.core.inert import Restorer, restored, restored_all
from letta_cli.core.message import Part, Reasoning, Text, ToolCall
from letta_cli.core.provider import CallChunk, Completed, Delta, ReasoningChunk, TextChunk
from letta_cli.core.secret import Masker, StreamMasker


class _Channel:
    """One of the texts that come in pieces."""

    def __init__(self, masker: Masker) -> None:
        self._restorer, self._masker = Restorer(), StreamMasker(masker)

    def feed(self, piece: str) -> str:
        return self._masker.feed(self._restorer.feed(piece))

    def flush(self) -> str:
        return self._masker.flush()


class ReplyFilter:
    """For the deltas of one model call."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._text, self._reasoning = _Channel(masker), _Channel(masker)
        self._calls: dict[int, tuple[CallChunk, _Channel]] = {}

    def take(self, delta: Delta) -> Iterator[Delta]:
        """What becomes of `delta`, and of what was held back before it."""
        match delta:
            case TextChunk(text=text):
                yield from self._told(TextChunk(self._text.feed(text)))
            case ReasoningChunk(text=text):
                yield from self._told(ReasoningChunk(self._reasoning.feed(text)))
            case CallChunk(index=index, fragment=fragment):
                yield from self._words()
                first, channel = self._calls.setdefault(index, (delta, _Channel(self._masker)))
                told = channel.feed(fragment)
                if told or delta is first:  # The first one names the call.
                    yield replace(delta, fragment=told)
            case Completed(parts=parts):
                yield from self.flush()
                yield replace(delta, parts=tuple(map(_restored, parts)))
            case _:
                yield delta

    def flush(self) -> Iterator[Delta]:
        """What is held back, at the end."""
        yield from self._words()
        for first, channel in self._calls.values():
            if rest := channel.flush():
                yield replace(first, fragment=rest)
        self._calls.clear()

    def _words(self) -> Iterator[Delta]:
        yield from self._told(ReasoningChunk(self._reasoning.flush()))
        yield from self._told(TextChunk(self._text.flush()))

    def _told(self, delta: TextChunk | ReasoningChunk) -> Iterator[Delta]:
        if delta.text:
            yield delta


def masked_parts(parts: tuple[Part, ...], masker: Masker) -> tuple[Part, ...]:
    """A reply as it is stored and told: without secrets. What a provider needs back unchanged
    stays."""
    return tuple(_masked(part, masker) for part in parts)


def masked_call(call: ToolCall, masker: Masker) -> ToolCall:
    """A call as it is stored and told."""
    malformed = None if call.malformed is None else masker.mask(call.malformed)
    return replace(call, arguments=masker.mask_all(dict(call.arguments)), malformed=malformed)


def _masked(part: Part, masker: Masker) -> Part:
    match part:
        case Text(text=text) | Reasoning(text=text):
            return replace(part, text=masker.mask(text))
        case ToolCall():
            return masked_call(part, masker)
        case _:
            return part


def _restored(part: Part) -> Part:
    match part:
        case Text(text=text):
            return replace(part, text=restored(text))
        case ToolCall(arguments=arguments, malformed=malformed):
            whole = None if malformed is None else restored(malformed)
            return replace(part, arguments=restored_all(dict(arguments)), malformed=whole)
        case _:
            return part
