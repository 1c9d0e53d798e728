"""Messages and tools in the words of Anthropic's Messages API, with prompt-cache breakpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

from letta_cli.core.message import Image, Message, Reasoning, Text, ToolCall, ToolReturn
from letta_cli.core.tool import ToolSpec
from letta_cli.providers.arguments import sent_arguments
from letta_cli.providers.wording import spoken_texts

Wire = list[dict[str, Any]]

PROVIDER = "anthropic"

_CACHE = {"cache_control": {"type": "ephemeral"}}
_UNCACHEABLE = frozenset({"thinking", "redacted_thinking"})


def tools_to_wire(tools: Sequence[ToolSpec]) -> Wire:
    """The tools in the order given, a cache breakpoint on the last one."""
    wire: Wire = [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": dict(tool.parameters),
        }
        for tool in tools
    ]
    if wire:
        wire[-1] = {**wire[-1], **_CACHE}
    return wire


def system_to_wire(system: str) -> Wire:
    """The system prompt as one block with a cache breakpoint; nothing for an empty one."""
    return [{"type": "text", "text": system, **_CACHE}] if system else []


def message_to_wire(message: Message) -> Wire:
    """One message of ours as one of theirs, or as none when nothing is left to send.

    The API joins neighbouring messages of one role, so tool results and what follows them may
    stand in messages of their own; within one message the results come first, as it demands.
    """
    if message.role == "assistant":
        blocks = [block for part in message.parts if (block := _assistant_block(part))]
        spoken = any(block["type"] not in _UNCACHEABLE for block in blocks)
        return [{"role": "assistant", "content": blocks}] if spoken else []
    blocks = [_tool_result(part) for part in message.parts if isinstance(part, ToolReturn)]
    blocks += [{"type": "text", "text": text} for text in spoken_texts(message)]
    blocks += [_image(part) for part in message.parts if isinstance(part, Image)]
    return [{"role": "user", "content": blocks}] if blocks else []


def mark_messages(wire: Wire) -> Wire:
    """`wire` with breakpoints where this request ends and where the one before it ended.

    The second one matters after a step with many tool calls: the API looks back only some twenty
    blocks from a breakpoint for what it has cached. Shared dicts are left as they are; the
    breakpoints move on with every step, and the messages must not remember them.
    """
    marked = [*wire]
    last = len(wire) - 1
    before = next((i for i in range(last, -1, -1) if wire[i]["role"] == "assistant"), 0) - 1
    for position in {last, before}:
        if position >= 0:
            marked[position] = _marked(wire[position])
    return marked


def _marked(entry: dict[str, Any]) -> dict[str, Any]:
    blocks: Wire = [*entry["content"]]
    for index in range(len(blocks) - 1, -1, -1):
        if blocks[index]["type"] not in _UNCACHEABLE:
            blocks[index] = {**blocks[index], **_CACHE}
            break
    return {**entry, "content": blocks}


def without_thinking(wire: Wire) -> Wire:
    """`wire` with all thinking blocks left out, for an API that no longer accepts them."""
    kept: Wire = []
    for entry in wire:
        blocks = [block for block in entry["content"] if block["type"] not in _UNCACHEABLE]
        if blocks:
            kept.append({**entry, "content": blocks})
    return kept


def _assistant_block(part: object) -> dict[str, Any] | None:
    match part:
        case Text(text=text) if text.strip():
            return {"type": "text", "text": text}
        case Reasoning(provider="anthropic", opaque=opaque) if opaque:
            return dict(opaque)
        case ToolCall(id=call_id, name=name):
            return {
                "type": "tool_use",
                "id": call_id,
                "name": name,
                "input": sent_arguments(part),
            }
        case _:
            return None


def _tool_result(part: ToolReturn) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": part.call_id}
    if part.content:
        block["content"] = part.content
    if part.status != "ok":
        # The API refuses an error without a word.
        block["content"] = part.content or f"({part.status})"
        block["is_error"] = True
    return block


def _image(part: Image) -> dict[str, Any]:
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": part.media_type, "data": part.data},
    }


def thinking_block(text: str, signature: str) -> Mapping[str, Any]:
    """What a thinking block must look like when it goes back."""
    return {"type": "thinking", "thinking": text, "signature": signature}
