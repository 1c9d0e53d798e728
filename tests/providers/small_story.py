"""Threads to read, and a chat door that says what it is told to say, for the small-profile tests."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from letta_cli.core.clock import now
from letta_cli.core.errors import BadRequest
from letta_cli.core.message import Message, Part, Role, Text, ToolCall, ToolReturn
from letta_cli.core.provider import Completed, Delta, ModelInfo, Request, TextChunk
from letta_cli.core.run import Usage
from letta_cli.core.tool import ToolKind, ToolSpec

SYSTEM = "You help.\nMemory block human: Likes tea.\nFiles: app.py util.py test_app.py data.json"


def spec(name: str, kind: ToolKind, *arguments: str) -> ToolSpec:
    properties = {argument: {"type": "string"} for argument in arguments}
    schema = {"type": "object", "properties": properties, "required": list(arguments)}
    return ToolSpec(name, f"{name} something.", schema, kind, f"{name.lower()} it")


TOOLS = (
    spec("Read", "read", "file_path"),
    spec("Write", "edit", "file_path", "content"),
    spec("Edit", "edit", "file_path", "old_string", "new_string"),
    spec("Grep", "read", "pattern"),
    spec("Bash", "execute", "command"),
    spec("memory_insert", "memory", "label", "new_string"),
    spec("Skill", "read", "skill"),
)


class Thread:
    """A conversation that grows by what is said in it."""

    def __init__(self, system: str = SYSTEM) -> None:
        self.system = system
        self.messages: list[Message] = []

    def _add(self, role: Role, *parts: Part) -> None:
        seq = len(self.messages) + 1
        self.messages.append(Message(f"message-{seq}", "conv-1", seq, role, parts, now()))

    def asks(self, text: str) -> "Thread":
        self._add("user", Text(text))
        return self

    def says(self, text: str) -> "Thread":
        self._add("assistant", Text(text))
        return self

    def does(
        self, name: str, content: str = "done", *, status: str = "ok", **arguments: object
    ) -> "Thread":
        call = ToolCall(f"call-{len(self.messages)}", name, arguments)
        self._add("assistant", call)
        self._add("tool", ToolReturn(call.id, name, status, content))  # pyright: ignore[reportArgumentType]
        return self

    def reads(self, path: str, text: str) -> "Thread":
        numbered = "\n".join(f"{n}\t{line}" for n, line in enumerate(text.split("\n"), 1))
        return self.does("Read", numbered, file_path=path)

    def request(self, tools: tuple[ToolSpec, ...] = TOOLS) -> Request:
        return Request("tiny", self.system, tools, tuple(self.messages), "conv-1")


def call(name: str, **arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments})


class Door:
    """Answers in turn with `answers`, in pieces of five characters.

    Attributes:
        asked: the keyword arguments of every request.
        refuses_form: as a server without structured output does.
    """

    name = "door"

    def __init__(self, *answers: str, refuses_form: bool = False) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.refuses_form = refuses_form

    async def stream_chat(
        self,
        *,
        model: str,
        messages: list[dict[str, Any]],
        temperature: float | None = None,
        max_tokens: int | None = None,
        response_schema: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Delta]:
        self.asked.append(
            {"messages": messages, "schema": response_schema, "extra": extra, "t": temperature}
        )
        if self.refuses_form and response_schema is not None:
            raise BadRequest("response_format is not supported", status=400)
        answer = self._answers.pop(0)
        for start in range(0, len(answer), 5):
            yield TextChunk(answer[start : start + 5])
        yield Completed((Text(answer),), "end_turn", Usage(input=10, output=5))

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo("door/tiny")]

    async def model_info(self, model: str) -> ModelInfo:
        return ModelInfo(f"door/{model}")

    async def warm(self) -> None:
        pass

    async def aclose(self) -> None:
        pass
