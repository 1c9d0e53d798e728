"""`agent memory`: reads and changes what the agent remembers, with the history of every edit."""

import sys
from dataclasses import replace
from typing import Annotated

import typer

from letta_cli.cli import (
    memory_blocks,
    memory_files,
    memory_history,
    memory_mirror,
    memory_review,
    memory_sharing,
    options,
)
from letta_cli.cli.editor import edit_text, keep_draft
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.memory_view import (
    PERSON,
    ConversationId,
    Label,
    author,
    block_facts,
    change_size,
    changed_lines,
    find_block,
    revision_facts,
    seen_in,
    text_at,
)
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import age, at_least_one, clip, say, say_json, say_text, table, warn
from letta_cli.cli.stdin import read_stdin
from letta_cli.core.errors import Conflict, NotFound, StoreError, UsageError
from letta_cli.core.memory import BlockRevision, MemoryBlock
from letta_cli.frontends.sanitize import sanitize_line

app = new_app("Read and change what the agent remembers.")


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
        blocks += here.store.sharing.detached(here.agent.id)
        places = {block.id: seen_in(here, block) for block in blocks}
        marked = here.store.reviews.sources(blocks)
    if as_json:
        say_json([block_facts(block, marked.get(block.id, "")) for block in blocks])
        return
    rows = [
        (
            block.label
            + (" (read-only)" if block.read_only else "")
            + (" (untrusted)" if block.id in marked else ""),
            places[block.id],
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
    at: Annotated[
        int | None, typer.Option("--at", metavar="VERSION", help="As it was in this version.")
    ] = None,
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Print a block's text. A project's block is that of this directory's project."""
    with opened(agent=agent, database=database, directory=directory) as here:
        block = find_block(here, label, conversation)
        marked = here.store.reviews.sources([block]).get(block.id, "")
        if at is not None:
            block = replace(block, value=text_at(here, block, at), version=at)
    if as_json:
        say_json(block_facts(block, marked))
        return
    say_text(block.value)
    if marked:
        warn(
            f"parts of it were written while content from outside was in context: "
            f"{sanitize_line(marked)}. Look at them with: agent memory review {label}"
        )


@app.command("edit", cls=LightCommand)
def edit_block(
    label: Label,
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="The new text.")
    ] = None,
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Change a block in $EDITOR, by --text or from standard input."""
    with opened(agent=agent, database=database, directory=directory) as here:
        block = find_block(here, label, conversation)
        new = text if text is not None else _new_text(here, block)
        revision = None if new == block.value else _write(here, block, new)
    if as_json:
        say_json(
            revision_facts(revision) if revision else {"label": label, "version": block.version}
        )
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
        say_json([revision_facts(revision) for revision in revisions])
        return
    if not revisions:
        say("No edit yet." if label is None else f"No edit of {label!r} yet.")
    for revision in revisions:
        say(
            f"{revision.label} {revision.version}  {age(revision.created_at)}  "
            f"{author(revision)}  {change_size(revision)}"
        )
        if patch:
            for line in changed_lines(revision):
                say(f"    {sanitize_line(line)}")


@app.command("undo", cls=LightCommand)
def undo_edit(
    label: Label,
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Take back the newest edit of a block, or its deletion."""
    with opened(agent=agent, database=database, directory=directory) as here:
        revision = _undo(here, label, conversation)
    if as_json:
        say_json(revision_facts(revision))
    else:
        say(f"{label} is now version {revision.version}:")
        say_text(revision.after)


for _name, _command in (
    ("create", memory_blocks.create_block),
    ("rename", memory_blocks.rename_block),
    ("describe", memory_blocks.describe_block),
    ("limit", memory_blocks.limit_block),
    ("read-only", memory_blocks.protect_block),
    ("remove", memory_blocks.delete_block),
    ("attach", memory_sharing.attach_block),
    ("detach", memory_sharing.detach_block),
    ("isolate", memory_sharing.isolate_block),
    ("diff", memory_history.show_diff),
    ("blame", memory_history.show_blame),
    ("review", memory_review.review_edits),
    ("export", memory_files.export_blocks),
    ("import", memory_files.import_blocks),
    ("mirror", memory_mirror.mirror_blocks),
):
    app.command(_name, cls=LightCommand)(_command)


def _undo(here: Opened, label: str, conversation: str | None) -> BlockRevision:
    try:
        block = find_block(here, label, conversation)
    except NotFound:
        for deleted in here.store.blocks.deleted(here.agent.id):
            if deleted.label == label.strip():
                return here.store.blocks.restore(deleted.id, origin=PERSON)
        raise
    return here.store.blocks.undo(block.id, origin=PERSON)


def _new_text(here: Opened, block: MemoryBlock) -> str:
    if sys.stdin.isatty():
        return edit_text(block.value, editor=here.config.editor, name=block.label)
    new = read_stdin().removesuffix("\n")
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
