"""`agent memory`: reads and changes what the agent remembers, with the history of every edit."""

import sys
from difflib import ndiff
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.editor import edit_text, keep_draft
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import age, at_least_one, clip, say, say_json, say_text, table
from letta_cli.core.clock import to_text
from letta_cli.core.errors import Conflict, StoreError, UsageError
from letta_cli.core.memory import BlockRevision, MemoryBlock, Origin
from letta_cli.frontends.sanitize import sanitize_line
from letta_cli.workspace.repository import find_repository, project_key

app = new_app("Read and change what the agent remembers.")

PERSON = Origin(actor="person", note="agent memory")

Label = Annotated[str, typer.Argument(metavar="LABEL", help="E.g. persona, human, project.")]


@app.command("list", cls=LightCommand)
def list_blocks(
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """List the memory blocks of all scopes."""
    with opened(agent=agent, database=database, directory=directory) as here:
        blocks = here.store.blocks.list(here.agent.id)
    if as_json:
        say_json([_facts(block) for block in blocks])
        return
    rows = [
        (
            block.label + (" (read-only)" if block.read_only else ""),
            _where(here, block),
            f"{len(block.value)}/{block.limit}",
            str(block.version),
            age(block.updated_at),
            clip(block.value.strip().partition("\n")[0], 60),
        )
        for block in blocks
    ]
    table(("LABEL", "SEEN IN", "SIZE", "VERSION", "CHANGED", "TEXT"), rows, flexible=5)


@app.command("show", cls=LightCommand)
def show_block(
    label: Label,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Print a block's text. A project's block is that of this directory's project."""
    with opened(agent=agent, database=database, directory=directory) as here:
        block = _find(here, label)
    if as_json:
        say_json(_facts(block))
    else:
        say_text(block.value)


@app.command("edit", cls=LightCommand)
def edit_block(
    label: Label,
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="The new text.")
    ] = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Change a block: in $EDITOR, or with --text, or from standard input."""
    with opened(agent=agent, database=database, directory=directory) as here:
        block = _find(here, label)
        new = text if text is not None else _new_text(here, block)
        revision = None if new == block.value else _write(here, block, new)
    if as_json:
        say_json(_revision(revision) if revision else {"label": label, "version": block.version})
    elif revision is None:
        say(f"{label} is unchanged (version {block.version})")
    else:
        say(f"{label} is now version {revision.version}; undo with: agent memory undo {label}")


@app.command("log", cls=LightCommand)
def show_log(
    label: Annotated[
        str | None, typer.Argument(metavar="LABEL", help="Only this block's history.")
    ] = None,
    patch: Annotated[bool, typer.Option("--patch", "-p", help="Show what changed.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.")] = 30,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Show who changed what and when, the newest first."""
    at_least_one("--limit", limit)
    with opened(agent=agent, database=database, directory=directory) as here:
        revisions = here.store.blocks.revisions(here.agent.id, label=label, limit=limit)
    if as_json:
        say_json([_revision(revision) for revision in revisions])
        return
    if not revisions:
        say("No edit yet." if label is None else f"No edit of {label!r} yet.")
    for revision in revisions:
        say(
            f"{revision.label} {revision.version}  {age(revision.created_at)}  "
            f"{_author(revision.origin)}  {change_size(revision)}"
        )
        if patch:
            for line in changed_lines(revision):
                say(f"    {sanitize_line(line)}")


@app.command("undo", cls=LightCommand)
def undo_edit(
    label: Label,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Take back the newest edit of a block; the history keeps both."""
    with opened(agent=agent, database=database, directory=directory) as here:
        revision = here.store.blocks.undo(_find(here, label).id, origin=PERSON)
    if as_json:
        say_json(_revision(revision))
    else:
        say(f"{label} is now version {revision.version}:")
        say_text(revision.after)


def _new_text(here: Opened, block: MemoryBlock) -> str:
    if sys.stdin.isatty():
        return edit_text(block.value, editor=here.config.editor, name=block.label)
    new = sys.stdin.read().removesuffix("\n")
    if not new:
        # A script without standard input must not empty the block by accident.
        raise UsageError('Standard input is empty. To empty the block write: --text ""')
    return new


def _write(here: Opened, block: MemoryBlock, new: str) -> BlockRevision:
    """Store the new text unless somebody was quicker; then keep it and say so."""
    try:
        return here.store.blocks.rethink(block.id, new, version=block.version, origin=PERSON)
    except Conflict as conflict:
        draft = keep_draft(here.config.home / "output", block.label, new)
        raise Conflict(
            f"{block.label} changed while you edited it (version {block.version} became "
            f"{conflict.version}), so your text was not stored. It is kept in {draft}.\n"
            f"The text is now:\n{conflict.current}",
            current=conflict.current,
            version=conflict.version,
        ) from conflict
    except StoreError as error:
        draft = keep_draft(here.config.home / "output", block.label, new)
        raise type(error)(f"{error}\nYour text is kept in {draft}.") from error


def _author(origin: Origin) -> str:
    where = f" in {origin.conversation_id[:13]}" if origin.conversation_id else ""
    note = f" ({clip(origin.note, 40)})" if origin.note else ""
    return f"{origin.actor}{where}{note}"


def changed_lines(revision: BlockRevision) -> list[str]:
    """The lines taken out, with ``-``, and put in, with ``+``, without context."""
    before, after = revision.before.splitlines(), revision.after.splitlines()
    return [line for line in ndiff(before, after) if line.startswith(("- ", "+ "))]


def change_size(revision: BlockRevision) -> str:
    """``+3 -1 lines``."""
    signs = [line[0] for line in changed_lines(revision)]
    return f"+{signs.count('+')} -{signs.count('-')} lines"


def _find(here: Opened, label: str) -> MemoryBlock:
    directory = Path(here.directory)
    project = project_key(directory, find_repository(directory))
    return here.store.blocks.find(here.agent.id, label, project=project)


def _where(here: Opened, block: MemoryBlock) -> str:
    match block.scope:
        case "agent":
            return "all conversations"
        case "project":
            return here.shorten(block.scope_key)
        case "conversation":
            return block.scope_key


def _facts(block: MemoryBlock) -> dict[str, Any]:
    return {
        "id": block.id,
        "label": block.label,
        "description": block.description,
        "value": block.value,
        "limit": block.limit,
        "read_only": block.read_only,
        "scope": block.scope,
        "scope_key": block.scope_key,
        "version": block.version,
        "updated_at": to_text(block.updated_at),
    }


def _revision(revision: BlockRevision) -> dict[str, Any]:
    return {
        "block_id": revision.block_id,
        "label": revision.label,
        "version": revision.version,
        "before": revision.before,
        "after": revision.after,
        "actor": revision.origin.actor,
        "conversation_id": revision.origin.conversation_id,
        "run_id": revision.origin.run_id,
        "note": revision.origin.note,
        "created_at": to_text(revision.created_at),
    }
