"""`agent memory create`, `rename`, `describe`, `limit`, `remove`: the person's blocks."""

from typing import Annotated, get_args

import typer

from letta_cli.cli import options
from letta_cli.cli.memory_view import (
    PERSON,
    ConversationId,
    Label,
    block_facts,
    find_block,
    project_of,
)
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import agree_to_delete, say, say_json
from letta_cli.core.errors import UsageError
from letta_cli.core.memory import DEFAULT_LIMIT, Scope


def create_block(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="What to call it.")],
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="Its first text.")] = "",
    about: Annotated[
        str, typer.Option("--about", metavar="TEXT", help="What it is for; the model reads it.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", help="Characters it may hold.")
    ] = DEFAULT_LIMIT,
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="Who sees it: agent (all conversations), project (this one's), conversation.",
        ),
    ] = "agent",
    conversation: Annotated[
        str | None,
        typer.Option("--conversation", metavar="ID", help="The one for --scope conversation."),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Only you may change it, not the model.")
    ] = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Make a block. Conversations that are open are told of it."""
    if limit < 1:
        raise UsageError("--limit is at least 1 character.")
    with opened(agent=agent, database=database, directory=directory) as here:
        chosen, key = _scope(here, scope, conversation)
        block = here.store.blocks.create(
            here.agent.id, label, description=about, value=text, limit=limit, scope=chosen,
            scope_key=key, read_only=read_only, origin=PERSON,
        )  # fmt: skip
    if as_json:
        say_json(block_facts(block))
    else:
        say(f"{block.label} is there; write to it with: agent memory edit {block.label}")


def rename_block(
    label: Label,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new label.")],
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Give a block another label; its history stays with it."""
    with opened(agent=agent, database=database, directory=directory) as here:
        block = find_block(here, label, conversation)
        made = here.store.blocks.rename(block.id, new, origin=PERSON)
    if as_json:
        say_json({"id": block.id, "label": made.label, "version": made.version})
    else:
        say(f"{label} is now {made.label}")


def describe_block(
    label: Label,
    about: Annotated[str, typer.Argument(metavar="TEXT", help="What the block is for.")],
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Say what a block is for. The model reads it from its next new or compacted prompt on."""
    with opened(agent=agent, database=database, directory=directory) as here:
        block = find_block(here, label, conversation)
        here.store.blocks.describe(block.id, about)
        block = find_block(here, label, conversation)
    if as_json:
        say_json(block_facts(block))
    else:
        say(f"{label}: {block.description}")


def limit_block(
    label: Label,
    limit: Annotated[int, typer.Argument(metavar="N", help="Characters it may hold.")],
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Set how long a block may be. A text that is longer already stays as it is."""
    with opened(agent=agent, database=database, directory=directory) as here:
        here.store.blocks.set_limit(find_block(here, label, conversation).id, limit)
        block = find_block(here, label, conversation)
    if as_json:
        say_json(block_facts(block))
    else:
        say(f"{label} has {len(block.value):,} of {block.limit:,} characters")


def protect_block(
    label: Label,
    state: Annotated[str, typer.Argument(metavar="on|off", help="Whether only you may edit it.")],
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Let only yourself edit a block, or the model too."""
    if state not in ("on", "off"):
        raise UsageError(f"Expected on or off, found {state!r}.")
    with opened(agent=agent, database=database, directory=directory) as here:
        block = find_block(here, label, conversation)
        here.store.blocks.set_read_only(block.id, state == "on")
        block = find_block(here, label, conversation)
    if as_json:
        say_json(block_facts(block))
    elif block.read_only:
        say(f"{label} is read-only: the model sees it and cannot change it")
    else:
        say(f"{label} can be edited by the model again")


def delete_block(
    label: Label,
    yes: options.Yes = False,
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Take a block out of all conversations. agent memory undo LABEL brings it back."""
    with opened(agent=agent, database=database, directory=directory) as here:
        block = find_block(here, label, conversation)
        agree_to_delete(f"Delete {label} ({len(block.value):,} characters)?", yes=yes)
        made = here.store.blocks.delete(block.id, origin=PERSON)
    if as_json:
        say_json({"id": block.id, "label": block.label, "version": made.version, "deleted": True})
    else:
        say(f"{block.label} is deleted; bring it back with: agent memory undo {block.label}")


def _scope(here: Opened, scope: str, conversation: str | None) -> tuple[Scope, str]:
    """The scope and its key.

    Raises:
        UsageError: no such scope, or it does not go with the other options.
        NotFound: there is no such conversation.
    """
    if conversation is not None and scope != "conversation":
        raise UsageError("--conversation goes with --scope conversation.")
    match scope:
        case "agent":
            return "agent", ""
        case "project":
            return "project", project_of(here)
        case "conversation":
            if conversation is None:
                raise UsageError("--scope conversation needs --conversation ID.")
            return "conversation", here.store.conversations.get(conversation).id
        case _:
            raise UsageError(f"{scope!r} is none of the scopes: {', '.join(get_args(Scope))}.")
