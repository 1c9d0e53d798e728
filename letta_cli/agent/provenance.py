"""What in a conversation's window came from outside: from strangers, not from the person.

Untrusted is: what WebFetch and tools of MCP servers returned; what a command returned that names
an address or a program that fetches from the network; what any tool read or ran in a folder that
brings what its person did not trust; a summary of any of these; and memory that is marked so.

It is worked out from the window itself. So the mark comes and goes with the text it is about,
needs no state that a crash could leave wrong, and a copy of the conversation has it too.
"""

import re
from collections.abc import Iterable, Sequence

from letta_cli.agent.turn import Turn
from letta_cli.core.message import Message, ToolCall, ToolReturn

UNTRUSTED_FOLDER = "untrusted folder"
MOST_SOURCES = 6
_LONGEST = 100
_LINE = "Text from outside: "
_FETCHES = re.compile(
    r"\w+://|\b(curl|wget|aria2c|httpie|xh|ssh|scp|sftp|rsync|ftp|nc|ncat|netcat|socat|telnet|lynx"
    r"|w3m|links|gh|glab)\b|\bgit\b.*\b(fetch|pull|clone|ls-remote|submodule)\b",
    re.DOTALL,
)
_TELLING = re.compile(rf"^{re.escape(_LINE)}(.+)$", re.MULTILINE)
_MARKED = re.compile(r"\[untrusted: ([^\]\n]+)\]")
_FOLDER_TOOLS = frozenset({"Read", "Grep", "Glob", "Bash"})


def sources_of(turn: Turn) -> str:
    """Where untrusted text in the context of the next tool call came from; empty for nowhere."""
    met = in_messages(turn.thread.messages, turn.untrusted_folder)
    found = dict.fromkeys((*turn.outside, *met))
    blocks = turn.store.blocks.visible(turn.thread.conversation)
    for marked in turn.store.reviews.sources(blocks).values():
        found.update(dict.fromkeys(marked.split(", ")))
    return joined(found)


def joined(sources: Iterable[str]) -> str:
    """Sources as one line of text, without repetition, in bounds."""
    unique = list(dict.fromkeys(source for source in sources if source))
    more = len(unique) - MOST_SOURCES
    return ", ".join([*unique[:MOST_SOURCES], *([f"{more} more"] if more > 0 else [])])


def in_messages(messages: Sequence[Message], untrusted_folder: str) -> list[str]:
    """The sources of the untrusted texts in `messages`, in order.

    Args:
        untrusted_folder: the folder that the conversation works in, if it is untrusted.
    """
    calls = {call.id: call for message in messages for call in message.tool_calls}
    found: list[str] = []
    for message in messages:
        if message.role == "summary":
            for line in _TELLING.findall(message.text):
                found += line.split(", ")
        for part in message.parts:
            if isinstance(part, ToolReturn) and part.name == "archival_memory_search":
                for marked in _MARKED.findall(part.content):
                    found += marked.split(", ")
            elif isinstance(part, ToolReturn) and part.status not in ("denied", "cancelled"):
                found.append(_source(part, calls.get(part.call_id), untrusted_folder))
    return [source for source in dict.fromkeys(found) if source]


def told_in_summary(sources: Iterable[str]) -> str:
    """The line by which a summary carries the mark of what it was made from."""
    named = joined(sources)
    return f"{_LINE}{named}" if named else ""


def _source(returned: ToolReturn, call: ToolCall | None, untrusted_folder: str) -> str:
    name = returned.name
    if name == "WebFetch":
        return _named("web", call, "url")
    if name.startswith("mcp__"):
        return f"MCP server {name.split('__')[1]}"
    if name == "Bash" and call and _FETCHES.search(str(call.arguments.get("command", ""))):
        return _named("command", call, "command")
    if name in _FOLDER_TOOLS and untrusted_folder:
        return f"{UNTRUSTED_FOLDER} {untrusted_folder}"
    return ""


def _named(kind: str, call: ToolCall | None, argument: str) -> str:
    value = str(call.arguments.get(argument, "")) if call else ""
    # Commas separate sources, and nothing but printable text belongs into a label.
    words = "".join(c if c.isprintable() and c not in ',<>"' else " " for c in value).split()
    text = " ".join(words)
    return f"{kind} {text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}".strip()
