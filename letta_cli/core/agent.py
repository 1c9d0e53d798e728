"""The agent, which owns memory and identity, and its conversations, which own threads."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ConversationKind = Literal["chat", "reflection", "learning"]
"""What a person opened, or a conversation of its own in which the agent works on its memory."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Long-lived; shared by all its conversations.

    Attributes:
        model: a handle ``provider/model``, or empty: whatever the configuration says.
        system: the person's own addition to the system prompt, may be empty.
    """

    id: str
    name: str
    model: str
    system: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """A message thread with its own context window.

    Attributes:
        title: empty until the first message names it.
        cwd: the directory it was opened in, absolute.
        project: the project key (git root, or `cwd`).
        system_prompt: compiled when first needed; byte-identical until compaction, or until the
            person decides otherwise on what of its folder is trusted.
        memory_versions: for each block id in the compiled prompt or told since, the version
            this conversation has seen.
        head: seq of the newest message; 0 when empty.
        context_start: seq of the first message still in the context window.
        summary_seq: seq of the summary that stands for what came before, or None.
        forked_from: id of the conversation this one was forked from.
        is_default: each agent has exactly one such conversation.
        kind: only chats are listed, continued and searched unless one asks for others.
        prompt_trust: a digest of what of its folder was trusted when the prompt was compiled.
    """

    id: str
    agent_id: str
    title: str
    cwd: str
    project: str
    model: str
    system_prompt: str | None
    memory_versions: dict[str, int]
    head: int
    context_start: int
    summary_seq: int | None
    forked_from: str | None
    is_default: bool
    archived: bool
    created_at: datetime
    updated_at: datetime
    kind: ConversationKind = "chat"
    prompt_trust: str = ""
