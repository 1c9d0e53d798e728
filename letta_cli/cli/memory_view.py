"""What the `agent memory` commands share: finding a block, and showing blocks and revisions."""

from difflib import ndiff
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli.opened import Opened
from letta_cli.cli.output import clip
from letta_cli.core.clock import to_text
from letta_cli.core.errors import NotFound
from letta_cli.core.memory import BlockRevision, MemoryBlock, Origin
from letta_cli.workspace.repository import find_repository, project_key

PERSON = Origin(actor="person", note="agent memory")

Label = Annotated[str, typer.Argument(metavar="LABEL", help="E.g. persona, human, project.")]
ConversationId = Annotated[
    str | None,
    typer.Option("--conversation", metavar="ID", help="Also its own blocks."),
]


def author(revision: BlockRevision) -> str:
    """Who wrote, where, why, and with what from outside in context."""
    origin = revision.origin
    where = f" in {origin.conversation_id[:13]}" if origin.conversation_id else ""
    note = f" ({clip(origin.note, 40)})" if origin.note else ""
    if origin.commanded is not None:
        note = f" ({origin.commanded[0]} in {origin.commanded[1][:13]})"
    marked = f" [untrusted: {clip(revision.open_sources, 60)}]" if revision.open_sources else ""
    return f"{origin.actor}{where}{note}{marked}"


def changed_lines(revision: BlockRevision) -> list[str]:
    """The lines taken out, with ``-``, and put in, with ``+``, without context."""
    before, after = revision.before.splitlines(), revision.after.splitlines()
    return [line for line in ndiff(before, after) if line.startswith(("- ", "+ "))]


def change_size(revision: BlockRevision) -> str:
    """``+3 -1 lines``."""
    signs = [line[0] for line in changed_lines(revision)]
    return f"+{signs.count('+')} -{signs.count('-')} lines"


def project_of(here: Opened) -> str:
    """The key of the project the person stands in."""
    directory = Path(here.directory)
    return project_key(directory, find_repository(directory))


def find_block(here: Opened, label: str, conversation_id: str | None = None) -> MemoryBlock:
    """The block that this label means here; the narrowest scope wins."""
    if conversation_id is not None:
        conversation_id = here.store.conversations.get(conversation_id).id
    return here.store.blocks.find(
        here.agent.id, label, project=project_of(here), conversation_id=conversation_id
    )


def text_at(here: Opened, block: MemoryBlock, version: int) -> str:
    """The text that a version of the block had.

    Raises:
        NotFound: there was no such version.
    """
    if version == block.version:
        return block.value
    revisions = here.store.blocks.since(block.id, 0)
    for revision in revisions:
        if revision.version == version:
            return revision.after
    # The first text of a block that the program made has no revision of its own.
    if version == 1 and revisions:
        return revisions[0].before
    raise NotFound(f"{block.label} has versions 1 to {block.version}, and no {version}.")


def seen_in(here: Opened, block: MemoryBlock) -> str:
    """The block's scope in words."""
    if block.agent_id != here.agent.id:
        return f"all conversations, from {here.store.sharing.owner(block.id)}"
    if block.detached:
        return "none (detached)"
    match block.scope:
        case "agent":
            return "all conversations"
        case "project":
            return here.shorten(block.scope_key)
        case "conversation":
            return block.scope_key


def block_facts(block: MemoryBlock, untrusted: str = "") -> dict[str, Any]:
    """A block for machines; `untrusted`: sources of edits that no person has reviewed."""
    return {
        "id": block.id,
        "label": block.label,
        "description": block.description,
        "value": block.value,
        "limit": block.limit,
        "read_only": block.read_only,
        "scope": block.scope,
        "scope_key": block.scope_key,
        "agent_id": block.agent_id,
        "detached": block.detached,
        "version": block.version,
        "updated_at": to_text(block.updated_at),
        "untrusted": untrusted,
    }


def revision_facts(revision: BlockRevision) -> dict[str, Any]:
    """A revision for machines."""
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
        "untrusted": revision.origin.untrusted,
        "reviewed": revision.reviewed,
        "created_at": to_text(revision.created_at),
    }
