"""Drives a small model as if it were a large one: the same Protocol, another way of asking.

The model is shown a short prompt with at most seven tools and is held to one JSON object, which is
a tool call or words for the person. What it may write is decided anew for each step; what it wrote
is checked before it becomes a call.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, cast, runtime_checkable

from letta_cli.core.errors import BadRequest
from letta_cli.core.ids import new_id
from letta_cli.core.message import Part, Text, ToolCall
from letta_cli.core.provider import (
    Completed,
    Delta,
    ModelInfo,
    Progress,
    Provider,
    Request,
    TextChunk,
)
from letta_cli.core.run import StopReason, Usage
from letta_cli.core.tool import ToolSpec
from letta_cli.providers.small.choices import to_lark, to_schema
from letta_cli.providers.small.history import to_chat
from letta_cli.providers.small.lookups import look_first
from letta_cli.providers.small.masking import Offer, make_offer
from letta_cli.providers.small.prompt import ALL_SMALL_TOOLS, SMALL_TOOLS, profile_prompt
from letta_cli.providers.small.reply import RESPOND, ReplyReader
from letta_cli.providers.small.salvage import as_call, find_call, talk_of
from letta_cli.providers.small.situation import Situation, read_situation, without_skills
from letta_cli.providers.small.undo import outcome_in_words, undo_useless_change
from letta_cli.providers.small.vetting import Rejected, reasons, vet

TEMPERATURE = 0.2
RETRY_TEMPERATURE = 0.7
MAX_OUTPUT = 900
"""Tokens of one step: a file of some eighty lines."""

TRIES = 3
"""Answers of the model for one step, until it is one that can help."""

Form = Literal["schema", "lark"]
"""How a server is told what the model may write: JSON Schema, or llguidance's grammar."""


@runtime_checkable
class ChatDoor(Protocol):
    """A provider that takes plain chat messages and holds the answer to a form."""

    name: str

    def stream_chat(
        self,
        *,
        model: str,
        messages: list[dict[str, Any]],
        temperature: float | None = None,
        max_tokens: int | None = None,
        response_schema: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Delta]: ...

    async def models(self) -> list[ModelInfo]: ...

    async def model_info(self, model: str) -> ModelInfo: ...

    async def warm(self) -> None: ...

    async def aclose(self) -> None: ...


@dataclass(slots=True)
class _Try:
    """One answer of the model."""

    reader: ReplyReader = field(default_factory=ReplyReader)
    completed: Completed | None = None
    spoken: list[str] = field(default_factory=list[str])


class SmallModelProvider:
    """The small profile around a chat provider.

    Args:
        inner: where the model is.
        form: how `inner` is told what the model may write. A server that refuses the form is
            asked without, and the call is found in what it wrote.
    """

    def __init__(self, inner: ChatDoor, *, form: Form = "schema") -> None:
        self.name = inner.name
        self._inner = inner
        self._form: Form | None = form

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """See `core.provider.Provider.stream`."""
        specs = offered_specs(request.tools)
        if not specs:
            async for delta in self._plain(request):
                yield delta
            return
        situation = read_situation(request)
        names = frozenset(spec.name for spec in specs)
        undo = undo_useless_change(situation) if "Edit" in names else None
        calls = (undo,) if undo else look_first(situation, names)
        if calls:
            yield Completed(calls, "end_turn", Usage())
            return
        if words := outcome_in_words(situation):
            yield TextChunk(words)
            yield Completed((Text(words),), "end_turn", Usage())
            return
        async for delta in self._step(request, specs, situation):
            yield delta

    async def models(self) -> list[ModelInfo]:
        return await self._inner.models()

    async def model_info(self, model: str) -> ModelInfo:
        return replace(await self._inner.model_info(model), small=True)

    async def warm(self) -> None:
        await self._inner.warm()

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _plain(self, request: Request) -> AsyncIterator[Delta]:
        """A request without tools, such as for a summary, needs no form."""
        messages: list[dict[str, Any]] = [{"role": "system", "content": request.system}]
        messages += [
            {"role": "assistant" if m.role == "assistant" else "user", "content": m.text}
            for m in request.messages
            if m.text.strip()
        ]
        async for delta in self._inner.stream_chat(
            model=request.model,
            messages=messages,
            temperature=TEMPERATURE,
            max_tokens=request.max_output or MAX_OUTPUT,
        ):
            yield delta

    async def _step(
        self, request: Request, specs: Sequence[ToolSpec], situation: Situation
    ) -> AsyncIterator[Delta]:
        """Ask until the answer is one that can help, or tell the person that there is none."""
        system = f"{profile_prompt(specs)}\n\n{without_skills(request.system)}"
        chat = to_chat(system, request.messages)
        rejected: list[Rejected] = []
        dropped: set[str] = set()
        usage = Usage()
        max_tokens = min(request.max_output or MAX_OUTPUT, MAX_OUTPUT)
        for number in range(TRIES):
            offer = make_offer(situation, specs, dropped=dropped)
            messages = _nudged(chat, rejected, offer if self._form is None else None)
            attempt = _Try()
            async for delta in self._ask(
                request.model, messages, offer, attempt, max_tokens, again=number > 0
            ):
                yield delta
            assert attempt.completed is not None
            usage = usage + attempt.completed.usage
            outcome = _outcome(attempt, offer, situation)
            if not isinstance(outcome, Rejected):
                for delta in _unsaid(outcome, attempt):
                    yield delta
                yield Completed(outcome, _stop_reason(attempt.completed), usage)
                return
            again = outcome in rejected
            rejected.append(outcome)
            if (outcome.drop or again) and attempt.reader.name:
                dropped.add(attempt.reader.name)
        text = f"I do not get further here. {reasons(rejected)} What should I do?"
        yield TextChunk(text)
        yield Completed((Text(text),), "end_turn", usage)

    async def _ask(
        self,
        model: str,
        messages: list[dict[str, Any]],
        offer: Offer,
        attempt: _Try,
        max_tokens: int,
        *,
        again: bool,
    ) -> AsyncIterator[Delta]:
        """One answer into `attempt`; yields what is for the person."""
        while True:
            try:
                answer = self._inner.stream_chat(
                    model=model,
                    messages=messages,
                    temperature=RETRY_TEMPERATURE if again else TEMPERATURE,
                    max_tokens=max_tokens,
                    response_schema=to_schema(offer.branches) if self._form == "schema" else None,
                    extra={"grammar": to_lark(offer.branches)} if self._form == "lark" else None,
                )
                async for delta in answer:
                    for told in self._tell(delta, attempt):
                        yield told
                return
            except BadRequest:
                if self._form is None or attempt.reader.raw:
                    raise
                self._form = None

    def _tell(self, delta: Delta, attempt: _Try) -> list[Delta]:
        match delta:
            case TextChunk(text=text):
                known = bool(attempt.reader.name)
                words = attempt.reader.feed(text)
                if words and self._form is not None:
                    attempt.spoken.append(words)
                    return [TextChunk(words)]
                if not known and attempt.reader.name not in ("", RESPOND):
                    return [Progress(f"preparing {attempt.reader.name}")]
                return []
            case Completed():
                attempt.completed = delta
                return []
            case Progress():
                return [delta]
            case _:
                return []


def offered_specs(tools: Sequence[ToolSpec]) -> list[ToolSpec]:
    """The tools that a small model is offered, at most eight, in the profile's order."""
    by_name = {tool.name: tool for tool in tools}
    known = [by_name[name] for name in ALL_SMALL_TOOLS if name in by_name]
    others = [tool for tool in tools if tool.name not in ALL_SMALL_TOOLS]
    return known or others[: len(SMALL_TOOLS)]


def small_profile(provider: Provider) -> Provider:
    """`provider` in the small profile where it takes one; itself otherwise."""
    return SmallModelProvider(provider) if isinstance(provider, ChatDoor) else provider


def _nudged(
    chat: list[dict[str, Any]], rejected: Sequence[Rejected], free: Offer | None
) -> list[dict[str, Any]]:
    """The chat with a word on what went wrong in this step; it is not kept in the thread."""
    words = [f"({rejected[-1].reason} Do something else.)"] if rejected else []
    if free is not None and free.owed:
        words.append(f"({free.owed} Write one JSON object that goes on with it.)")
    if not words:
        return chat
    last = chat[-1]
    return [*chat[:-1], {**last, "content": f"{last['content']}\n\n{' '.join(words)}"}]


def _outcome(attempt: _Try, offer: Offer, situation: Situation) -> tuple[Part, ...] | Rejected:
    """The message that the answer comes to, or why it is none."""
    raw = attempt.reader.raw
    known = offer.names | {RESPOND}
    found = _parse(raw, known)
    if found is None:
        return _talk(attempt, offer)
    name, arguments = found
    if name == RESPOND:
        text = str(arguments.get("text") or "").strip()
        if not text:
            return Rejected("The answer was empty.")
        if offer.owed:
            return Rejected(offer.owed)
        return (Text(text),)
    vetted = vet(ToolCall(new_id("call"), name, arguments), situation)
    if isinstance(vetted, Rejected):
        attempt.reader.name = name
        return vetted
    return (vetted,)


def _parse(raw: str, known: frozenset[str]) -> tuple[str, dict[str, Any]] | None:
    try:
        value: Any = json.loads(raw, strict=False)
    except ValueError:
        return find_call(raw, known)
    return as_call(cast("dict[str, Any]", value), known) if isinstance(value, dict) else None


def _talk(attempt: _Try, offer: Offer) -> tuple[Part, ...] | Rejected:
    """An answer that is no call: words for the person, or one that broke off."""
    if attempt.spoken:
        return (Text("".join(attempt.spoken)),)
    assert attempt.completed is not None
    if attempt.completed.stop_reason == "max_tokens" or attempt.reader.raw.lstrip().startswith("{"):
        return Rejected("That was too long and broke off. Do it in smaller pieces.")
    text = talk_of(attempt.reader.raw)
    if offer.owed or not text:
        return Rejected(offer.owed or "The answer was empty.")
    return (Text(text),)


def _unsaid(parts: tuple[Part, ...], attempt: _Try) -> list[Delta]:
    """Words for the person that were not streamed."""
    if attempt.spoken:
        return []
    return [TextChunk(part.text) for part in parts if isinstance(part, Text)]


def _stop_reason(completed: Completed) -> StopReason:
    return completed.stop_reason if completed.stop_reason == "refusal" else "end_turn"
