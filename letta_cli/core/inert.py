"""Text that cannot leave its place: what a model's template or this program would take for a frame
is shown to the model in a form that is none, and what the model writes is taken back.

Files, pages and results are full of such words, by chance or not: ``<|im_start|>`` begins a turn in
many templates, ``<notice>`` is how this program speaks. A word joiner after the bracket changes
nothing that is seen, and another token comes of it. The change is undone in what the model writes,
exactly, so that Edit finds what Read showed and nobody ever copies it out of an answer.
"""

import html
import re
from typing import Any, cast

_JOINER = "\N{WORD JOINER}"

_TEMPLATES = (
    # <|im_start|>, <|eot_id|>, <｜User｜>, <|start_header_id|> and their kin.
    r"[|｜][^|｜<>\n]{1,60}[|｜]>",
    r"/?(?:start_of_turn|end_of_turn|start_of_image|bos|eos|pad|unk|s|tool_call|tool_response"
    r"|tool_result|function_calls?|function_results?|invoke|thinking|think|user|assistant|system"
    r"|system-reminder|endoftext|im_start|im_end)(?:\s[^<>\n]{0,200})?>",
    r"<?/?SYS>>",
)
_OWN = r"/?(?:notice|conversation-summary|outside|memory|block|antml:\w+)\b"
_BRACKETED = r"/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|IMG|TOOL_CONTENT)\]"
_FRAME = re.compile(
    rf"<(?={_JOINER}|{'|'.join(_TEMPLATES)}|{_OWN})|\[(?={_JOINER}|{_BRACKETED})", re.IGNORECASE
)
_MARKED = re.compile(rf"([<\[]){_JOINER}")


def inert(text: str) -> str:
    """`text` as it is sent; most often the same object."""
    if "<" not in text and "[" not in text:
        return text
    return _FRAME.sub(rf"\g<0>{_JOINER}", text)


def restored(text: str) -> str:
    """The inverse of `inert`."""
    return _MARKED.sub(r"\1", text) if _JOINER in text else text


def inert_all(value: Any) -> Any:
    """A JSON-able value with all its texts made inert."""
    return _each(value, inert)


def restored_all(value: Any) -> Any:
    """The inverse of `inert_all`."""
    return _each(value, restored)


class Restorer:
    """`restored` for text that comes in pieces."""

    def __init__(self) -> None:
        self._open = False

    def feed(self, piece: str) -> str:
        if not piece:
            return piece
        if self._open and piece.startswith(_JOINER):
            piece = piece[1:]
            self._open = False
            if not piece:
                return piece
        self._open = piece.endswith(("<", "["))
        return restored(piece)


def _each(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {change(name): _each(each, change) for name, each in entries.items()}
    if isinstance(value, list | tuple):
        return [_each(each, change) for each in cast("list[Any]", value)]
    return value


def attribute(text: str) -> str:
    """`text` as the quoted value of an attribute of a tag, on one line."""
    escaped = html.escape(text, quote=False).replace('"', "&quot;")
    return f'"{escaped}"'.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")
