"""`agent reflect`: let the agent look back on its conversations, and review what came of it."""

from typing import Annotated

import typer

from letta_cli.agent.reflection_news import SHORT_ID, changed_text
from letta_cli.cli import options
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import age, at_least_one, confirmed, say, say_json, table
from letta_cli.cli.reflect_view import (
    WHY,
    cost_text,
    facts,
    lines_of,
    read_text,
)
from letta_cli.cli.table import REFLECT, target
from letta_cli.core.counting import plural
from letta_cli.core.errors import UsageError
from letta_cli.core.reflection import Reflection

app = new_app(
    "Let the agent look back on conversations and edit its memory; review and undo that. "
    "WHICH is an id, its beginning, or: last."
)

Which = Annotated[str, typer.Argument(metavar="WHICH", help="Id, its beginning, or last.")]


@app.command("now", cls=LightCommand)
def reflect_now(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORDS", help="What to mind."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="HANDLE", help="Reflect with it.")
    ] = None,
    max_budget_usd: Annotated[
        float | None,
        typer.Option("--max-budget-usd", metavar="USD", help="End at this cost."),
    ] = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
    background: Annotated[bool, typer.Option("--background", hidden=True)] = False,
    occasion: Annotated[str, typer.Option("--occasion", hidden=True)] = "person",
) -> int:
    """Read what is unread in all conversations; edit memory.

    It costs model calls: see reflection.maxBudgetUsd and reflection.maxSteps in agent config.
    """
    return target(REFLECT)(
        words=" ".join(words or ()),
        flags={
            "model": model,
            "reflection.maxBudgetUsd": max_budget_usd,
            "database": database,
        },
        as_json=as_json,
        agent=agent,
        directory=directory,
        background=background,
        occasion=occasion,
    )


@app.command("log", cls=LightCommand)
def show_log(
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.")] = 20,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """List reflections, the newest first, and say what is unread."""
    at_least_one("--limit", limit)
    with opened(agent=agent, database=database) as here:
        found = here.store.reflections.list(here.agent.id, limit=limit)
        if as_json:
            say_json([facts(here.store, each) for each in found])
            return
        rows = [_row(here, each) for each in found]
        unread = here.store.reflections.unread(here.agent.id)
    if rows:
        heads = ("STATE", "ID", "AGE", "WHY", "READ", "CHANGED", "COST")
        table(heads, rows, flexible=5)
    messages = sum(each.last - each.first + 1 for each in unread)
    of_them = f"{plural(messages, 'message')} of {plural(len(unread), 'conversation')}"
    say(f"Unread: {of_them}." if unread else "All read.")


@app.command("show", cls=LightCommand)
def show_reflection(
    which: Which = "last",
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Show what a reflection read and what it changed, edit by edit."""
    with opened(agent=agent, database=database) as here:
        found = here.store.reflections.find(here.agent.id, which)
        if as_json:
            say_json(facts(here.store, found))
            return
        say(f"{found.id}  {state_of(here, found)}, {age(found.started_at)}, {WHY[found.occasion]}")
        if found.conversation_id:
            cost = cost_text(here.store, found)
            say(f"read {read_text(found)} in {found.conversation_id}{cost and f', {cost}'}")
        if found.error:
            say(found.error)
        for line in lines_of(here.store, found):
            say(line)


@app.command("undo", cls=LightCommand)
def undo_reflection(
    which: Which = "last",
    yes: options.Yes = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Take back all that a reflection changed.

    What others changed since stays.
    """
    with opened(agent=agent, database=database) as here:
        found = here.store.reflections.find(here.agent.id, which)
        if found.state == "undone":
            raise UsageError(f"{found.id} was taken back already.")
        with here.store.reflections.alone(here.agent.id):
            if not yes:
                for line in lines_of(here.store, found):
                    say(line)
                if not confirmed(f"Take back {changed_text(here.store, found)}?"):
                    raise UsageError("Nothing was taken back. Without a question: --yes.")
            _take_back(here, found, as_json)


def _take_back(here: Opened, found: Reflection, as_json: bool) -> None:
    from letta_cli.agent.taking_back import take_back
    from letta_cli.core.memory import Origin

    done = take_back(here.store, found, Origin("person", note=f"undo of {found.id[:SHORT_ID]}"))
    if as_json:
        say_json(
            {
                "id": found.id,
                "taken_back": len(done.revisions),
                "passages": done.passages,
                "skill_drafts": done.drafts,
                "kept": done.kept,
            }
        )
        return
    for revision in done.revisions:
        say(f"{revision.label} is now version {revision.version}")
    for line in done.kept:
        say(f"kept: {line}")
    edits, passages = plural(len(done.revisions), "edit"), plural(done.passages, "passage")
    say(f"Took back {found.id}: {edits}, {passages}.")


def _row(here: Opened, each: Reflection) -> tuple[str, ...]:
    return (
        state_of(here, each),
        each.id[:SHORT_ID],
        age(each.started_at),
        WHY[each.occasion],
        str(each.messages),
        each.error if each.state == "failed" else changed_text(here.store, each),
        cost_text(here.store, each),
    )


def state_of(here: Opened, reflection: Reflection) -> str:
    """The state in words; an open one goes on, or was cut off."""
    if reflection.state != "open":
        return reflection.state
    return "running" if here.store.reflections.is_going_on(reflection.agent_id) else "cut off"
