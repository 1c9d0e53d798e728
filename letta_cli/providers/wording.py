"""How the program's own words stand in a conversation: inside a tag that names what they are.

A model must be able to tell the person from the program, and both from a summary of what was
taken out of its window. Every provider uses the same tags.
"""

import json
from typing import Any, TypeVar, cast

from letta_cli.core.message import Message, Role, Text

T = TypeVar("T")

_TAGS: dict[Role, str] = {"notice": "notice", "summary": "conversation-summary"}


def spoken_texts(message: Message) -> list[str]:
    """The texts of a message as the model reads them, empty ones left out."""
    tag = _TAGS.get(message.role)
    texts = [part.text for part in message.parts if isinstance(part, Text) and part.text.strip()]
    if tag is None:
        return texts
    return [f"<{tag}>\n{text.replace(f'</{tag}', f'&lt;/{tag}')}\n</{tag}>" for text in texts]


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
