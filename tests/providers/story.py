"""Short ways to write down a conversation for the provider tests."""

from collections.abc import AsyncIterator
from typing import Any

from letta_cli.core.clock import now
from letta_cli.core.message import Message, Part, Role, Text, ToolCall, ToolReturn
from letta_cli.core.provider import (
    CallChunk,
    Completed,
    Delta,
    Provider,
    ProviderSettings,
    ReasoningChunk,
    Request,
    TextChunk,
)
from letta_cli.core.tool import ToolSpec
from letta_cli.providers import load

READ = ToolSpec(
    "Read",
    "Reads a file.",
    {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    "read",
)
BASH = ToolSpec(
    "Bash",
    "Runs a command.",
    {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    "execute",
)

SYSTEM = "You are a careful colleague."


class Thread:
    """A conversation that grows as the store would let it grow."""

    def __init__(self, conversation_id: str = "conv-test") -> None:
        self.id = conversation_id
        self.messages: list[Message] = []

    def add(self, role: Role, *parts: Part | str) -> Message:
        made = tuple(Text(part) if isinstance(part, str) else part for part in parts)
        seq = len(self.messages) + 1
        message = Message(f"message-{self.id}-{seq}", self.id, seq, role, made, now())
        self.messages.append(message)
        return message

    def returns(self, call: ToolCall, content: str, status: Any = "ok") -> Message:
        return self.add("tool", ToolReturn(call.id, call.name, status, content))

    def request(self, **changes: Any) -> Request:
        fields: dict[str, Any] = {
            "model": "test-model",
            "system": SYSTEM,
            "tools": (READ, BASH),
            "messages": tuple(self.messages),
            "conversation_id": self.id,
        }
        return Request(**(fields | changes))


def told(text: str, conversation_id: str = "conv-test") -> Thread:
    thread = Thread(conversation_id)
    thread.add("user", text)
    return thread


def provider(name: str, base_url: str, **changes: Any) -> Provider:
    fields: dict[str, Any] = {"api_key": "sk-secret-key-123456", "timeout_seconds": 5.0}
    suffix = "" if name == "anthropic" else "/v1"
    return load(name, ProviderSettings(name, base_url=base_url + suffix, **(fields | changes)))


async def collect(deltas: AsyncIterator[Delta]) -> list[Delta]:
    return [delta async for delta in deltas]


async def complete(client: Provider, request: Request) -> Completed:
    deltas = await collect(client.stream(request))
    last = deltas[-1]
    assert isinstance(last, Completed)
    return last


def streamed_text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextChunk))


def streamed_reasoning(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, ReasoningChunk))


def streamed_arguments(deltas: list[Delta]) -> str:
    return "".join(delta.fragment for delta in deltas if isinstance(delta, CallChunk))
