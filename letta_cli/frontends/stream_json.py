"""``--output-format stream-json``: one JSON object a line, under Claude Code's event names.

The first line is ``system/init``, the last one ``result``; in between come whole messages in
Anthropic's Messages shape, and, where asked for, the raw partial events.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, TextIO

from letta_cli.core.errors import AgentError
from letta_cli.core.event import (
    AssistantMessage,
    Compacted,
    Event,
    MemoryChanged,
    ModelProgress,
    Notice,
    Retrying,
    ToolProgress,
    ToolReturned,
)
from letta_cli.core.ids import new_id
from letta_cli.frontends.outcome import Outcome, SessionFacts, usage_dict
from letta_cli.frontends.partials import PartialEncoder


async def render(
    events: AsyncIterator[Event],
    out: TextIO,
    facts: SessionFacts,
    *,
    include_partial_messages: bool = False,
) -> int:
    """Read a run to its end, printing as it goes, and return the process's exit code."""
    wire = Wire(out, facts.conversation_id)
    outcome = Outcome(facts)
    partials = PartialEncoder(facts.model) if include_partial_messages else None
    wire.write(_init(facts))
    try:
        async for event in events:
            outcome.see(event)
            if partials is not None:
                for raw in partials.encode(event):
                    wire.write({"type": "stream_event", "event": raw, "parent_tool_use_id": None})
            for line in _lines(event, facts, live=include_partial_messages):
                wire.write(line)
    except AgentError as error:
        outcome.fail(error)
    outcome.close()
    wire.write(outcome.result())
    return outcome.exit_code


class Wire:
    """The only writer: every line gets its own uuid and the session's id, and is flushed."""

    def __init__(self, out: TextIO, session_id: str) -> None:
        self._out = out
        self._session_id = session_id

    def write(self, line: dict[str, Any]) -> None:
        # The bare UUID of an id, as readers of this format expect it.
        uuid = new_id("message").partition("-")[2]
        stamped = {**line, "session_id": self._session_id, "uuid": uuid}
        self._out.write(json.dumps(stamped) + "\n")
        self._out.flush()


def _init(facts: SessionFacts) -> dict[str, Any]:
    return {
        "type": "system",
        "subtype": "init",
        "cwd": facts.cwd,
        "model": facts.model,
        "tools": list(facts.tools),
        "mcp_servers": [],
        "permissionMode": facts.permission_mode,
        "slash_commands": list(facts.slash_commands),
        "skills": list(facts.skills),
        "agents": [facts.agent_name] if facts.agent_name else [],
        "version": facts.version,
        "warnings": list(facts.warnings),
        "conversation_id": facts.conversation_id,
        "agent_id": facts.agent_id,
    }


def _lines(event: Event, facts: SessionFacts, *, live: bool) -> Iterator[dict[str, Any]]:
    match event:
        case AssistantMessage():
            yield _assistant(event, facts.model)
        case ToolReturned():
            yield _tool_result(event)
            if event.result.status == "denied":
                yield _system(
                    "permission_denied",
                    tool_name=event.result.name,
                    tool_use_id=event.result.call_id,
                    message=event.result.content,
                )
        case Retrying():
            yield _system(
                "api_retry",
                attempt=event.attempt,
                max_retries=event.max_attempts,
                retry_delay_ms=round(event.wait_seconds * 1000),
                error_status=event.status,
                error=event.code,
                message=event.message,
            )
        case Compacted():
            metadata = {
                "trigger": "manual" if event.trigger == "manual" else "auto",
                "pre_tokens": event.before_tokens,
                "post_tokens": event.after_tokens,
            }
            if event.failure:
                metadata["failure"] = event.failure
            yield _system("compact_boundary", compact_metadata=metadata, **metadata)
        case Notice(kind="steer", text=text):
            content = [{"type": "text", "text": text}]
            yield _message_line("user", {"role": "user", "content": content})
        case Notice(kind=kind, text=text):
            yield _system("notice", kind=kind, message=text)
        case MemoryChanged():
            yield _system("memory_changed", label=event.label, version=event.version)
        case ModelProgress(text=text) if live:
            yield _system("status", status=text)
        case ToolProgress() if live:
            yield {"type": "tool_progress", "tool_use_id": event.call_id, "text": event.text}
        case _:
            pass


def _assistant(event: AssistantMessage, model: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if event.reasoning:
        content.append({"type": "thinking", "thinking": event.reasoning, "signature": ""})
    if event.text:
        content.append({"type": "text", "text": event.text})
    for call in event.tool_calls:
        arguments = dict(call.arguments)
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments})
    message: dict[str, Any] = {
        "id": event.message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if event.tool_calls else "end_turn",
        "stop_sequence": None,
    }
    if event.usage is not None:
        message["usage"] = usage_dict(event.usage)
    return _message_line("assistant", message)


def _tool_result(event: ToolReturned) -> dict[str, Any]:
    result = event.result
    block = {
        "type": "tool_result",
        "tool_use_id": result.call_id,
        "content": result.content,
        "is_error": result.status != "ok",
    }
    return _message_line("user", {"role": "user", "content": [block]})


def _message_line(role: str, message: dict[str, Any]) -> dict[str, Any]:
    return {"type": role, "message": message, "parent_tool_use_id": None}


def _system(subtype: str, **fields: Any) -> dict[str, Any]:
    return {"type": "system", "subtype": subtype, **fields}
