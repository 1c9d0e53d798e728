"""Tool-call arguments as models write them: JSON text that may be empty, cut or wrong."""

import json
from collections.abc import Mapping
from typing import Any, cast

from letta_cli.core.ids import new_id
from letta_cli.core.message import ToolCall


def parse_arguments(raw: str) -> tuple[dict[str, Any], str | None]:
    """Return the arguments, and the raw text when it was not a JSON object.

    Nothing at all means no arguments. A JSON string that holds a JSON object is unwrapped once:
    several servers encode twice.
    """
    if not raw.strip():
        return {}, None
    try:
        value: Any = json.loads(raw, strict=False)
        if isinstance(value, str):
            value = json.loads(value, strict=False)
    except ValueError:
        return {}, raw
    if not isinstance(value, dict):
        return {}, raw
    return cast("dict[str, Any]", value), None


def make_call(call_id: str, name: str, raw: str) -> ToolCall:
    """A `ToolCall` from what streamed; an id is made where the server sent none."""
    arguments, malformed = parse_arguments(raw)
    return ToolCall(call_id or new_id("call"), name, arguments, malformed)


def dump_arguments(call: ToolCall) -> str:
    """The arguments as JSON text for the wire. Malformed ones go back as an empty object:
    no provider accepts a call whose arguments do not parse."""
    return json.dumps(sent_arguments(call), ensure_ascii=False)


def sent_arguments(call: ToolCall) -> Mapping[str, Any]:
    """The arguments as an object for the wire."""
    return {} if call.malformed is not None else dict(call.arguments)
