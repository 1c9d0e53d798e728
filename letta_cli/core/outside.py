"""Where text came from that neither the person nor this program wrote: its source, in words.

A source is one line without commas, such as ``web https://example.org/``; several are joined by
", ". It stands with the part of a message that holds the text, and with all memory that was
written while such text was read.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from letta_cli.core.message import ToolCall

MOST_SOURCES = 6
_LONGEST = 100
_FETCHES = re.compile(
    r"\w+://|\b(curl|wget|aria2c|httpie|xh|ssh|scp|sftp|rsync|ftp|nc|ncat|netcat|socat|telnet|lynx"
    r"|w3m|links|gh|glab)\b|\bgit\b.*\b(fetch|pull|clone|ls-remote|submodule)\b",
    re.DOTALL,
)
_WEB = frozenset({"WebFetch", "WebSearch", "web_search", "web_fetch", "fetch", "browser"})
_COMMANDS = frozenset({"Bash", "bash", "shell", "exec_command", "local_shell", "terminal"})


def source(kind: str, value: str = "") -> str:
    """`kind` and what it is about, as a source: printable, on one line, in bounds."""
    # Commas separate sources, and nothing but printable text belongs into a label.
    words = "".join(c if c.isprintable() and c not in ',<>"' else " " for c in value).split()
    text = " ".join(words)
    return f"{kind} {text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}".strip()


def joined(sources: Iterable[str]) -> str:
    """Sources, each of which may be several, as one: without repetition, in bounds."""
    unique = list(dict.fromkeys(each for many in sources for each in separated(many)))
    more = len(unique) - MOST_SOURCES
    return ", ".join([*unique[:MOST_SOURCES], *([f"{more} more"] if more > 0 else [])])


def separated(sources: str) -> list[str]:
    """The inverse of `joined`."""
    return [each for each in sources.split(", ") if each]


def source_of_call(call: ToolCall | None, name: str) -> str:
    """Where the result of a call came from, as far as the call itself tells; empty for nowhere.

    For results that nobody has judged when the call ran: those of other programs' histories.
    """
    arguments: Mapping[str, Any] = call.arguments if call else {}
    if name in _WEB:
        return source("web", str(arguments.get("url") or arguments.get("query") or ""))
    if name.startswith("mcp__"):
        return source("MCP server", name.split("__")[1])
    if name in _COMMANDS:
        command = arguments.get("command") or arguments.get("cmd") or ""
        text = " ".join(map(str, command)) if isinstance(command, list) else str(command)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
        return source("command", text) if _FETCHES.search(text) else ""
    return ""
