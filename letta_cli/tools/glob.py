"""Glob: files by name, newest first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from letta_cli.core.tool import Display, ToolSpec
from letta_cli.tools.arguments import schema, text, text_of
from letta_cli.tools.paths import TitleOf, shown
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok
from letta_cli.workspace.files import FileRefused
from letta_cli.workspace.search import SearchRefused, fixed_part

LIMIT = 100

SPEC = ToolSpec(
    name="Glob",
    description="Find files by name, such as *.py or src/**/test_*.ts; newest first.",
    parameters=schema("pattern", pattern=text_of(), path=text_of("folder")),
    kind="read",
    summary="list files whose name fits a pattern such as **/*.py",
    concurrent=True,
)


async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    workspace = context.workspace
    pattern = text(arguments, "pattern") or "*"
    where = text(arguments, "path")
    try:
        if Path(pattern).is_absolute():
            where, pattern = fixed_part(pattern)
        folder = workspace.files.resolve(where) if where else workspace.cwd
        if where and not folder.exists():
            return failed(f"The folder {where} does not exist. Leave path out to search here.")
        found = await workspace.search.glob(pattern, path=folder, limit=LIMIT)
    except (SearchRefused, FileRefused) as error:
        return failed(str(error))
    if not found.paths:
        return ok(
            f"No files fit {pattern}. Try *NAME* or another folder; ignored files are left out.",
            Display(title=f"Glob {pattern}: no files"),
        )
    prefix = "" if folder == workspace.cwd else shown(folder, workspace.cwd) + "/"
    content = "\n".join(prefix + path for path in found.paths)
    more = f"\n(the newest {LIMIT}; there are more, narrow the pattern)" if found.more else ""
    if found.timed_out:
        more += "\n(ended before every folder was seen; name a folder in path)"
    title = f"Glob {pattern}: {len(found.paths)} files"
    return ok(content + more, Display(title=title, text=content))


TOOL = Tool(SPEC, run, TitleOf("Glob", "pattern"))
