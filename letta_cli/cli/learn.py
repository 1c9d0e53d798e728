"""`agent learn`: make drafts of skills from conversations, and decide on them."""

from typing import Annotated, Any

import typer

from letta_cli.agent.drafts import accept, diff_of, drop, effect_of, root_of, warning_of
from letta_cli.cli import options
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import opened
from letta_cli.cli.output import age, say, say_json, say_text, table, warn
from letta_cli.cli.table import LEARN, target
from letta_cli.core.clock import to_text
from letta_cli.core.skill import SkillDraft
from letta_cli.store import Store

app = new_app(
    "Turn a conversation into the draft of a skill, and accept or drop drafts. "
    "DRAFT is a name, an id or its beginning."
)

SHORT_ID = len("draft-") + 8

Which = Annotated[str, typer.Argument(metavar="DRAFT", help="Name, id, or its beginning.")]
Project = Annotated[
    bool, typer.Option("--project", help="For this project: in its .agents/skills.")
]


@app.command("from", cls=LightCommand)
def learn_from(
    conversation: Annotated[
        str | None,
        typer.Argument(
            metavar="CONVERSATION", help="Id, its beginning, or title; else the latest here."
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", "-n", metavar="NAME", help="Name of the skill.")
    ] = "",
    about: Annotated[
        str, typer.Option("--about", metavar="WORDS", help="What of it to learn.")
    ] = "",
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="HANDLE", help="Write it with this.")
    ] = None,
    project: Project = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the draft at once.")] = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> int:
    """Make a draft of what a conversation teaches.

    It says when to use it, which steps worked, and which pitfalls there are. It is checked,
    shown, and kept until somebody accepts or drops it.
    """
    return target(LEARN)(
        which=conversation,
        name=name,
        about=about,
        flags={"model": model, "database": database},
        project=project,
        yes=yes,
        as_json=as_json,
        agent=agent,
        directory=directory,
    )


@app.command("list", cls=LightCommand)
def list_drafts(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were decided on.")
    ] = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """List the drafts that wait for a decision."""
    with opened(agent=agent, database=database) as here:
        drafts = here.store.skill_drafts.list(here.agent.id, state=None if everything else "open")
        sources = {each.id: source_of(here.store, each) for each in drafts}
    if as_json:
        say_json([draft_facts(each) for each in drafts])
        return
    if not drafts:
        say("No draft waits. Make one with: agent learn CONVERSATION")
        return
    rows = [
        (
            each.state,
            each.id[:SHORT_ID],
            age(each.created_at),
            each.name + (" (untrusted)" if each.untrusted else ""),
            sources[each.id],
        )
        for each in drafts
    ]
    table(("STATE", "ID", "AGE", "SKILL", "FROM"), rows, flexible=4)


@app.command("show", cls=LightCommand)
def show_draft(
    which: Which,
    project: Project = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Show a draft, as a diff where it would replace a skill."""
    with opened(agent=agent, database=database, directory=directory) as here:
        draft = here.store.skill_drafts.find(here.agent.id, which)
        if as_json:
            say_json({**draft_facts(draft), "text": draft.text})
        else:
            say_text(diff_of(draft, root_of(here.config, project=project)))
            if draft.untrusted:
                warn(warning_of(draft))


@app.command("accept", cls=LightCommand)
def accept_draft(
    which: Which,
    project: Project = False,
    reviewed: Annotated[
        bool,
        typer.Option(
            "--reviewed", help="You read it: text from outside may have had a part in it."
        ),
    ] = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Make a draft a skill, in ~/.agent/skills. What it replaces comes back when it is dropped."""
    with opened(agent=agent, database=database, directory=directory) as here:
        draft = here.store.skill_drafts.find(here.agent.id, which)
        path = accept(here.store, draft, here.config, project=project, reviewed=reviewed)
        if as_json:
            say_json(draft_facts(here.store.skill_drafts.find(here.agent.id, draft.id)))
        else:
            say(f"{draft.name} is a skill now: {here.shorten(str(path))}")
        if untrusted := effect_of(here.config, path):
            warn(untrusted)


@app.command("drop", cls=LightCommand)
def drop_draft(
    which: Which,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Drop a draft; an accepted one is taken away again."""
    with opened(agent=agent, database=database) as here:
        draft = here.store.skill_drafts.find(here.agent.id, which)
        drop(here.store, draft)
        if as_json:
            say_json(draft_facts(here.store.skill_drafts.find(here.agent.id, draft.id)))
        elif draft.state != "accepted":
            say(f"Dropped the draft of {draft.name}")
        else:
            back = "; the one before it is back" if draft.replaced else ""
            say(f"Took {draft.name} away from {here.shorten(draft.path)}{back}")


def source_of(store: Store, draft: SkillDraft) -> str:
    """The title of the conversation that proposed it."""
    found = store.conversations.list(draft.agent_id, archived=None, kind=None)
    return next((each.title for each in found if each.id == draft.conversation_id), "")


def draft_facts(draft: SkillDraft) -> dict[str, Any]:
    """A draft for machines."""
    return {
        "id": draft.id,
        "name": draft.name,
        "state": draft.state,
        "conversation_id": draft.conversation_id,
        "path": draft.path,
        "untrusted": draft.untrusted,
        "created_at": to_text(draft.created_at),
    }
