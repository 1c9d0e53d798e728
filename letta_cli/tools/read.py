"""Read: a file's lines, numbered, so that they can be edited."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from letta_cli.core.tool import Display, ToolSpec
from letta_cli.tools.arguments import integer, integer_of, schema, text, text_of
from letta_cli.tools.diffs import numbered
from letta_cli.tools.paths import file_title, shown, similar_files
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok
from letta_cli.workspace.files import MAX_WHOLE, FileRefused
from letta_cli.workspace.text import split_lines

LINES = 2_000
CHARS = 60_000
_LISTED = 40
_IMAGES = {".png", ".jpg", ".jpeg", ".gif", ".webp"}

SPEC = ToolSpec(
    name="Read",
    description="Read a text file: numbered lines, at most 2000. Needed before Edit, or before "
    "Write to an existing file.",
    parameters=schema(
        "file_path",
        file_path=text_of(),
        offset=integer_of("first line, from 1"),
        limit=integer_of("number of lines"),
    ),
    kind="read",
    summary="read a file",
    concurrent=True,
)


async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    name = text(arguments, "file_path")
    first = max(1, integer(arguments, "offset", 1))
    count = max(1, min(LINES, integer(arguments, "limit", LINES)))
    files = context.workspace.files
    try:
        path = files.resolve(name)
        if path.suffix.lower() in _IMAGES and path.is_file():
            return ok(
                f"{shown(path, context.workspace.cwd)} is an image ({files.size(name):,} bytes). "
                "Its picture cannot be shown here; Bash with file tells its size and type."
            )
        if path.is_dir():
            return failed(_directory(path, shown(path, context.workspace.cwd)))
        whole = files.size(name) <= MAX_WHOLE
        if whole:
            lines = split_lines(files.read(name).text)
            total: int | None = len(lines)
            lines = lines[first - 1 : first - 1 + count]
        else:
            if "offset" not in arguments and "limit" not in arguments:
                files.read(name)  # Refused, with the size and what to do.
            part = files.read_slice(name, first, count)
            lines, total = part.lines, part.total
    except FileRefused as error:
        return failed(_with_similar(str(error), name, context))
    label = shown(path, context.workspace.cwd)
    if not lines:
        empty = f"{label} is empty." if not total else f"{label} has only {total} lines."
        return ok(empty, Display(title=f"Read {label}", path=label, text=empty))
    shown_lines = _fitting(numbered(lines, first))
    last = first + len(shown_lines) - 1
    content = "\n".join(shown_lines)
    if total is None or last < total:
        of = "" if total is None else f" of {total}"
        content += f"\n(lines {first}-{last}{of}; go on with offset={last + 1})"
    if not whole:
        content += "\n(this file is too large for Edit; change it with a Bash command)"
    count = len(shown_lines)
    title = f"Read {label} ({count} line{'' if count == 1 else 's'})"
    return ok(content, Display(title=title, path=label))


def _directory(path: Path, label: str) -> str:
    try:
        names = sorted(f"{item.name}/" if item.is_dir() else item.name for item in path.iterdir())
    except OSError as error:
        return f"{label} is a directory and cannot be listed: {error.strerror}."
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    listed = ", ".join(names[:_LISTED]) or "nothing"
    return f"{label} is a directory, not a file. In it: {listed}{more}. Read one of its files."


def _fitting(lines: list[str]) -> list[str]:
    """As many whole lines as fit into what one result may hold; at least one."""
    used = 0
    for index, line in enumerate(lines):
        used += len(line) + 1
        if used > CHARS and index:
            return lines[:index]
    return lines


def _with_similar(problem: str, name: str, context: ToolContext) -> str:
    if "does not exist" not in problem:
        return problem
    similar = similar_files(name, context)
    if similar:
        return f"{problem} Did you mean {' or '.join(similar)}?"
    return f"{problem} Use Glob to see which files there are."


TOOL = Tool(SPEC, run, file_title("Read"))
