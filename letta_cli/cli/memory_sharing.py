"""`agent memory attach`, `detach`, `isolate`: which agents and conversations see a block."""

from typing import Annotated

import typer

from letta_cli.cli import options
from letta_cli.cli.memory_view import PERSON, Label, block_facts, find_block
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import say, say_json
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.memory import MemoryBlock


def attach_block(
    label: Label,
    owner: Annotated[
        str | None,
        typer.Option("--from", metavar="AGENT", help="The agent whose block it is."),
    ] = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Share another agent's block, or put a detached one back.

    It stays one block: what either agent writes there, both know.
    """
    with opened(agent=agent, database=database) as here:
        block = _theirs(here, label, owner) if owner else _detached(here, label)
        made = here.store.sharing.attach(block.id, here.agent.id, origin=PERSON)
    if as_json:
        say_json({"id": block.id, "label": block.label, "version": made.version})
    else:
        say(f"{block.label} is in all conversations of {here.agent.name}")


def detach_block(
    label: Label,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Take a block out of this agent's conversations. Nothing of it is lost."""
    with opened(agent=agent, database=database, directory=directory) as here:
        block = find_block(here, label)
        made = here.store.sharing.detach(block.id, here.agent.id, origin=PERSON)
        owner = here.store.sharing.owner(block.id)
    if as_json:
        say_json({"id": block.id, "label": block.label, "version": made.version})
        return
    back = f" --from {owner}" if block.agent_id != here.agent.id else ""
    say(f"{block.label} is detached; put it back with: agent memory attach {block.label}{back}")


def isolate_block(
    label: Label,
    conversation: Annotated[
        str | None, typer.Option("--conversation", metavar="ID", help="Which one gets the copy.")
    ] = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Give one conversation its own copy of a block.

    It sees that instead of the shared one; its forks get a copy of the copy. Delete it with
    --conversation ID to see the shared one again.
    """
    if conversation is None:
        raise UsageError("isolate needs --conversation ID. See: agent sessions list")
    with opened(agent=agent, database=database) as here:
        chosen = here.store.conversations.get(conversation)
        block = here.store.blocks.find(
            chosen.agent_id, label, project=chosen.project, conversation_id=chosen.id
        )
        made = here.store.sharing.isolate(block.id, chosen.id, origin=PERSON)
    if as_json:
        say_json(block_facts(made))
    else:
        say(f"{chosen.id} has its own {made.label} now")


def _theirs(here: Opened, label: str, owner: str) -> MemoryBlock:
    """The other agent's block of this label, detached or not."""
    other = here.store.agents.find(owner)
    for block in here.store.sharing.detached(other.id):
        if block.label == label.strip():
            return block
    return here.store.blocks.find(other.id, label)


def _detached(here: Opened, label: str) -> MemoryBlock:
    for block in here.store.sharing.detached(here.agent.id):
        if block.label == label.strip():
            return block
    raise NotFound(
        f"{here.agent.name} has no detached block {label!r}. "
        "To share one of another agent: --from AGENT"
    )
