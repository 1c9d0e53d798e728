"""Messages and tools in the words of OpenAI's Responses API."""

from collections.abc import Sequence
from typing import Any

from letta_cli.core.message import Image, Message, Reasoning, Text, ToolCall, ToolReturn
from letta_cli.core.tool import ToolSpec
from letta_cli.providers.arguments import dump_arguments
from letta_cli.providers.wording import spoken_texts

Wire = list[dict[str, Any]]

PROVIDER = "openai"

_PHASE = "phase"


def tools_to_wire(tools: Sequence[ToolSpec]) -> Wire:
    """Function tools in the order given."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
            # Strict schemas demand every property; ours have optional ones.
            "strict": False,
        }
        for tool in tools
    ]


def message_to_wire(message: Message) -> Wire:
    """One message of ours as input items, in the order in which they were said."""
    if message.role == "assistant":
        return _assistant_items(message)
    items: Wire = [
        {
            "type": "function_call_output",
            "call_id": part.call_id,
            "output": part.content if part.status == "ok" else f"[{part.status}] {part.content}",
        }
        for part in message.parts
        if isinstance(part, ToolReturn)
    ]
    content: Wire = [{"type": "input_text", "text": text} for text in spoken_texts(message)]
    content += [
        {
            "type": "input_image",
            "detail": "auto",
            "image_url": f"data:{part.media_type};base64,{part.data}",
        }
        for part in message.parts
        if isinstance(part, Image)
    ]
    if content:
        items.append({"type": "message", "role": "user", "content": content})
    return items


def without_reasoning(wire: Wire) -> Wire:
    """`wire` with all reasoning items left out, for an API that no longer accepts them."""
    return [item for item in wire if item["type"] != "reasoning"]


def phase_part(phase: str) -> Reasoning:
    """Carries the phase of the text that follows it: the API wants it back, and it is nobody
    else's business."""
    return Reasoning("", PROVIDER, {"type": _PHASE, "phase": phase})


def _assistant_items(message: Message) -> Wire:
    items: Wire = []
    phase: dict[str, Any] = {}
    for part in message.parts:
        if isinstance(part, Reasoning) and part.opaque.get("type") == _PHASE:
            phase = {"phase": part.opaque["phase"]}
            continue
        items += [{**item, **phase} for item in _assistant_item(part)]
        phase = {}
    return items


def _assistant_item(part: object) -> Wire:
    match part:
        case Text(text=text) if text.strip():
            return [
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": text}],
                }
            ]
        case Reasoning(provider="openai", opaque=opaque) if opaque:
            return [dict(opaque)]
        case ToolCall(id=call_id, name=name):
            return [
                {
                    "type": "function_call",
                    "call_id": call_id,
                    "name": name,
                    "arguments": dump_arguments(part),
                }
            ]
        case _:
            return []
