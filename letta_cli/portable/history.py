"""A conversation that another program kept, as this one's messages: each call with its return.

Programs write down what happens when it happens: a model's message in several lines, results in
any order, interruptions in between. A provider accepts a thread only when every tool call is
followed by exactly one return. `Thread` makes the one out of the other, in one pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol, cast

from letta_cli.core.message import Part, Role, Text, ToolCall, ToolReturn
from letta_cli.core.outside import source_of_call

NO_RESULT = "There is no result of this call in the imported history. It may have been interrupted."

_RETURN_MAX = 200_000
_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True, slots=True)
class Said:
    """One entry of a history.

    Attributes:
        at: when; None where the program does not say.
        key: what the program calls this entry, if anything refers to it.
        kept_from: of a summary: the key of the first entry that stays in context beside it;
            empty when everything before the summary is gone.
    """

    role: Role
    parts: tuple[Part, ...]
    at: datetime | None = None
    key: str = ""
    kept_from: str = ""


@dataclass(slots=True)
class Facts:
    """What a reader learns of the whole conversation while it reads.

    Attributes:
        title: what the program or the person called it; empty when neither did.
        prompt: the person's first words.
        ignored: how many entries of which kind are the program's own bookkeeping.
    """

    session_id: str = ""
    title: str = ""
    prompt: str = ""
    cwd: str = ""
    model: str = ""
    started: datetime | None = None
    ignored: dict[str, int] = field(default_factory=dict[str, int])

    def ignore(self, kind: object) -> None:
        name = str(kind)[:60]
        self.ignored[name] = self.ignored.get(name, 0) + 1


class Reader(Protocol):
    """Understands one program's entries, in the order in which they were written."""

    @property
    def facts(self) -> Facts: ...

    def feed(self, entry: Mapping[str, Any]) -> Iterator[Said]:
        """What an entry says. May raise KeyError, TypeError, ValueError for one that is broken."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it is going to be stored."""

    role: Role
    parts: tuple[Part, ...]
    at: datetime


class Thread:
    """Makes a well-formed thread of what is fed to it; `finish` ends it.

    Attributes:
        window: the number of the newest summary, counted from 1, and of the first message that
            stays in context beside it; None when there is no summary.
    """

    def __init__(self, began: datetime) -> None:
        self.window: tuple[int, int] | None = None
        self._moment = began
        self._count = 0
        self._places: dict[str, int] = {}
        self._keys: list[str] = []
        self._spoken: list[Part] = []
        self._spoken_at = began
        self._calls: dict[str, ToolCall] = {}
        self._returns: dict[str, ToolReturn] = {}
        self._waiting: list[Said] = []

    def feed(self, said: Said) -> Iterator[Stored]:
        """The messages that are complete now."""
        if said.at is not None:
            said = replace(said, at=max(said.at, self._moment))
        match said.role:
            case "assistant":
                yield from self._speak(said)
            case "tool":
                yield from self._return(said)
            case _ if self._calls.keys() - self._returns.keys():
                # Said while a tool ran: it comes after the results.
                self._waiting.append(said)
            case _:
                yield from self._flush()
                yield self._emit(said)

    def finish(self) -> Iterator[Stored]:
        yield from self._flush()

    def _speak(self, said: Said) -> Iterator[Stored]:
        if self._returns or self._waiting:
            yield from self._flush()
        if not self._spoken:
            self._spoken_at = said.at or self._moment
        for part in said.parts:
            if not isinstance(part, ToolCall):
                self._spoken.append(part)
            elif part.id not in self._calls:
                self._spoken.append(part)
                self._calls[part.id] = part
        self._keys.append(said.key)
        self._moment = said.at or self._moment

    def _return(self, said: Said) -> Iterator[Stored]:
        strays: list[ToolReturn] = []
        for part in said.parts:
            if not isinstance(part, ToolReturn):
                continue
            call = self._calls.get(part.call_id)
            if call is None or part.call_id in self._returns:
                strays.append(part)
            else:
                outside = part.outside or source_of_call(call, call.name)
                self._returns[part.call_id] = replace(
                    part, name=call.name, content=_cut(part), outside=outside
                )
        self._moment = said.at or self._moment
        for stray in strays:
            text = f"A result of {stray.name or 'a tool'} whose call is not in the history:\n"
            told = Text(text + _cut(stray), source_of_call(None, stray.name))
            yield from self.feed(Said("notice", (told,), said.at, said.key))

    def _flush(self) -> Iterator[Stored]:
        if self._spoken:
            yield self._emit(Said("assistant", tuple(self._spoken), self._spoken_at))
        if self._calls:
            returns = tuple(
                self._returns.get(call.id) or ToolReturn(call.id, call.name, "unknown", NO_RESULT)
                for call in self._calls.values()
            )
            yield self._emit(Said("tool", returns, self._moment))
        waiting = self._waiting
        self._spoken, self._calls, self._returns, self._waiting = [], {}, {}, []
        for said in waiting:
            yield self._emit(said)

    def _emit(self, said: Said) -> Stored:
        self._count += 1
        for key in (said.key, *self._keys):
            if key:
                self._places.setdefault(key, self._count)
        self._keys = []
        if said.role == "summary":
            self.window = self._count, self._places.get(said.kept_from, self._count + 1)
        if said.role != "assistant":
            self._moment = said.at or self._moment
        return Stored(said.role, said.parts, said.at or self._moment)


def call_id(value: object) -> str:
    """An id that every provider takes back: letters, digits, ``_`` and ``-``."""
    return "".join(char if char in _ID_CHARACTERS else "_" for char in str(value))[:128]


def moment_of(value: object) -> datetime | None:
    """ISO 8601, or milliseconds since 1970; None for anything else."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and value > 0:
            return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def mapping_of(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def blocks_of(content: object) -> Sequence[Mapping[str, Any]]:
    """The blocks of a message's content, which may also be plain text."""
    if isinstance(content, str):
        return ({"type": "text", "text": content},)
    if isinstance(content, Sequence):
        return [mapping_of(each) for each in cast("Sequence[object]", content)]
    return ()


def went_back() -> Text:
    return Text(
        "Here the person went back to an earlier point of the conversation and went on from "
        "there. What stands in between was left behind."
    )


def _cut(part: ToolReturn) -> str:
    left = len(part.content) - _RETURN_MAX
    if left <= 0:
        return part.content
    return f"{part.content[:_RETURN_MAX]}\n… ({left:,} more characters were not imported)"
