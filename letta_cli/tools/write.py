"""Write: create a file, or replace one that was read."""

from collections.abc import Mapping
from typing import Any

from letta_cli.core.tool import Display, ToolSpec
from letta_cli.tools.arguments import schema, text, text_of
from letta_cli.tools.diffs import Change
from letta_cli.tools.masked import masked_in, masked_refusal
from letta_cli.tools.paths import file_title, shown
from letta_cli.tools.stale import explain_change
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok
from letta_cli.workspace.files import FileChanged, FileRefused
from letta_cli.workspace.text import split_lines, with_newlines

SPEC = ToolSpec(
    name="Write",
    description="Create a file, or replace one that was read. Use Edit to change parts.",
    parameters=schema("file_path content", file_path=text_of(), content=text_of()),
    kind="edit",
    summary="create a file with this content",
)


async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    files = context.workspace.files
    new = text(arguments, "content")
    try:
        path = files.resolve(text(arguments, "file_path"))
        label = shown(path, context.workspace.cwd)
        old = files.current(path)
        if old is not None and not files.seen(path):
            return failed(
                f"{label} exists and was not read yet, so nothing was written. "
                "Read it first; then Edit it, or Write the whole new text."
            )
        if old is not None and files.stale(old):
            return failed(explain_change(path, context))
        if mark := masked_in(new, old.text if old else ""):
            return failed(masked_refusal(mark, label))
        if old is not None:
            new = with_newlines(new, old.style.newline)
            if new == old.text:
                return ok(f"{label} already has exactly this text. Nothing changed.")
        written = files.write(path, new, old.style if old else None)
    except FileChanged as error:
        return failed(explain_change(error.path, context))
    except FileRefused as error:
        return failed(str(error))
    change = Change(old.text if old else "", new)
    verb = "Created" if written.created else "Replaced"
    count = len(split_lines(new))
    note = f" Note: {written.note}." if written.note else ""
    return ok(
        f"{verb} {label} ({count} line{'' if count == 1 else 's'}).{note}",
        change.display(f"{verb} {label}", label),
    )


def preview(arguments: Mapping[str, Any], context: ToolContext) -> Display | None:
    try:
        path = context.workspace.files.resolve(text(arguments, "file_path"))
        old = context.workspace.files.current(path)
    except FileRefused:
        return None
    label = shown(path, context.workspace.cwd)
    change = Change(old.text if old else "", text(arguments, "content"))
    return change.display(f"{'Replace' if old else 'Create'} {label}", label)


TOOL = Tool(SPEC, run, file_title("Write"), preview)
