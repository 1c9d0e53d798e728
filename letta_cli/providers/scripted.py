"""A provider that says what a script says. For tests, demos and trying the program offline.

A handle ``scripted/NAME`` plays the file of the option ``script``, or the file NAME where NAME is
a path; without either it repeats what it was told. A script is a JSON list of turns, JSON lines,
or an object ``{"turns": […], "context_window": 20000, "small": false,
"prices": {"input": 1, "output": 2}}``. A turn may hold::

    {"text": "…", "reasoning": "…",
     "tool_calls": [{"name": "Read", "arguments": {…}, "id": "…", "malformed": "{not json"}],
     "usage": {"input": 10, "output": 5, "cache_read": 0, "cache_write": 0, "reasoning": 0,
               "cost_usd": 0.01},
     "stop_reason": "end_turn", "progress": "reading the prompt 1/2",
     "error": {"code": "rate_limited", "message": "…", "retry_after": 3, "status": 429},
     "cut": true, "hang": true, "delay_ms": 20, "chunk": 12,
     "when": "regular expression", "repeat": true, "comment": "for people"}

``delay_ms`` is waited before each piece of ``chunk`` characters. ``error``, ``cut`` and ``hang``
come after the turn's text has streamed; ``cut`` ends in the middle of the last tool call.
``{input}`` in a text stands for what the model was told last.

Which turn answers a request follows from the request alone, so a resumed conversation goes on
where it was, also in another process:

- What is new is all that stands after the last assistant message. The first turn with a ``when``
  that matches it answers, once for each conversation, or always with ``repeat``.
- Otherwise the turns without ``when`` answer one after the other: the n-th such answer of the
  conversation is the n-th turn. A last turn with ``repeat`` goes on for ever.
- A failing turn (``error``, ``cut``, ``hang``) stands before the answer that follows it and fails
  once for each conversation and process, or always with ``repeat``.

With the option ``record`` every request is appended to that file as one JSON line, so a test can
read what the model saw.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from letta_cli.core import errors
from letta_cli.core.clock import now
from letta_cli.core.errors import ConfigError, ProviderError, Retryable
from letta_cli.core.message import Message, Part, Reasoning, Text, ToolCall, part_to_dict
from letta_cli.core.provider import (
    CallChunk,
    Completed,
    Delta,
    ModelInfo,
    Prices,
    Progress,
    ProviderSettings,
    ReasoningChunk,
    Request,
    TextChunk,
)
from letta_cli.core.run import Usage
from letta_cli.providers.script import (
    Position,
    Script,
    Turn,
    choose,
    fails,
    read_script,
    told_last,
)
from letta_cli.providers.tokens import estimate, estimate_message, estimate_tools
from letta_cli.providers.wording import as_sent

_ECHO = Script("", ({"text": "{input}", "repeat": True},), {})

_ERRORS: dict[str, type[ProviderError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ProviderError)
}


class ScriptedProvider:
    """Deterministic; needs no key and no network."""

    name = "scripted"

    def __init__(self, settings: ProviderSettings) -> None:
        options = dict(settings.options)
        self._settings = settings
        self._script_path = options.get("script", "")
        self._record_path = options.get("record", "")
        self._scripts: dict[str, Script] = {}
        self._positions: dict[str, Position] = {}

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Play the turn that answers `request`.

        Raises:
            ConfigError: the script cannot be read, or has no turn for this request.
        """
        if self._record_path:
            _record(self._record_path, request)
        script = self._script(request.model)
        told = told_last(request.messages)
        position = self._positions.setdefault(request.conversation_id, Position())
        position.catch_up(script, request.messages)
        index = choose(position, script, told)
        turn = script.turns[index]
        if fails(turn) and not turn.get("repeat"):
            position.spent.add(index)
        call_prefix = f"call-{request.conversation_id[-12:]}-{position.answers + 1}"
        async for delta in _play(turn, request, told, call_prefix, _prices(script)):
            if isinstance(delta, Completed):
                position.count(script, index)
            yield delta

    async def models(self) -> list[ModelInfo]:
        """The script in the settings, or ``scripted/echo``."""
        name = "demo" if self._script_path else "echo"
        return [await self.model_info(name)]

    async def model_info(self, model: str) -> ModelInfo:
        try:
            script = self._script(model)
        except ConfigError:
            script = _ECHO
        facts = script.facts
        return ModelInfo(
            handle=f"scripted/{model}",
            context_window=self._settings.context_window or facts.get("context_window", 200_000),
            max_output=facts.get("max_output"),
            prices=_prices(script),
            small=bool(facts.get("small", False)),
            note=f"plays {script.path}" if script.path else "repeats what it is told",
        )

    async def warm(self) -> None:
        """Nothing to prepare."""

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def _script(self, model: str) -> Script:
        path = self._script_path
        if not path and (model.endswith((".json", ".jsonl")) or Path(model).is_file()):
            path = model
        if not path:
            return _ECHO
        if path not in self._scripts:
            self._scripts[path] = read_script(path)
        return self._scripts[path]


def _prices(script: Script) -> Prices | None:
    prices = script.facts.get("prices")
    return Prices(**prices) if prices else None


async def _play(
    turn: Turn, request: Request, told: str, call_prefix: str, prices: Prices | None
) -> AsyncIterator[Delta]:
    delay = float(turn.get("delay_ms", 0)) / 1000
    size = max(1, int(turn.get("chunk", 20)))
    text = str(turn.get("text", "")).replace("{input}", told)
    reasoning = str(turn.get("reasoning", ""))
    calls = [
        _call(data, f"{call_prefix}-{number}")
        for number, data in enumerate(turn.get("tool_calls", ()), start=1)
    ]
    for delta in _deltas(turn, text, reasoning, calls, size):
        # Also without a delay: a reader gets its turn between two pieces, as with a real stream.
        await asyncio.sleep(delay)
        yield delta
    if turn.get("hang"):
        await asyncio.Event().wait()
    if turn.get("cut"):
        raise errors.StreamCut("The scripted stream was cut before it was complete.")
    if turn.get("error"):
        raise _error(turn["error"])
    parts: list[Part] = []
    if reasoning:
        parts.append(Reasoning(reasoning, provider="scripted"))
    if text:
        parts.append(Text(text))
    parts.extend(calls)
    usage = _usage(turn, request, parts, prices)
    yield Completed(tuple(parts), turn.get("stop_reason", "end_turn"), usage)


def _deltas(
    turn: Turn, text: str, reasoning: str, calls: Sequence[ToolCall], size: int
) -> Iterable[Delta]:
    if turn.get("progress"):
        yield Progress(str(turn["progress"]))
    for start in range(0, len(reasoning), size):
        yield ReasoningChunk(reasoning[start : start + size])
    for start in range(0, len(text), size):
        yield TextChunk(text[start : start + size])
    for index, call in enumerate(calls):
        raw = call.malformed if call.malformed is not None else json.dumps(dict(call.arguments))
        if turn.get("cut") and index == len(calls) - 1:
            raw = raw[: len(raw) // 2]
        for start in range(0, max(1, len(raw)), size):
            yield CallChunk(index, call.id, call.name, raw[start : start + size])


def _call(data: Mapping[str, Any], default_id: str) -> ToolCall:
    return ToolCall(
        str(data.get("id") or default_id),
        str(data.get("name", "")),
        data.get("arguments", {}),
        data.get("malformed"),
    )


def _error(data: Mapping[str, Any]) -> ProviderError:
    code = str(data.get("code", "server_error"))
    kind = _ERRORS.get(code)
    if kind is None:
        raise ConfigError(f"A scripted error has no code {code!r}. Codes: {', '.join(_ERRORS)}.")
    message = str(data.get("message") or f"The script says {code}.")
    if issubclass(kind, Retryable):
        return kind(message, status=data.get("status"), retry_after=data.get("retry_after"))
    return kind(message, status=data.get("status"))


def _usage(turn: Turn, request: Request, parts: Sequence[Part], prices: Prices | None) -> Usage:
    given = turn.get("usage")
    if given is None:
        spoken = Message("", request.conversation_id, 0, "assistant", tuple(parts), now())
        usage = Usage(
            input=estimate(request.system)
            + estimate_tools(request.tools)
            + sum(map(estimate_message, request.messages)),
            output=estimate_message(spoken),
        )
    else:
        usage = Usage(**given)
    if usage.cost_usd is None and prices is not None:
        usage = usage + Usage(cost_usd=prices.cost(usage))
    return usage


def _record(path: str, request: Request) -> None:
    """Append the request as one line, in one write, so that processes may share the file."""
    line = json.dumps(
        {
            "pid": os.getpid(),
            "model": request.model,
            "conversation_id": request.conversation_id,
            "effort": request.effort,
            "max_output": request.max_output,
            "system": request.system,
            "tools": [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                }
                for tool in request.tools
            ],
            "messages": [
                {
                    "id": message.id,
                    "seq": message.seq,
                    "role": message.role,
                    "parts": [part_to_dict(part) for part in message.parts],
                }
                for message in map(as_sent, request.messages)
            ],
        },
        ensure_ascii=False,
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode(errors="backslashreplace") + b"\n")
    finally:
        os.close(descriptor)
