"""A thread of messages as the plain chat that a small model reads.

Each call is the JSON object it was, each result a short text with a hint at what comes next. What
was once written stays as it is, so that the server's prompt cache keeps what it has read.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from letta_cli.core.message import Message, Text, ToolCall, ToolReturn
from letta_cli.providers.small.hints import hint_after
from letta_cli.providers.small.reply import RESPOND
from letta_cli.providers.small.situation import Step, known_files, without_numbers
from letta_cli.providers.small.wish import read_wish
from letta_cli.providers.wording import as_sent, spoken_texts

RESULT_CHARS = 3_000
"""The most of one result that is shown; the beginning and the end of longer ones."""

ERROR_CHARS = 1_600


def to_chat(system: str, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Chat messages in wire form; neighbours of one role are joined."""
    chat: list[dict[str, Any]] = [{"role": "system", "content": system}]
    calls: dict[str, ToolCall] = {}
    steps: list[Step] = []
    earlier: list[Step] = []
    wish = read_wish("")
    for message in map(as_sent, messages):
        if message.role == "assistant":
            calls |= {call.id: call for call in message.tool_calls}
            role, texts = "assistant", _said(message)
        elif message.role == "tool":
            role = "user"
            texts: list[str] = []
            returns = [part for part in message.parts if isinstance(part, ToolReturn)]
            for part in returns:
                call = calls.get(part.call_id) or ToolCall(part.call_id, part.name, {})
                steps.append(Step(call, part))
                texts.append(_result(steps[-1]))
            files = known_files([*earlier, *steps])
            texts.append(hint_after(steps, wish, files) if returns else "")
        else:
            if message.role == "user":
                earlier += steps
                steps.clear()
                wish = read_wish(message.words)
            role, texts = "user", spoken_texts(message)
        content = "\n".join(text for text in texts if text)
        if not content:
            continue
        if chat[-1]["role"] == role:
            chat[-1]["content"] += "\n\n" + content
        else:
            chat.append({"role": role, "content": content})
    return chat


def as_json(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as the model is to write it."""
    return json.dumps(
        {"name": name, "arguments": dict(arguments)}, ensure_ascii=False, separators=(",", ":")
    )


def _said(message: Message) -> list[str]:
    if message.tool_calls:
        return [as_json(call.name, call.arguments) for call in message.tool_calls]
    text = "\n".join(part.text for part in message.parts if isinstance(part, Text))
    return [as_json(RESPOND, {"text": text})] if text.strip() else []


def _result(step: Step) -> str:
    result = step.result
    assert result is not None
    content = result.content
    if step.call.name in ("Read", "Edit", "Write"):
        content = without_numbers(content)
    content = shorten(content, RESULT_CHARS if result.status == "ok" else ERROR_CHARS)
    subject = str(step.path or step.call.arguments.get("command") or "")
    head = f"[{step.call.name}{f' {subject[:80]}' if subject else ''}: {result.status}]"
    return f"{head}\n{content}" if content else head


def shorten(text: str, limit: int) -> str:
    """`text` within about `limit` characters; the end matters more, as in a test's output."""
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head]}\n[… {len(text) - limit} characters left out …]\n{text[head - limit :]}"
