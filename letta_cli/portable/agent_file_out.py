"""Writes Letta's agent files (.af): an agent moves out with its memory and its history.

Such a file holds one history. The agent's other conversations, and what else Letta's form has no
place for, stand beside it under `OWN`, so that this program reads it all back.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.clock import now, to_text
from letta_cli.core.memory import MemoryBlock
from letta_cli.core.message import Message, Text
from letta_cli.core.skill import Skill
from letta_cli.portable.agent_file import OWN, OWN_FORMAT, messages_digest
from letta_cli.portable.conversation import block_document, conversation_document
from letta_cli.portable.history import mapping_of
from letta_cli.portable.letta_messages import written_message
from letta_cli.portable.skill_files import skill_document
from letta_cli.store import Store

_ENDPOINTS = {"anthropic": "anthropic", "openai": "openai", "ollama": "ollama", "vllm": "vllm"}
_CONTEXT_WINDOW = 32_000

# What an agent needs on a Letta server to use the memory that it brings.
_TOOLS = (
    ("conversation_search", "letta_core"),
    ("memory_insert", "letta_sleeptime_core"),
    ("memory_replace", "letta_sleeptime_core"),
)


def agent_document(
    store: Store,
    agent: Agent,
    *,
    conversation: Conversation | None = None,
    with_messages: bool = True,
    skills: Sequence[Skill] = (),
) -> dict[str, Any]:
    """An agent as the JSON-able object of an agent file.

    Args:
        conversation: whose history it has for Letta; else the agent's default one.
        with_messages: False for an agent with its memory alone.
    """
    main = conversation or store.conversations.default(agent.id)
    kept: Mapping[str, Any] = json.loads(store.imports.kept_file(agent.id) or "{}")
    base = mapping_of(next(iter(kept.get("agents", ())), None))
    everything = store.blocks.list(agent.id)
    shared = [block for block in everything if block.scope == "agent"]
    blocks = _blocks(shared, kept.get("blocks", ()), store.reviews.sources(shared))
    tools = kept.get("tools") or _default_tools()
    messages, in_context = _messages(store, agent, main, shared) if with_messages else ([], [])
    entry = {
        **_entry_defaults(),
        **base,
        "id": "agent-0",
        "name": agent.name,
        "system": agent.system or None,
        "llm_config": _llm_config(agent, mapping_of(base.get("llm_config"))),
        "tool_ids": base.get("tool_ids") or [tool["id"] for tool in tools],
        "block_ids": [block["id"] for block in blocks],
        "messages": messages,
        "in_context_message_ids": in_context,
    }
    return {
        "agents": [entry],
        "groups": [],
        "blocks": blocks,
        "files": kept.get("files", []),
        "sources": kept.get("sources", []),
        "tools": tools,
        "mcp_servers": kept.get("mcp_servers", []),
        "skills": _skills(kept.get("skills", ()), skills),
        "metadata": kept.get("metadata") or {},
        "created_at": to_text(now()),
        OWN: _own(store, agent, everything, messages, with_messages=with_messages),
    }


def _own(
    store: Store, agent: Agent, blocks: Sequence[MemoryBlock], messages: Sequence[Any],
    *, with_messages: bool,
) -> dict[str, Any]:  # fmt: skip
    conversations: Sequence[Conversation] = ()
    marked = store.reviews.sources(blocks)
    if with_messages:
        listed = store.conversations.list(agent.id, archived=None)
        conversations = sorted(listed, key=lambda each: (not each.is_default, each.created_at))
    return {
        "format": OWN_FORMAT,
        "messages_sha256": messages_digest(messages),
        "conversations": [
            conversation_document(store, each) for each in conversations if each.head
        ],
        "project_blocks": [
            {**block_document(block, marked.get(block.id, "")), "project": block.scope_key}
            for block in blocks
            if block.scope == "project" and block.value
        ],
        "passages": [
            {
                "text": each.text,
                "tags": list(each.tags),
                "created_at": to_text(each.created_at),
                **({"untrusted": each.origin.untrusted} if each.origin.untrusted else {}),
            }
            for each in reversed(store.passages.list(agent.id))
        ],
    }


def _messages(
    store: Store, agent: Agent, main: Conversation, blocks: Sequence[MemoryBlock]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The history, which begins with the compiled prompt, and the ids of what is in context."""
    thread = store.messages.read(main.id)
    prompt = written_message(_prompt(agent, main, blocks), "message-0", "agent-0", "")
    written = [{**prompt, "role": "system"}]
    names: dict[int, str] = {}
    for number, message in enumerate(thread, start=1):
        names[message.seq] = f"message-{number}"
        written.append(written_message(message, names[message.seq], "agent-0", ""))
    window = [names[message.seq] for message in store.messages.window(main)]
    return written, ["message-0", *window]


def _prompt(agent: Agent, main: Conversation, blocks: Sequence[MemoryBlock]) -> Message:
    memory = "\n".join(f"<{each.label}>\n{each.value}\n</{each.label}>" for each in blocks)
    text = (
        f"{agent.system or f'You are {agent.name}.'}\n\n<memory_blocks>\n{memory}\n</memory_blocks>"
    )
    return Message("", main.id, 0, "user", (Text(text),), main.created_at)


def _blocks(
    shared: Sequence[MemoryBlock],
    kept: Sequence[Mapping[str, Any]],
    marked: Mapping[str, str],
) -> list[dict[str, Any]]:
    before = {block.get("label"): block for block in kept}
    return [
        {
            "is_template": False,
            "template_name": None,
            "preserve_on_migration": False,
            "metadata": {},
            **before.get(block.label, {}),
            **block_document(block, marked.get(block.id, "")),
            "description": block.description or None,
            "id": f"block-{number}",
        }
        for number, block in enumerate(shared)
    ]


def _default_tools() -> list[dict[str, Any]]:
    return [
        {
            "id": f"tool-{number}", "tool_type": kind, "name": name, "source_type": "python",
            "tags": [kind], "source_code": None, "json_schema": None,
        }
        for number, (name, kind) in enumerate(_TOOLS)
    ]  # fmt: skip


def _entry_defaults() -> dict[str, Any]:
    return {
        "agent_type": "letta_v1_agent",
        "description": None,
        "memory_blocks": [],
        "tools": [],
        "source_ids": [],
        "tool_rules": [],
        "tags": [],
        "embedding_config": None,
        "include_base_tools": False,
        "include_multi_agent_tools": False,
        "include_base_tool_rules": False,
        "initial_message_sequence": None,
        "tool_exec_environment_variables": {},
        "message_buffer_autoclear": False,
        "enable_sleeptime": False,
        "timezone": "UTC",
        "files_agents": [],
        "group_ids": [],
    }


def _llm_config(agent: Agent, before: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that it came with, as long as it still uses that model."""
    if before and agent.model in ("", before.get("handle")):
        return before
    provider, _, model = agent.model.partition("/")
    return {
        **before,
        "model": model or "gpt-4.1",
        "model_endpoint_type": _ENDPOINTS.get(provider, "openai"),
        "model_endpoint": None,
        "provider_name": provider or None,
        "context_window": before.get("context_window", _CONTEXT_WINDOW),
        "handle": agent.model or None,
    }


def _skills(kept: Sequence[Mapping[str, Any]], chosen: Sequence[Skill]) -> list[Mapping[str, Any]]:
    found = {str(each.get("name")): each for each in kept}
    found |= {skill.name: skill_document(skill) for skill in chosen}
    return list(found.values())
