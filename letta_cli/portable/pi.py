"""Reads the histories of pi: a head, then entries that each name the one they follow.

They lie in ``sessions/<directory>/<date>_<session>.jsonl`` under ``~/.pi/agent``.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from letta_cli.core.message import Image, Part, Reasoning, Text, ToolCall, ToolReturn
from letta_cli.portable.history import (
    Facts,
    Said,
    blocks_of,
    call_id,
    mapping_of,
    moment_of,
    text_of,
    went_back,
)


class PiReader:
    """See `letta_cli.portable.history.Reader`."""

    def __init__(self) -> None:
        self.facts = Facts()
        self._last = ""

    def feed(self, entry: Mapping[str, Any]) -> Iterator[Said]:
        kind, key = text_of(entry.get("type")), text_of(entry.get("id"))
        moment = moment_of(entry.get("timestamp"))
        if kind == "session":
            self._learn(entry)
            return
        parent = text_of(entry.get("parentId"))
        if parent and self._last and parent != self._last:
            yield Said("notice", (went_back(),), moment)
        self._last = key or self._last
        match kind:
            case "message":
                message = mapping_of(entry.get("message"))
                yield from self._message(
                    message, moment or moment_of(message.get("timestamp")), key
                )
            case "compaction":
                kept = text_of(entry.get("firstKeptEntryId"))
                if summary := text_of(entry.get("summary")).strip():
                    yield Said("summary", (Text(summary),), moment, key, kept)
            case "branch_summary":
                if summary := text_of(entry.get("summary")).strip():
                    told = f"What was tried on the branch that was left:\n{summary}"
                    yield Said("notice", (Text(told),), moment, key)
            case "custom_message":
                if parts := _given(entry.get("content")):
                    yield Said("notice", parts, moment, key)
            case "session_info":
                self.facts.title = text_of(entry.get("name")) or self.facts.title
            case "model_change":
                self.facts.model = text_of(entry.get("modelId")) or self.facts.model
            case _:
                self.facts.ignore(kind or "without a type")

    def _learn(self, head: Mapping[str, Any]) -> None:
        facts = self.facts
        facts.session_id = text_of(head.get("id"))
        facts.cwd = text_of(head.get("cwd"))
        facts.model = text_of(head.get("modelId"))
        facts.started = moment_of(head.get("timestamp"))

    def _message(
        self, message: Mapping[str, Any], moment: datetime | None, key: str
    ) -> Iterator[Said]:
        match message.get("role"):
            case "user":
                if parts := _given(message.get("content")):
                    if not self.facts.prompt and isinstance(parts[0], Text):
                        self.facts.prompt = parts[0].text
                    yield Said("user", parts, moment, key)
            case "assistant":
                yield from self._assistant(message, moment, key)
            case "toolResult":
                yield Said("tool", (_returned(message),), moment, key)
            case "bashExecution":
                ran = f"The person ran: {text_of(message.get('command'))}\n"
                code = message.get("exitCode")
                ended = f"\n(exit code {code})" if code not in (None, 0) else ""
                yield Said(
                    "notice", (Text(ran + text_of(message.get("output")) + ended),), moment, key
                )
            case "custom" | "hookMessage":
                if parts := _given(message.get("content")):
                    yield Said("notice", parts, moment, key)
            case "compactionSummary" | "branchSummary":
                if summary := text_of(message.get("summary")).strip():
                    yield Said("notice", (Text(summary),), moment, key)
            case role:
                self.facts.ignore(f"message of {role}")

    def _assistant(
        self, message: Mapping[str, Any], moment: datetime | None, key: str
    ) -> Iterator[Said]:
        self.facts.model = text_of(message.get("model")) or self.facts.model
        parts = tuple(part for each in blocks_of(message.get("content")) if (part := _spoken(each)))
        if parts:
            yield Said("assistant", parts, moment, key)
        if failure := text_of(message.get("errorMessage")).strip():
            yield Said("notice", (Text(f"The model's answer failed: {failure}"),), moment, key)


def _given(content: object) -> tuple[Part, ...]:
    found: list[Part] = []
    for block in blocks_of(content):
        text = text_of(block.get("text"))
        if block.get("type") == "image" and text_of(block.get("data")):
            found.append(Image(text_of(block.get("mimeType")), text_of(block.get("data"))))
        elif text.strip():
            found.append(Text(text))
    return tuple(found)


def _spoken(block: Mapping[str, Any]) -> Part | None:
    match block.get("type"):
        case "text":
            text = text_of(block.get("text"))
            return Text(text) if text.strip() else None
        case "thinking":
            text = text_of(block.get("thinking"))
            return Reasoning(text) if text.strip() else None
        case "toolCall":
            name = text_of(block.get("name")) or "unknown"
            return ToolCall(call_id(block["id"]), name, mapping_of(block.get("arguments")))
        case _:
            return None


def _returned(message: Mapping[str, Any]) -> ToolReturn:
    content = "\n".join(
        text_of(each.get("text")) if each.get("type") == "text" else f"({each.get('type')})"
        for each in blocks_of(message.get("content"))
    )
    status = "error" if message.get("isError") is True else "ok"
    name = text_of(message.get("toolName"))
    return ToolReturn(call_id(message["toolCallId"]), name, status, content)
