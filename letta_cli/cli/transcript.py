"""A conversation as Markdown, to read."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from letta_cli.core.agent import Conversation
from letta_cli.core.message import (
    Image,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolReturn,
)
from letta_cli.frontends.sanitize import sanitize
from letta_cli.store import Store

SPEAKERS: dict[Role, str] = {
    "user": "You",
    "assistant": "Agent",
    "tool": "Tools",
    "notice": "Notice",
    "summary": "Summary of what came before",
}


def as_markdown(conversation: Conversation, messages: Sequence[Message], spent: str = "") -> str:
    """The whole thread as Markdown; every message has its number, as citations use it.

    Args:
        spent: what it took, see `spent_text`.
    """
    lines = [
        f"# {conversation.title or '(no title)'}",
        "",
        f"{conversation.id}, {conversation.cwd}, {_moment(conversation.created_at)}",
        *([spent] if spent else []),
    ]
    for message in messages:
        lines += ["", f"## {message.seq}. {SPEAKERS[message.role]}, {_moment(message.created_at)}"]
        for part in message.parts:
            lines += ["", _part(part)]
    return sanitize("\n".join(lines)) + "\n"


def spent_text(store: Store, conversation: Conversation) -> str:
    """What a conversation took, its summaries with it: tokens, and dollars where they are known."""
    usage = store.runs.totals(conversation.id)
    read = usage.input + usage.cache_read + usage.cache_write
    if not read + usage.output:
        return ""
    runs = len(store.runs.list(conversation.id))
    text = f"{runs} run{'' if runs == 1 else 's'}, {read:,} tokens in, {usage.output:,} out"
    if made := store.runs.compactions(conversation.id):
        text += f", {len(made)} summar{'y' if len(made) == 1 else 'ies'} with them"
    return text if usage.cost_usd is None else f"{text}, ${usage.cost_usd:.4f}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _part(part: Part) -> str:
    match part:
        case Text(text=text):
            return text
        case Reasoning(text=text):
            return "\n".join(f"> {line}" for line in text.splitlines()) or "> (reasoning)"
        case Image(media_type=media_type):
            return f"(image, {media_type})"
        case ToolCall(name=name, arguments=arguments, malformed=malformed):
            shown = malformed or json.dumps(dict(arguments), ensure_ascii=False, indent=2)
            return f"**{name}**\n\n{_fenced(shown)}"
        case ToolReturn(name=name, status=status, content=content):
            return f"**{name}**: {status}\n\n{_fenced(content)}"


def _fenced(text: str) -> str:
    """A code block whose fence is longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"
