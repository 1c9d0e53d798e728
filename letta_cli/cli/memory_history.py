"""`agent memory diff` and `blame`: what changed between versions, and who wrote which line."""

from difflib import unified_diff
from typing import Annotated

import typer

from letta_cli.cli import options
from letta_cli.cli.memory_view import ConversationId, Label, author, find_block, text_at
from letta_cli.cli.opened import opened
from letta_cli.cli.output import age, say, say_json, table
from letta_cli.core.clock import to_text
from letta_cli.core.memory import BlockRevision
from letta_cli.core.memory_blame import blame
from letta_cli.frontends.sanitize import sanitize_line

Version = Annotated[int | None, typer.Argument(metavar="VERSION", help="Of the block.")]


def show_diff(
    label: Label,
    old: Version = None,
    new: Version = None,
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Show what changed from one version to another.

    Without versions: by the newest edit. With one: from it to now.
    """
    with opened(agent=agent, database=database, directory=directory) as here:
        block = find_block(here, label, conversation)
        first = old if old is not None else max(1, block.version - 1)
        last = new if new is not None else block.version
        before, after = text_at(here, block, first), text_at(here, block, last)
    lines = list(
        unified_diff(
            before.splitlines(), after.splitlines(), f"{label} {first}", f"{label} {last}",
            lineterm="",
        )
    )  # fmt: skip
    if as_json:
        say_json({"label": label, "from": first, "to": last, "diff": "\n".join(lines)})
        return
    for line in lines:
        say(sanitize_line(line))
    if not lines:
        say(f"{label} reads the same in versions {first} and {last}.")


def show_blame(
    label: Label,
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Show for each line of a block who wrote it, and when."""
    with opened(agent=agent, database=database, directory=directory) as here:
        block = find_block(here, label, conversation)
        lines = blame(block.value, here.store.blocks.since(block.id, 0))
    if as_json:
        say_json([_facts(line, revision) for line, revision in lines])
        return
    rows = [
        (
            str(revision.version) if revision else "1",
            author(revision) if revision else "system",
            age(revision.created_at) if revision else "",
            line,
        )
        for line, revision in lines
    ]
    table(("VERSION", "WRITER", "AGE", "LINE"), rows, flexible=3)


def _facts(line: str, revision: BlockRevision | None) -> dict[str, object]:
    if revision is None:
        return {"line": line, "version": 1, "actor": "system", "conversation_id": None}
    return {
        "line": line,
        "version": revision.version,
        "actor": revision.origin.actor,
        "conversation_id": revision.origin.conversation_id,
        "created_at": to_text(revision.created_at),
        "untrusted": revision.origin.untrusted,
        "reviewed": revision.reviewed,
    }
