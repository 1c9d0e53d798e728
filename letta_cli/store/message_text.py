"""What of a message is searched: its text in pieces, and the words that stand around it."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from letta_cli.core.message import Message, Part, Role, Text, ToolCall, ToolReturn
from letta_cli.store import rows

INDEXED_ROLES = ("user", "assistant", "tool")
"""Notices and summaries are left out: they repeat what stands elsewhere."""

_ECHOES = ("conversation_search", "archival_memory_search")
"""Tools that return what was found: as notices do, it repeats what stands elsewhere."""

PIECE = 2_000
"""Characters of a piece. Longer ones blur what they are about, and cost more to index again."""

_HEAD, _TAIL = 24_000, 8_000
_CALL_MAX = 4_000

_SHORT_WORDS = 8
_LEAST = 0.5
_QUESTION_WEIGHT = 0.9
_RETURN_WEIGHT = 0.8

_SPEAKER = re.compile(r"([^\W\d_][\w.' -]{0,30}):\s")


def pieces_of(message: Message) -> list[str]:
    """Its text in pieces; none when there is nothing to search for."""
    if message.role not in INDEXED_ROLES:
        return []
    return cut(rows.clean("\n".join(_texts(message.parts))))


def cut(text: str) -> list[str]:
    """A text in pieces that end at a line or a space. Of an endless one, the head and the tail."""
    if len(text) > _HEAD + _TAIL:
        return cut(text[:_HEAD]) + cut(text[-_TAIL:])
    pieces: list[str] = []
    start = 0
    while len(text) - start > PIECE:
        end = text.rfind("\n", start + PIECE // 2, start + PIECE)
        if end < 0:
            end = text.rfind(" ", start + PIECE // 2, start + PIECE)
        end = start + PIECE if end < 0 else end + 1
        pieces.append(text[start:end])
        start = end
    pieces.append(text[start:])
    return [piece for piece in pieces if piece.strip()]


def around(message: Message) -> str:
    """Who said it, when, and with which tools."""
    names = [part.name for part in message.parts if isinstance(part, ToolCall | ToolReturn)]
    # In a talk of several people, as from a channel, each message begins with its speaker.
    speaker = _SPEAKER.match(message.words)
    who = [speaker[1]] if speaker is not None else []
    return rows.clean(" ".join((*who, f"{message.created_at:%Y-%m-%d %A %d %B %Y}", *names)))


def weight_of(role: Role, text: str) -> float:
    """How much a message can tell, 0 to 1: thanks and questions are seldom what is looked for.

    What tools return tells the same at any length: a function of three lines is a whole answer.
    """
    if role == "tool":
        return _RETURN_WEIGHT
    words = len(text.split()) if text.isascii() else max(len(text.split()), len(text) // 3)
    weight = max(_LEAST, 1 - math.exp(-words / _SHORT_WORDS))
    return weight * _QUESTION_WEIGHT if text.rstrip().endswith(("?", "？")) else weight


def _texts(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        match part:
            case Text(text=text):
                yield text
            case ToolCall(name=name, arguments=arguments, malformed=malformed):
                yield f"{name} {malformed or _words_of(arguments)}"[:_CALL_MAX]
            case ToolReturn(name=name, content=content) if name not in _ECHOES:
                yield content
            case _:
                pass


def _words_of(arguments: Mapping[str, object]) -> str:
    """A call's arguments as people read them."""
    return " ".join(
        f"{name}: {value if isinstance(value, str) else rows.to_json(value)}"
        for name, value in arguments.items()
    )
