"""What in a conversation's window came from outside: from strangers, not from the person.

Each part of a message says itself where it came from, as its tool or its import judged: pages and
what MCP servers return; what a command printed that may have reached the network; what any tool
read in a folder that brings what its person did not trust; what was read of other conversations,
of passages and edits that are marked so. A summary of any of these tells it in a line of its own,
and memory that is marked marks what is written next to it.

So the mark comes and goes with the text it is about, needs no state that a crash could leave wrong,
and a copy of the conversation has it too.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from letta_cli.agent.turn import Turn
from letta_cli.core.message import Message, Text, ToolCall, ToolReturn
from letta_cli.core.outside import joined, separated, source, source_of_call

UNTRUSTED_FOLDER = "untrusted folder"
_LINE = "Text from outside: "
_TELLING = re.compile(rf"^{re.escape(_LINE)}(.+)$", re.MULTILINE)
_FILE_TOOLS = frozenset({"Read", "Grep", "Glob", "Edit", "Write"})


def sources_of(turn: Turn) -> str:
    """Where untrusted text in the context of the next tool call came from; empty for nowhere."""
    blocks = turn.store.blocks.visible(turn.thread.conversation)
    marked = turn.store.reviews.sources(blocks).values()
    return joined((*in_messages(turn.thread.messages), *marked))


def in_messages(messages: Sequence[Message]) -> list[str]:
    """The sources of the untrusted texts in `messages`, in order."""
    calls = {call.id: call for message in messages for call in message.tool_calls}
    found: list[str] = []
    for message in messages:
        if message.role == "summary":
            found += _TELLING.findall(message.text)
        for part in message.parts:
            if isinstance(part, Text):
                found.append(part.outside)
            elif isinstance(part, ToolReturn):
                found.append(part.outside or _unjudged(part, calls))
    return list(dict.fromkeys(each for many in found for each in separated(many)))


def told_in_summary(sources: Iterable[str]) -> str:
    """The line by which a summary carries the mark of what it was made from."""
    named = joined(sources)
    return f"{_LINE}{named}" if named else ""


def source_at(turn: Turn, path: Path) -> str:
    """Where the text of a file came from, when it was not the person who let it in."""
    real = Path(os.path.realpath(path))
    kept = Path(os.path.realpath(turn.workspace.overflow_dir))
    if real.is_relative_to(kept):
        return _of_output(turn, real)
    root = Path(os.path.realpath(turn.workspace.git_root or turn.workspace.cwd))
    at = real if real.is_dir() else real.parent
    inside = real.is_relative_to(root)
    folder = turn.untrusted_folder if inside else turn.untrusted_folder_at(str(at))
    return source(UNTRUSTED_FOLDER, folder) if folder else ""


def source_of_files(turn: Turn, call: ToolCall) -> str:
    """Where the files came from that a call reads or prints."""
    if call.name == "Bash":
        # Nobody can tell which files a command reads; it begins in the working directory.
        folder = turn.untrusted_folder
        kept = _mentioned(turn, str(call.arguments.get("command", "")))
        return joined((source(UNTRUSTED_FOLDER, folder) if folder else "", *kept))
    if call.name not in _FILE_TOOLS:
        return ""
    named = str(call.arguments.get("file_path") or call.arguments.get("path") or "")
    try:
        return source_at(turn, turn.workspace.files.resolve(named or "."))
    except (OSError, ValueError):
        return ""


def _of_output(turn: Turn, path: Path) -> str:
    """A file that holds what did not fit into a result: it is from where the result was."""
    for message in turn.thread.messages:
        for part in message.parts:
            if isinstance(part, ToolReturn) and path.name in part.content:
                return part.outside
    return source("kept output", path.name)


def _mentioned(turn: Turn, command: str) -> list[str]:
    folder = turn.workspace.overflow_dir
    names = re.findall(rf"{re.escape(folder.name)}/([\w-]+\.txt)", command)
    return [_of_output(turn, folder / name) for name in names]


def _unjudged(part: ToolReturn, calls: dict[str, ToolCall]) -> str:
    """For pages and servers' results of before results said where they came from."""
    if part.name == "Bash" or part.status in ("denied", "cancelled"):
        return ""
    return source_of_call(calls.get(part.call_id), part.name)
