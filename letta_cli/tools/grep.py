"""Grep: lines that match a pattern, in the files of the project."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from letta_cli.core.tool import Display, ToolSpec
from letta_cli.tools.arguments import integer, integer_of, schema, text, text_of, truth, truth_of
from letta_cli.tools.paths import shown
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok
from letta_cli.workspace.files import FileRefused
from letta_cli.workspace.search import SECONDS, Found, SearchRefused

SPEC = ToolSpec(
    name="Grep",
    description="Search file contents by regular expression; ignored files are left out.",
    parameters=schema(
        "pattern",
        pattern=text_of(),
        path=text_of("folder or file"),
        glob=text_of("such as *.py"),
        ignore_case=truth_of(),
        context=integer_of("lines around each match"),
        files_only=truth_of(),
        limit=integer_of(),
    ),
    kind="read",
    summary="search file contents by regular expression",
    concurrent=True,
)


async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    workspace = context.workspace
    pattern = text(arguments, "pattern")
    files_only = truth(arguments, "files_only")
    where = text(arguments, "path")
    if not pattern:
        return failed("The pattern is empty. Give a regular expression; Glob lists files.")
    try:
        place = workspace.files.resolve(where) if where else workspace.cwd
        found = await workspace.search.grep(
            pattern,
            path=place,
            glob=text(arguments, "glob"),
            ignore_case=truth(arguments, "ignore_case"),
            context=max(0, min(20, integer(arguments, "context", 0))),
            files_only=files_only,
            limit=max(1, min(1_000, integer(arguments, "limit", 100))),
        )
    except (SearchRefused, FileRefused) as error:
        return failed(str(error))
    folder = place if place.is_dir() else place.parent
    prefix = "" if folder == workspace.cwd else shown(folder, workspace.cwd) + "/"
    matches = sum(line.match for line in found.lines)
    if not found.paths:
        ending = " before the search was ended" if found.timed_out else ""
        skipped = "Files over 8 MB are searched only when path names them."
        large = "" if place.is_file() else f" {skipped}"
        return ok(
            f"No matches for {pattern!r}{ending}. Try a shorter pattern or ignore_case.{large}",
            Display(title=f"Grep {pattern}: no matches"),
        )
    names = [prefix + path for path in found.paths]
    content = "\n".join(names) if files_only else _lines(found, prefix)
    counted = f"{len(names)} files" if files_only else f"{matches} in {len(names)} files"
    display = Display(title=f"Grep {pattern}: {counted}", text=content)
    return ok(content + _rest(found), display)


def _lines(found: Found, prefix: str) -> str:
    """Matches under the name of their file, numbered as Read numbers them."""
    parts: list[str] = []
    for path, lines in groupby(found.lines, lambda line: line.path):
        if path:
            parts.append(prefix + path)
            parts += [f"  {line.number}\t{line.text}" for line in lines]
        elif len(parts) < len(found.lines):
            parts.append("  …")
    return "\n".join(parts)


def _rest(found: Found) -> str:
    if found.timed_out:
        return f"\n(ended after {SECONDS:.0f} s; name a path or glob to search less)"
    return "\n(there are more; narrow the pattern, path or glob, or raise limit)" * found.more


def title(arguments: Mapping[str, Any]) -> str:
    where = text(arguments, "path")
    return f"Grep({text(arguments, 'pattern')[:80]}{f' in {where}' if where else ''})"


TOOL = Tool(SPEC, run, title)
