"""Edit: replace one text in a file by another, exactly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from letta_cli.core.tool import Display, ToolSpec
from letta_cli.tools.arguments import schema, text, text_of, truth, truth_of
from letta_cli.tools.diffs import Change
from letta_cli.tools.masked import masked_in, masked_refusal
from letta_cli.tools.paths import file_title, shown, similar_files
from letta_cli.tools.stale import explain_change
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok
from letta_cli.workspace.files import Contents, FileChanged, FileRefused
from letta_cli.workspace.text import split_lines, with_newlines

SPEC = ToolSpec(
    name="Edit",
    description="Replace old_string in a file that was read. It must be exact, with its "
    "indentation and without line numbers, and occur once, unless replace_all.",
    parameters=schema(
        "file_path old_string new_string",
        file_path=text_of(),
        old_string=text_of(),
        new_string=text_of(),
        replace_all=truth_of(),
    ),
    kind="edit",
    summary="replace old_string by new_string in a file",
)

_NUMBER = re.compile(r"^ *\d+\t", re.MULTILINE)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*\Z")
_SHORT_FILE = 120
"""Lines; a file this short is shown whole when the text was not found."""


@dataclass(frozen=True, slots=True)
class _Refused:
    reason: str


async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    files = context.workspace.files
    name = text(arguments, "file_path")
    try:
        path = files.resolve(name)
        label = shown(path, context.workspace.cwd)
        old = files.current(path)
        if old is None:
            return _missing(label, name, context)
        if not files.seen(path):
            return failed(f"{label} was not read yet, so nothing was changed. Read it first.")
        if files.stale(old):
            return failed(explain_change(path, context))
        planned = _plan(arguments, old, label)
        if isinstance(planned, _Refused):
            return failed(planned.reason)
        written = files.write(path, planned.after, old.style)
    except FileChanged as error:
        return failed(explain_change(error.path, context))
    except FileRefused as error:
        return failed(str(error))
    notes = [note for note in (written.note, _inside_names(arguments, old.text)) if note]
    note = f"\nNote: {'; '.join(notes)}." if notes else ""
    display = planned.display(f"Edit {label}", label)
    return ok(f"Edited {label}. It now reads:\n{planned.changed_lines()}{note}", display)


def preview(arguments: Mapping[str, Any], context: ToolContext) -> Display | None:
    files = context.workspace.files
    try:
        path = files.resolve(text(arguments, "file_path"))
        old = files.current(path)
    except FileRefused:
        return None
    label = shown(path, context.workspace.cwd)
    planned = _plan(arguments, old, label) if old else None
    return planned.display(f"Edit {label}", label) if isinstance(planned, Change) else None


def _missing(label: str, name: str, context: ToolContext) -> ToolOutcome:
    similar = similar_files(name, context)
    hint = f"Did you mean {' or '.join(similar)}?" if similar else "Write creates a new file."
    return failed(f"{label} does not exist, so nothing was changed. {hint}")


def _plan(arguments: Mapping[str, Any], contents: Contents, label: str) -> Change | _Refused:
    """The change that the arguments ask for, or why it cannot be made."""
    old, new = text(arguments, "old_string"), text(arguments, "new_string")
    if not old:
        return _Refused("old_string is empty. Give the text to replace; Write replaces a file.")
    if old == new:
        return _Refused("old_string and new_string are the same. Nothing changed.")
    newline = contents.style.newline
    if old not in contents.text and newline != "\n":
        old = with_newlines(old, newline)
    count = contents.text.count(old)
    if count == 0:
        return _Refused(_not_found(old, contents, label))
    if count > 1 and not truth(arguments, "replace_all"):
        return _Refused(_ambiguous(old, count, contents, label))
    if mark := masked_in(new, contents.text):
        return _Refused(masked_refusal(mark, label))
    if newline != "\n":
        new = with_newlines(new, newline)
    return Change(contents.text, contents.text.replace(old, new))


def _not_found(old: str, contents: Contents, label: str) -> str:
    problem = f"old_string was not found in {label}. Nothing changed."
    if _NUMBER.search(old) and _NUMBER.sub("", old) in contents.text:
        return f"{problem} Leave out the line numbers that Read puts before each line."
    if mark := masked_in(old, contents.text):
        return masked_refusal(mark, label)
    lines = split_lines(contents.text)
    wanted = split_lines(old)
    squeezed = [" ".join(line.split()) for line in lines]
    start = _find(squeezed, [" ".join(line.split()) for line in wanted])
    if start is not None:
        real = "\n".join(lines[start : start + len(wanted)])
        return f"{problem} Its white space differs. The file has:\n{real}"
    if len(lines) <= _SHORT_FILE:
        whole = "\n".join(lines)
        return f"{problem} Copy old_string exactly from the file. It reads:\n{whole}"
    near = _nearest(wanted, lines)
    if near is None:
        return f"{problem} Read it again, or find the place with Grep."
    around = "\n".join(lines[near : near + len(wanted) + 4])
    return f"{problem} The nearest place, at line {near + 1}, reads:\n{around}"


def _ambiguous(old: str, count: int, contents: Contents, label: str) -> str:
    places: list[str] = []
    start = contents.text.find(old)
    while start >= 0 and len(places) < 8:
        places.append(str(contents.text.count("\n", 0, start) + 1))
        start = contents.text.find(old, start + len(old))
    problem = (
        f"old_string occurs {count} times in {label} (lines {', '.join(places)}). Nothing "
        "changed. Add lines around it until it is unique, or set replace_all to true."
    )
    if (whole := _whole_words(old, contents.text)) < count:
        problem += (
            f" Only {whole} of them {'is' if whole == 1 else 'are'} the whole word {old}; the "
            "others are parts of longer names, which replace_all would change too."
        )
    return problem


def _whole_words(old: str, text_: str) -> int:
    """How often `old` stands alone; every time, when it is not a single name."""
    if not _IDENTIFIER.match(old):
        return text_.count(old)
    return len(re.findall(rf"\b{re.escape(old)}\b", text_))


def _inside_names(arguments: Mapping[str, Any], before: str) -> str:
    """A warning when a name was replaced within longer names."""
    old = text(arguments, "old_string")
    parts = before.count(old) - _whole_words(old, before)
    return f"{old} was also replaced inside longer names ({parts}x)" if parts else ""


def _find(lines: list[str], wanted: list[str]) -> int | None:
    if not any(wanted):
        return None
    for start in range(len(lines) - len(wanted) + 1):
        if lines[start : start + len(wanted)] == wanted:
            return start
    return None


def _nearest(wanted: list[str], lines: list[str]) -> int | None:
    """Index of a line that is much like the first telling line of `wanted`."""
    first = next((line.strip() for line in wanted if line.strip()), "")
    if not first:
        return None
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(first)
    best, where = 0.6, None
    for index, line in enumerate(lines[:5_000]):
        matcher.set_seq1(line.strip()[:300])
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
            ratio = matcher.ratio()
            if ratio > best:
                best, where = ratio, index
    return where


TOOL = Tool(SPEC, run, file_title("Edit"), preview)
