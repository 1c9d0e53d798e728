"""Finds the tool call in what a model wrote as text, for servers that cannot hold it to a form.

Takes ``<tool_call>`` and ``<tools>`` tags, fenced JSON and bare JSON, with the keys that models
use for a call. Only known tools count, and nothing within a quoted block does: what a person or
a file said is never executed.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

_NAME_KEYS = ("name", "tool", "function", "tool_name", "action")
_ARGUMENT_KEYS = ("arguments", "args", "parameters", "params", "input")
_TAGGED = re.compile(r"<(tool_call|tools|function_call)>\s*(.*?)\s*(?:</\1>|$)", re.DOTALL)
_FENCED = re.compile(r"```(?:json|tool_call|tool)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_ANY_FENCE = re.compile(r"```.*?(?:```|$)", re.DOTALL)
_QUOTED = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)

Found = tuple[str, dict[str, Any]]
"""Name and arguments of a call."""


def find_call(text: str, known: Collection[str]) -> Found | None:
    """The first call of a known tool in `text`, or None: then it is just talk."""
    said = _QUOTED.sub("", _THOUGHT.sub("", text))
    for match in _TAGGED.finditer(said):
        if found := _first_of(match[2], known):
            return found
    for match in _FENCED.finditer(said):
        if match[1].lstrip().startswith(("{", "[")) and (found := _first_of(match[1], known)):
            return found
    # What stands in a fence of another kind is shown, not asked for.
    return _first_of(_ANY_FENCE.sub("", said), known)


def talk_of(text: str) -> str:
    """The text without calls: what is left to say to the person."""
    return _TAGGED.sub("", _THOUGHT.sub("", text)).strip()


def _first_of(text: str, known: Collection[str]) -> Found | None:
    for value in _objects(text):
        if call := as_call(value, known):
            return call
    return None


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """All JSON objects in `text`, outermost first, in order."""
    decoder = json.JSONDecoder(strict=False)
    position = text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except ValueError:
            position = text.find("{", position + 1)
            continue
        if isinstance(value, Mapping):
            yield cast("Mapping[str, Any]", value)
        position = text.find("{", end)


def as_call(value: Mapping[str, Any], known: Collection[str]) -> Found | None:
    """A JSON object as a call: ``{"name": "Read", "arguments": {…}}`` and its variants."""
    inner: Any = value.get("function")
    if isinstance(inner, Mapping):
        return as_call(cast("Mapping[str, Any]", inner), known)
    by_folded = {name.lower(): name for name in known}
    for key in _NAME_KEYS:
        named = value.get(key)
        if not isinstance(named, str) or named.lower() not in by_folded:
            continue
        name = by_folded[named.lower()]
        for argument_key in _ARGUMENT_KEYS:
            if argument_key in value:
                arguments = _as_object(value[argument_key])
                return None if arguments is None else (name, arguments)
        rest = {other: item for other, item in value.items() if other != key}
        return name, rest
    return None


def _as_object(value: Any) -> dict[str, Any] | None:
    """Arguments as an object; several models write them as a JSON string."""
    if isinstance(value, str):
        try:
            value = json.loads(value, strict=False)
        except ValueError:
            return None
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else None
