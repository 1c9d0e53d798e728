"""Messages as Letta's agent files write them, both ways.

Letta has no role for what the program says or for a summary of its own; there they are words of
the user inside a tag, which reading them back recognises.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from letta_cli.core.clock import to_text
from letta_cli.core.message import Image, Message, Part, Reasoning, Role, Text, ToolCall, ToolReturn
from letta_cli.portable.checked import Checked
from letta_cli.portable.history import Said, call_id, mapping_of, text_of

ROLES = ("system", "user", "assistant", "tool", "function", "approval", "summary")

_TAGS: dict[Role, str] = {"notice": "notice", "summary": "conversation-summary"}
_TAGGED = re.compile(r"\A<(notice|conversation-summary)>\n(.*)\n</\1>\Z", re.DOTALL)
# What a Letta server says to the agent by itself, packed as JSON into a user message.
_EVENTS = ("heartbeat", "login", "system_alert")


def read_message(message: Checked) -> Iterator[Said]:
    """What one message of a file says. Raises UsageError."""
    role, key, moment = message.text("role"), message.text("id"), message.moment("created_at")
    if role not in ROLES:
        raise message.wrong("role", f"expected one of {', '.join(ROLES)}, found {role!r}")
    content = _content(message)
    calls = tuple(_call(each) for each in message.objects("tool_calls"))
    match role:
        case "assistant":
            if content or calls:
                yield Said("assistant", (*content, *_unless_there(calls, content)), moment, key)
        case "tool" | "function":
            yield Said("tool", _returns(message, content), moment, key)
        case "approval":
            yield from _approval(message, content, calls, moment, key)
        case "summary":
            yield Said("summary", _only_text(content), moment, key)
        case "system":
            yield Said("notice", content, moment, key)
        case _:
            yield from _user(content, moment, key)


def _unless_there(calls: Sequence[ToolCall], parts: Sequence[Part]) -> tuple[ToolCall, ...]:
    there = {part.id for part in parts if isinstance(part, ToolCall)}
    return tuple(call for call in calls if call.id not in there)


def _user(content: tuple[Part, ...], moment: datetime | None, key: str) -> Iterator[Said]:
    if not content:
        return
    first = content[0]
    if len(content) == 1 and isinstance(first, Text):
        if tagged := _TAGGED.match(first.text):
            role: Role = "notice" if tagged[1] == "notice" else "summary"
            yield Said(role, (Text(tagged[2]),), moment, key)
            return
        packed = _unpacked(first.text)
        kind, told = packed.get("type"), packed.get("message")
        if kind == "user_message" and isinstance(told, str):
            yield Said("user", (Text(told),), moment, key)
            return
        if kind in _EVENTS:
            yield Said("notice", content, moment, key)
            return
    yield Said("user", content, moment, key)


def _approval(
    message: Checked, content: tuple[Part, ...], calls: tuple[ToolCall, ...],
    moment: datetime | None, key: str,
) -> Iterator[Said]:  # fmt: skip
    """A request for approval is the model's message; an answer to it may carry results."""
    if calls:
        yield Said("assistant", (*content, *calls), moment, key)
    returns = tuple(
        _return(each) for each in message.objects("approvals") if "tool_return" in each.value
    )
    if returns:
        yield Said("tool", returns, moment, key)


def _content(message: Checked) -> tuple[Part, ...]:
    value = message.value.get("content")
    if isinstance(value, str):
        return (Text(value),) if value else ()
    return tuple(part for each in message.objects("content") if (part := _part(each)) is not None)


def _part(block: Checked) -> Part | None:
    match block.text("type"):
        case "text":
            return Text(text) if (text := block.text("text")) else None
        case "image":
            source = mapping_of(block.value.get("source"))
            data, media_type = text_of(source.get("data")), text_of(source.get("media_type"))
            if data and media_type:
                return Image(media_type, data)
            return Text(f"(image {text_of(source.get('url')) or text_of(source.get('file_id'))})")
        case "tool_call":
            arguments = mapping_of(block.value.get("input"))
            return ToolCall(call_id(block.text("id")), block.text("name"), arguments)
        case "tool_return":
            status = "error" if block.truth("is_error") else "ok"
            return ToolReturn(
                call_id(block.text("tool_call_id")), "", status, block.text("content", "")
            )
        case "reasoning":
            return Reasoning(block.text("reasoning", ""))
        case "summarized_reasoning":
            return Reasoning(
                "\n\n".join(each.text("text", "") for each in block.objects("summary"))
            )
        case "redacted_reasoning" | "omitted_reasoning":
            return None
        case kind:
            raise block.wrong("type", f"{kind!r} is not known")


def _call(call: Checked) -> ToolCall:
    function = call.object("function")
    if function is None:
        raise call.wrong("function", "expected an object, found nothing")
    given = function.text("arguments", "")
    try:
        arguments: object = json.loads(given or "{}")
    except (ValueError, RecursionError):
        arguments = None
    id_, name = call_id(call.text("id")), function.text("name")
    if isinstance(arguments, dict):
        return ToolCall(id_, name, cast("dict[str, Any]", arguments))
    return ToolCall(id_, name, {}, malformed=given)


def _returns(message: Checked, content: tuple[Part, ...]) -> tuple[ToolReturn, ...]:
    found = tuple(_return(each) for each in message.objects("tool_returns"))
    found = found or tuple(part for part in content if isinstance(part, ToolReturn))
    if found:
        return found
    texts = "\n".join(part.text for part in content if isinstance(part, Text))
    name = message.text("name", "")
    return (ToolReturn(call_id(message.text("tool_call_id", "none")), name, "ok", texts),)


def _return(each: Checked) -> ToolReturn:
    response = each.value.get("func_response", each.value.get("tool_return"))
    if isinstance(response, list):
        blocks = [mapping_of(block) for block in cast("list[object]", response)]
        response = "\n".join(text_of(b.get("text")) or f"({b.get('type')})" for b in blocks)
    printed = [line for stream in ("stdout", "stderr") for line in each.texts(stream)]
    content = "\n".join([text_of(response), *printed])
    status = "error" if each.text("status", "success") == "error" else "ok"
    return ToolReturn(call_id(each.text("tool_call_id", "none")), "", status, content)


def _only_text(content: tuple[Part, ...]) -> tuple[Part, ...]:
    texts = [part.text for part in content if isinstance(part, Text)]
    told = "\n".join(texts)
    return (Text(text_of(_unpacked(told).get("message")) or told),)


def _unpacked(text: str) -> Mapping[str, Any]:
    if not text.lstrip().startswith("{"):
        return {}
    try:
        return mapping_of(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def written_message(message: Message, id_: str, agent_id: str, model: str) -> dict[str, Any]:
    """A message as Letta's schema has it, under a local id such as ``message-3``."""
    returns = [part for part in message.parts if isinstance(part, ToolReturn)]
    role = message.role if message.role in ("assistant", "tool") else "user"
    return {
        "type": "message",
        "id": id_,
        "role": role,
        "content": list(_blocks(message)),
        "name": returns[0].name if returns else None,
        "otid": None,
        "sender_id": None,
        "batch_item_id": None,
        "group_id": None,
        "model": model or None,
        "agent_id": agent_id,
        "tool_calls": [_written_call(call) for call in message.tool_calls] or None,
        "tool_call_id": returns[0].call_id if returns else None,
        "tool_returns": [_written_return(each) for each in returns],
        "created_at": to_text(message.created_at),
        "approve": None,
        "approval_request_id": None,
        "denial_reason": None,
        "approvals": [],
    }


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    tag = _TAGS.get(message.role)
    for part in message.parts:
        match part:
            case Text(text=text):
                shown = f"<{tag}>\n{text}\n</{tag}>" if tag else text
                yield {"type": "text", "text": shown, "signature": None}
            case Image(media_type=media_type, data=data):
                source = {"type": "base64", "media_type": media_type, "data": data, "detail": None}
                yield {"type": "image", "source": source}
            case Reasoning(text=text) if text:
                yield {
                    "type": "reasoning", "is_native": True, "reasoning": text, "signature": None,
                }  # fmt: skip
            case ToolReturn(content=content):
                yield {"type": "text", "text": content, "signature": None}
            case _:
                pass


def _written_call(call: ToolCall) -> dict[str, Any]:
    given = call.malformed if call.malformed is not None else json.dumps(dict(call.arguments))
    return {
        "id": call.id, "type": "function", "function": {"name": call.name, "arguments": given},
    }  # fmt: skip


def _written_return(part: ToolReturn) -> dict[str, Any]:
    return {
        "tool_call_id": part.call_id,
        "status": "success" if part.status == "ok" else "error",
        "stdout": None,
        "stderr": None,
        "func_response": part.content,
    }
