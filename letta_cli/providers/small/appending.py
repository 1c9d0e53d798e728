"""Turns "add these lines to that file" into an edit or a write that does it, and nothing else.

The profile offers it because adding is where small models lose what was there: asked to replace a
text by itself and more, they leave out the first half.
"""

import re
from difflib import SequenceMatcher

from letta_cli.core.message import ToolCall
from letta_cli.providers.small.syntax import definitions

_IMPORT = re.compile(r"^(import|from)\s+\w")


def as_real_call(call_id: str, path: str, text: str, content: str) -> ToolCall:
    """The Edit or Write that adds `content` to a file that reads `text`."""
    added = content.strip("\n")
    if not text.strip():
        return ToolCall(call_id, "Write", {"file_path": path, "content": f"{added}\n"})
    if path.endswith(".py") and all(_IMPORT.match(line) for line in added.split("\n")):
        return _before_first_line_of_code(call_id, path, text, added)
    gap = "\n\n\n" if path.endswith(".py") and definitions(added) else "\n"
    anchor = _last_lines(text)
    if anchor is None:
        whole = f"{text.rstrip()}{gap}{added}\n"
        return ToolCall(call_id, "Write", {"file_path": path, "content": whole})
    return _edit(call_id, path, anchor, f"{anchor}{gap}{added}")


def _edit(call_id: str, path: str, old: str, new: str) -> ToolCall:
    arguments = {"file_path": path, "old_string": old, "new_string": new}
    return ToolCall(call_id, "Edit", arguments)


def _last_lines(text: str) -> str | None:
    """The fewest lines at the end that stand nowhere else; None when all do."""
    lines = text.rstrip().split("\n")
    for count in range(1, len(lines) + 1):
        tail = "\n".join(lines[-count:])
        if text.count(tail) == 1:
            return tail
    return None


def _before_first_line_of_code(call_id: str, path: str, text: str, added: str) -> ToolCall:
    """Imports go to the others, or in front of the first line of code."""
    lines = text.split("\n")
    index = next((n for n, line in enumerate(lines) if _IMPORT.match(line)), None)
    gap = "\n"
    if index is None:
        index, gap = _first_code(text, lines), "\n\n\n"
    first = lines[index]
    if text.count(first) == 1 and first:
        return _edit(call_id, path, first, f"{added}{gap}{first}")
    whole = "\n".join([*lines[:index], added, *([""] * (len(gap) - 1)), *lines[index:]])
    return ToolCall(call_id, "Write", {"file_path": path, "content": f"{whole.rstrip()}\n"})


def _first_code(text: str, lines: list[str]) -> int:
    """Index of the first line after comments and the module's docstring."""
    docstring = re.match(r'\s*(?:#.*\n\s*)*("""|\'\'\')(?:.|\n)*?\1[^\n]*\n', text)
    start = text[: docstring.end()].count("\n") if docstring else 0
    for number in range(start, len(lines)):
        if lines[number].strip() and not lines[number].startswith("#"):
            return number
    return max(0, len(lines) - 1)


SIMILAR = 0.6
"""Two lines this much alike are one line before and after; else they are two lines."""


def keeping_all(old: str, new: str) -> str:
    """`new` with the lines of `old` that it leaves out and has nothing like: an addition adds."""
    before, after = old.split("\n"), new.split("\n")
    lines: list[str] = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, before, after).get_opcodes():
        added = after[new_start:new_end]
        if tag == "equal":
            lines += added
            continue
        kept = [line for line in before[start:end] if line.strip() and not _is_like(line, added)]
        lines += [*added, *kept]
    return "\n".join(lines)


def _is_like(line: str, others: list[str]) -> bool:
    return any(SequenceMatcher(None, line, other).ratio() >= SIMILAR for other in others)
