"""A message and its typed parts: what people, models and tools say in a conversation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Role = Literal["user", "assistant", "tool", "notice", "summary"]
"""Who speaks. ``notice``: the program tells the model something (memory news, a crash).
``summary``: what stands for the messages that compaction took out of the window."""

ReturnStatus = Literal["ok", "error", "denied", "cancelled", "unknown"]
"""``unknown``: the process died while the tool ran; it is never re-run silently."""


@dataclass(frozen=True, slots=True)
class Text:
    """Attributes:
    outside: where the text came from when strangers may have written it; see `core.outside`.
    """

    text: str
    outside: str = ""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What the model thought.

    Attributes:
        text: readable reasoning or its summary; may be empty.
        provider: the provider that wrote it; others drop it.
        opaque: what that provider needs back unchanged (a signature, an encrypted item).
    """

    text: str
    provider: str = ""
    opaque: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Image:
    media_type: str
    data: str
    """Base64."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool.

    Attributes:
        arguments: the parsed arguments; empty when they did not parse.
        malformed: the raw text when it was not a JSON object, else None.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    malformed: str | None = None


@dataclass(frozen=True, slots=True)
class ToolReturn:
    """What a tool call came to.

    Attributes:
        content: read by the model.
        display: shown to the person instead of `content`; JSON-able, see `core.tool.Display`;
            never sent to the model.
        outside: where the content came from when strangers may have written it; see
            `core.outside`. The model is told.
    """

    call_id: str
    name: str
    status: ReturnStatus
    content: str
    display: Mapping[str, Any] | None = None
    outside: str = ""


Part = Text | Reasoning | Image | ToolCall | ToolReturn


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation. Append-only; ``seq`` counts from 1 without holes."""

    id: str
    conversation_id: str
    seq: int
    role: Role
    parts: tuple[Part, ...]
    created_at: datetime
    run_id: str | None = None

    @property
    def text(self) -> str:
        """All text parts, joined by newlines."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def words(self) -> str:
        """What was said itself: the first text part. Attached files come after it."""
        return next((part.text for part in self.parts if isinstance(part, Text)), "")

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


def part_to_dict(part: Part) -> dict[str, Any]:
    """A JSON-able dict with a ``type`` key: the form the store and the exports keep."""
    match part:
        case Text(text=text, outside=outside):
            said: dict[str, Any] = {"type": "text", "text": text}
            return {**said, "outside": outside} if outside else said
        case Reasoning(text=text, provider=provider, opaque=opaque):
            return {
                "type": "reasoning",
                "text": text,
                "provider": provider,
                "opaque": dict(opaque),
            }
        case Image(media_type=media_type, data=data):
            return {"type": "image", "media_type": media_type, "data": data}
        case ToolCall(id=id_, name=name, arguments=arguments, malformed=malformed):
            call: dict[str, Any] = {
                "type": "tool_call",
                "id": id_,
                "name": name,
                "arguments": dict(arguments),
            }
            return call if malformed is None else {**call, "malformed": malformed}
        case ToolReturn(call_id=call_id, name=name, status=status, content=content):
            returned: dict[str, Any] = {
                "type": "tool_return",
                "call_id": call_id,
                "name": name,
                "status": status,
                "content": content,
            }
            if part.display is not None:
                returned["display"] = part.display
            if part.outside:
                returned["outside"] = part.outside
            return returned


def part_from_dict(data: Mapping[str, Any]) -> Part:
    """The inverse of `part_to_dict`.

    Raises:
        ValueError: an unknown ``type``.
    """
    fields = {key: value for key, value in data.items() if key != "type"}
    match data.get("type"):
        case "text":
            return Text(**fields)
        case "reasoning":
            return Reasoning(**fields)
        case "image":
            return Image(**fields)
        case "tool_call":
            return ToolCall(**fields)
        case "tool_return":
            return ToolReturn(**fields)
        case unknown:
            raise ValueError(f"unknown message part {unknown!r}")
