"""How the program's own words stand in a conversation: inside a tag that names what they are.

A model must be able to tell the person from the program, and both from a summary of what was
taken out of its window. Every provider uses the same tags.
"""

import json
from dataclasses import replace
from typing import Any, TypeVar, cast

from letta_cli.core.inert import attribute, inert, inert_all
from letta_cli.core.message import Message, Part, Role, Text, ToolCall, ToolReturn

T = TypeVar("T")

_TAGS: dict[Role, str] = {"notice": "notice", "summary": "conversation-summary"}


def as_sent(message: Message) -> Message:
    """`message` as a model reads it: text of strangers in a frame that says where it came from, and
    no text with what could end that frame or look like another one. Every provider begins here."""
    parts = tuple(map(_sent, message.parts))
    return message if parts == message.parts else replace(message, parts=parts)


def _sent(part: Part) -> Part:
    match part:
        case Text(text=text, outside=outside):
            return Text(_framed(text, outside))
        case ToolReturn(content=content, outside=outside):
            return replace(part, content=_framed(content, outside), display=None, outside="")
        case ToolCall(arguments=arguments):
            return replace(part, arguments=inert_all(dict(arguments)))
        case _:
            return part


def _framed(text: str, outside: str) -> str:
    if not outside:
        return inert(text)
    return f"<outside source={attribute(outside)}>\n{inert(text)}\n</outside>"


def spoken_texts(message: Message) -> list[str]:
    """The texts of a message as the model reads them, empty ones left out."""
    tag = _TAGS.get(message.role)
    texts = [part.text for part in message.parts if isinstance(part, Text) and part.text.strip()]
    if tag is None:
        return texts
    return [f"<{tag}>\n{text}\n</{tag}>" for text in texts]


def encodable(value: T) -> T:
    """`value`, text or JSON, with what UTF-8 cannot write made readable. File names and program
    output may bring lone surrogates, and a single one would make every request fail."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return cast("T", _escaped(value))
    return value


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return {_escaped(key): _escaped(inner) for key, inner in pairs}
    if isinstance(value, list):
        return [_escaped(item) for item in cast("list[Any]", value)]
    return value
