"""Reads the histories of Codex: what went to the model and came from it, one item a line.

They lie in ``sessions/<year>/<month>/<day>/rollout-….jsonl`` under ``~/.codex``. Old ones hold
the bare items; newer ones wrap each in ``{timestamp, type, payload}``. After a week without use
Codex packs a file with Zstandard, and its name then ends with ``.zst``.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from letta_cli.core.message import Image, Part, Reasoning, Text, ToolCall, ToolReturn
from letta_cli.portable.history import (
    Facts,
    Said,
    blocks_of,
    call_id,
    mapping_of,
    moment_of,
    text_of,
)

# What the program says in the person's place: its instructions and surroundings.
_PREAMBLE = (
    "<user_instructions>", "<environment_context>", "<permissions", "<INSTRUCTIONS>", "<skill>",
    "<collaboration_mode>", "# AGENTS.md instructions",
)  # fmt: skip
_NOT_SAID = ("<turn_aborted>", "<user_shell_command>", "<subagent_notification>")
_CALLS = ("function_call", "custom_tool_call", "local_shell_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


class CodexReader:
    """See `letta_cli.portable.history.Reader`."""

    def __init__(self) -> None:
        self.facts = Facts()
        self._searches = 0

    def feed(self, entry: Mapping[str, Any]) -> Iterator[Said]:
        moment = moment_of(entry.get("timestamp"))
        kind, payload = text_of(entry.get("type")), mapping_of(entry.get("payload"))
        if not payload:
            yield from self._bare(entry, moment)
            return
        match kind:
            case "session_meta":
                self._learn(payload)
            case "turn_context":
                self.facts.model = text_of(payload.get("model")) or self.facts.model
                self.facts.cwd = self.facts.cwd or text_of(payload.get("cwd"))
            case "response_item":
                yield from self._item(payload, moment)
            case "compacted":
                if summary := text_of(payload.get("message")).strip():
                    yield Said("summary", (Text(summary),), moment)
            case "event_msg" if payload.get("type") == "thread_name_updated":
                self.facts.title = text_of(payload.get("thread_name")) or self.facts.title
            case _:
                self.facts.ignore(kind)

    def _bare(self, entry: Mapping[str, Any], moment: datetime | None) -> Iterator[Said]:
        if "type" in entry:
            yield from self._item(entry, moment)
        elif "id" in entry:
            self._learn(entry)
        else:
            self.facts.ignore(entry.get("record_type") or "without a type")

    def _learn(self, meta: Mapping[str, Any]) -> None:
        """Of several heads the first one counts: the others are those of its ancestors."""
        facts = self.facts
        facts.session_id = facts.session_id or text_of(meta.get("id"))
        facts.cwd = facts.cwd or text_of(meta.get("cwd"))
        facts.started = facts.started or moment_of(meta.get("timestamp"))

    def _item(self, item: Mapping[str, Any], moment: datetime | None) -> Iterator[Said]:
        kind = text_of(item.get("type"))
        match kind:
            case "message":
                yield from self._message(item, moment)
            case "reasoning":
                texts = [
                    text_of(each.get("text"))
                    for name in ("summary", "content")
                    for each in blocks_of(item.get(name) or ())
                ]
                if text := "\n\n".join(filter(None, texts)):
                    yield Said("assistant", (Reasoning(text),), moment)
            case _ if kind in _CALLS:
                yield Said("assistant", (_call(item),), moment)
            case _ if kind in _OUTPUTS:
                yield Said("tool", (_output(item),), moment)
            case "web_search_call":
                yield from self._search(item, moment)
            case _:
                self.facts.ignore(kind or "without a type")

    def _message(self, item: Mapping[str, Any], moment: datetime | None) -> Iterator[Said]:
        role = text_of(item.get("role"))
        parts = tuple(part for each in blocks_of(item.get("content")) if (part := _part(each)))
        if role not in ("user", "assistant") or not parts:
            self.facts.ignore(f"message of {role}")
            return
        if role == "assistant":
            yield Said("assistant", parts, moment)
            return
        first = parts[0].text.lstrip() if isinstance(parts[0], Text) else ""
        if first.startswith(_PREAMBLE):
            self._surroundings(first)
        elif first.startswith(_NOT_SAID):
            yield Said("notice", parts, moment)
        else:
            self.facts.prompt = self.facts.prompt or first
            self.facts.started = self.facts.started or moment
            yield Said("user", parts, moment)

    def _surroundings(self, text: str) -> None:
        self.facts.ignore("instructions")
        before, found, rest = text.partition("<cwd>")
        if found and not self.facts.cwd:
            self.facts.cwd = rest.partition("</cwd>")[0].strip()
        elif before.startswith("<environment_context>") and not self.facts.cwd:
            line = text.partition("Current working directory:")[2].strip()
            self.facts.cwd = line.partition("\n")[0].strip()

    def _search(self, item: Mapping[str, Any], moment: datetime | None) -> Iterator[Said]:
        """A search that the provider ran itself: there is no output, only that it was done."""
        self._searches += 1
        action = {key: value for key, value in mapping_of(item.get("action")).items() if value}
        name = call_id(item.get("id") or f"web_search_{self._searches}")
        yield Said("assistant", (ToolCall(name, "web_search", action),), moment)
        told = "The provider searched by itself. What it found is not in the history."
        yield Said("tool", (ToolReturn(name, "web_search", "ok", told),), moment)


def _part(block: Mapping[str, Any]) -> Part | None:
    match block.get("type"):
        case "input_text" | "output_text" | "text":
            text = text_of(block.get("text"))
            return Text(text) if text.strip() else None
        case "input_image":
            return _image(text_of(block.get("image_url")))
        case _:
            return None


def _image(address: str) -> Part:
    head, comma, data = address.partition(";base64,")
    if comma and head.startswith("data:"):
        return Image(head.removeprefix("data:"), data)
    return Text(f"(image {address[:200]})")


def _call(item: Mapping[str, Any]) -> ToolCall:
    id_ = call_id(item.get("call_id") or item["id"])
    if item.get("type") == "local_shell_call":
        return ToolCall(id_, "shell", mapping_of(item.get("action")))
    name = text_of(item.get("name")) or "unknown"
    if item.get("type") == "custom_tool_call":
        return ToolCall(id_, name, {"input": text_of(item.get("input"))})
    given = text_of(item.get("arguments"))
    try:
        arguments = json.loads(given or "{}")
    except ValueError:
        arguments = None
    if isinstance(arguments, dict):
        return ToolCall(id_, name, cast("dict[str, Any]", arguments))
    return ToolCall(id_, name, {}, malformed=given)


def _output(item: Mapping[str, Any]) -> ToolReturn:
    output = item.get("output")
    failed = False
    if isinstance(output, dict):
        given = mapping_of(cast("object", output))
        failed = given.get("success") is False
        output = given.get("content")
    if isinstance(output, str):
        text, code = _unpacked(output)
        failed = failed or code not in (None, 0)
    else:
        text = "\n".join(
            text_of(each.get("text")) or f"({each.get('type')})" for each in blocks_of(output)
        )
    return ToolReturn(call_id(item["call_id"]), "", "error" if failed else "ok", text)


def _unpacked(output: str) -> tuple[str, object]:
    """The text and the exit code of a shell's output, which is JSON within a text."""
    if not output.startswith("{"):
        return output, None
    try:
        found = mapping_of(json.loads(output))
    except ValueError:
        return output, None
    if not isinstance(found.get("output"), str):
        return output, None
    return found["output"], mapping_of(found.get("metadata")).get("exit_code")
