"""Reads the histories of Claude Code: one JSON line for each block, prompt and result.

They lie in ``projects/<directory>/<session>.jsonl`` under ``~/.claude``.
"""

from collections.abc import Iterator, Mapping
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
    went_back,
)

_TITLES = {"summary": "summary", "ai-title": "aiTitle", "custom-title": "customTitle"}
"""Entries that name the conversation, a later row before an earlier one."""

# What the program puts into the person's place: its commands, their output, its reminders.
_NOT_SAID = (
    "<command-", "<local-command-", "<bash-", "<system-reminder>", "<task-notification>",
    "[Request interrupted",
)  # fmt: skip


class ClaudeReader:
    """See `letta_cli.portable.history.Reader`."""

    def __init__(self, *, subagent: bool = False) -> None:
        """Args:
        subagent: the history is that of a subagent, whose every entry is on a side chain.
        """
        self.facts = Facts()
        self._subagent = subagent
        self._title_rank = -1
        self._seen: set[str] = set()
        self._spoken = ""
        self._branches: dict[str, int] = {}
        self._prompts = 0

    def feed(self, entry: Mapping[str, Any]) -> Iterator[Said]:
        kind = text_of(entry.get("type"))
        if kind in _TITLES:
            self._name(kind, text_of(entry.get(_TITLES[kind])))
            return
        uuid = text_of(entry.get("uuid"))
        if uuid in self._seen or (entry.get("isSidechain") is True and not self._subagent):
            self.facts.ignore("repeated" if uuid in self._seen else "subagent")
            return
        if kind not in ("user", "assistant", "attachment"):
            self.facts.ignore(kind or "without a type")
            return
        if uuid:
            self._seen.add(uuid)
        self._learn(entry)
        if kind == "assistant":
            yield from self._assistant(entry)
        elif kind == "user":
            yield from self._user(entry)
        else:
            yield from self._attachment(entry)
        if uuid:
            self._branches[uuid] = self._prompts

    def _name(self, kind: str, title: str) -> None:
        rank = list(_TITLES).index(kind)
        if title and rank >= self._title_rank:
            self.facts.title, self._title_rank = title, rank

    def _learn(self, entry: Mapping[str, Any]) -> None:
        facts = self.facts
        facts.session_id = facts.session_id or text_of(entry.get("sessionId"))
        facts.cwd = facts.cwd or text_of(entry.get("cwd"))
        facts.started = facts.started or moment_of(entry.get("timestamp"))

    def _assistant(self, entry: Mapping[str, Any]) -> Iterator[Said]:
        message = mapping_of(entry.get("message"))
        moment, key = moment_of(entry.get("timestamp")), text_of(entry.get("uuid"))
        model = text_of(message.get("model"))
        parts = tuple(
            part for block in blocks_of(message.get("content")) if (part := _spoken(block))
        )
        if not parts:
            return
        if model == "<synthetic>" or entry.get("isApiErrorMessage") is True:
            yield Said("notice", parts, moment, key)
            return
        self.facts.model = model or self.facts.model
        yield Said("assistant", parts, moment, key)

    def _user(self, entry: Mapping[str, Any]) -> Iterator[Said]:
        message = mapping_of(entry.get("message"))
        moment, key = moment_of(entry.get("timestamp")), text_of(entry.get("uuid"))
        blocks = blocks_of(message.get("content"))
        returns = tuple(_returned(block) for block in blocks if block.get("type") == "tool_result")
        if returns:
            yield Said("tool", returns, moment, key)
        said = tuple(part for block in blocks if (part := _given(block)))
        if not said:
            return
        if entry.get("isCompactSummary") is True:
            yield Said("summary", said, moment, key)
        elif entry.get("isMeta") is True or returns or _is_not_said(said):
            yield Said("notice", said, moment, key)
        else:
            yield from self._prompt(said, entry)

    def _attachment(self, entry: Mapping[str, Any]) -> Iterator[Said]:
        attachment = mapping_of(entry.get("attachment"))
        if attachment.get("type") != "queued_command":
            self.facts.ignore(f"attachment {attachment.get('type')}")
            return
        # What the person typed while the model worked.
        said = tuple(part for each in blocks_of(attachment.get("prompt")) if (part := _given(each)))
        if said:
            role = "notice" if _is_not_said(said) else "user"
            moment = moment_of(entry.get("timestamp"))
            yield Said(role, said, moment, text_of(entry.get("uuid")))

    def _prompt(self, said: tuple[Part, ...], entry: Mapping[str, Any]) -> Iterator[Said]:
        moment = moment_of(entry.get("timestamp"))
        if self._branches.get(text_of(entry.get("parentUuid")), self._prompts) < self._prompts:
            yield Said("notice", (went_back(),), moment)
        self._prompts += 1
        if not self.facts.prompt:
            self.facts.prompt = next((part.text for part in said if isinstance(part, Text)), "")
        yield Said("user", said, moment, text_of(entry.get("uuid")))


def _is_not_said(parts: tuple[Part, ...]) -> bool:
    first = parts[0]
    return isinstance(first, Text) and first.text.lstrip().startswith(_NOT_SAID)


def _spoken(block: Mapping[str, Any]) -> Part | None:
    match block.get("type"):
        case "text":
            text = text_of(block.get("text"))
            return Text(text) if text.strip() else None
        case "thinking":
            # Without its signature, which is worth nothing to another account.
            text = text_of(block.get("thinking"))
            return Reasoning(text) if text.strip() else None
        case "tool_use" | "server_tool_use" | "mcp_tool_use":
            given = block.get("input")
            name = text_of(block.get("name")) or "unknown"
            if isinstance(given, dict):
                arguments = mapping_of(cast("object", given))
                return ToolCall(call_id(block["id"]), name, arguments)
            return ToolCall(call_id(block["id"]), name, {}, malformed=str(given))
        case "image":
            return _image(block)
        case _:
            return None


def _given(block: Mapping[str, Any]) -> Part | None:
    match block.get("type"):
        case "text":
            text = text_of(block.get("text"))
            return Text(text) if text.strip() else None
        case "image":
            return _image(block)
        case "document":
            return Text("(an attached document, which was not imported)")
        case _:
            return None


def _image(block: Mapping[str, Any]) -> Part:
    source = mapping_of(block.get("source"))
    data, media_type = text_of(source.get("data")), text_of(source.get("media_type"))
    if data and media_type:
        return Image(media_type, data)
    return Text(f"(image {text_of(source.get('url')) or 'without data'})")


def _returned(block: Mapping[str, Any]) -> ToolReturn:
    pieces = [
        text_of(each.get("text")) if each.get("type") == "text" else f"({each.get('type')})"
        for each in blocks_of(block.get("content"))
    ]
    status = "error" if block.get("is_error") is True else "ok"
    return ToolReturn(call_id(block["tool_use_id"]), "", status, "\n".join(pieces))
