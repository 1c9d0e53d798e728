"""Messages and tools in the words of the Chat Completions API."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from letta_cli.core.message import Image, Message, Reasoning, ToolReturn
from letta_cli.core.tool import ToolSpec
from letta_cli.providers.arguments import dump_arguments
from letta_cli.providers.wording import spoken_texts

Wire = list[dict[str, Any]]

REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")
"""Where servers put what the model thought; what came in a field goes back in that field."""


def tools_to_wire(tools: Sequence[ToolSpec]) -> Wire:
    """Function tools in the order given."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            },
        }
        for tool in tools
    ]


def message_to_wire(message: Message) -> Wire:
    """One message of ours as one or several of theirs."""
    if message.role == "assistant":
        return _assistant(message)
    returns = [_tool_return(part) for part in message.parts if isinstance(part, ToolReturn)]
    return [*returns, *_user(message)]


def merge_user_messages(wire: Wire) -> Wire:
    """Join neighbouring user texts: the templates of many local models demand that roles
    alternate. The input is left as it is."""
    merged: Wire = []
    for entry in wire:
        last = merged[-1] if merged else None
        if (
            last is not None
            and last["role"] == entry["role"] == "user"
            and isinstance(last["content"], str)
            and isinstance(entry["content"], str)
        ):
            merged[-1] = {"role": "user", "content": last["content"] + "\n\n" + entry["content"]}
        else:
            merged.append(entry)
    return merged


def call_ids(wire: Sequence[Mapping[str, Any]]) -> set[str]:
    """The ids of all tool calls in wire messages."""
    return {call["id"] for entry in wire for call in entry.get("tool_calls") or ()}


def _assistant(message: Message) -> Wire:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": dump_arguments(call)},
        }
        for call in message.tool_calls
    ]
    text = "\n".join(spoken_texts(message))
    if not text and not calls:
        # Nothing but reasoning was said; servers refuse an empty assistant message.
        return []
    entry: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        entry["tool_calls"] = calls
        entry.update(_reasoning_fields(message))
    return [entry]


def _reasoning_fields(message: Message) -> dict[str, Any]:
    """What a thinking model needs back between its tool calls, in the field it came in."""
    fields: dict[str, Any] = {}
    for part in message.parts:
        if isinstance(part, Reasoning):
            for name in REASONING_FIELDS:
                if name in part.opaque:
                    fields[name] = part.opaque[name]
    return fields


def _tool_return(part: ToolReturn) -> dict[str, Any]:
    content = part.content if part.status == "ok" else f"[{part.status}] {part.content}"
    return {"role": "tool", "tool_call_id": part.call_id, "content": content or "(no output)"}


def _user(message: Message) -> Wire:
    texts = spoken_texts(message)
    images = [part for part in message.parts if isinstance(part, Image)]
    if images:
        content: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts]
        content += [
            {
                "type": "image_url",
                "image_url": {"url": f"data:{image.media_type};base64,{image.data}"},
            }
            for image in images
        ]
        return [{"role": "user", "content": content}]
    return [{"role": "user", "content": "\n\n".join(texts)}] if texts else []


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Constrain the answer to JSON of this schema."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "reply", "strict": True, "schema": dict(schema)},
    }


def wire_text(wire: Sequence[Mapping[str, Any]]) -> str:
    """All of it as text, for an estimate of its tokens."""
    return json.dumps(wire, ensure_ascii=False)
