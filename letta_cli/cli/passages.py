"""`agent passages`: archival memory, as the person reads, fills and clears it."""

import sys
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import opened
from letta_cli.cli.output import (
    age,
    agree_to_delete,
    at_least_one,
    clip,
    say,
    say_json,
    say_text,
    table,
    tell_deleted,
    warn,
)
from letta_cli.cli.stdin import read_stdin
from letta_cli.core.clock import to_text
from letta_cli.core.counting import plural
from letta_cli.core.errors import UsageError
from letta_cli.core.memory import Origin, Passage
from letta_cli.frontends.sanitize import sanitize_line

app = new_app(
    "Archival memory: texts that the agent keeps and finds by searching, without having them in "
    "its prompt. To search them: agent search WORDS --kind passages"
)

SHORT_ID = len("passage-") + 8

Which = Annotated[str, typer.Argument(metavar="PASSAGE", help="Id, or its beginning.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", "-t", metavar="TAG", help="Repeatable.")]


@app.command("list", cls=LightCommand)
def list_passages(
    tags: Tags = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.")] = 30,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """List passages, the newest first; with --tag those that have all of these tags."""
    at_least_one("--limit", limit)
    with opened(agent=agent, database=database) as here:
        found = here.store.passages.list(here.agent.id, tags=tags or (), limit=limit + 1)
    shown = found[:limit]
    if as_json:
        say_json([_facts(each) for each in shown])
        return
    if not shown:
        say(f"No passage has the tags {', '.join(tags)}." if tags else "No passages yet.")
        return
    rows = [
        (
            each.id[:SHORT_ID],
            age(each.created_at),
            each.origin.actor + (" (untrusted)" if each.origin.untrusted else ""),
            ", ".join(each.tags),
            clip(" ".join(each.text.split()), 60),
        )
        for each in shown
    ]
    table(("ID", "AGE", "BY", "TAGS", "TEXT"), rows, flexible=4)
    if len(found) > limit:
        say("There are more: --limit N")


@app.command("show", cls=LightCommand)
def show_passage(
    which: Which,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Print a passage's text."""
    with opened(agent=agent, database=database) as here:
        passage = here.store.passages.find(here.agent.id, which)
    if as_json:
        say_json(_facts(passage))
        return
    say_text(passage.text)
    if passage.origin.untrusted:
        warn(
            "it was kept while content from outside was in context: "
            f"{sanitize_line(passage.origin.untrusted)}. Decide with: agent memory review"
        )


@app.command("add", cls=LightCommand)
def add_passage(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="What to keep. Without it: standard input."),
    ] = None,
    tags: Tags = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Keep a text that the agent finds when it searches archival memory."""
    if words is None and sys.stdin.isatty():
        raise UsageError("There is nothing to keep: write it behind the command, or pipe it in.")
    text = " ".join(words) if words is not None else read_stdin()
    origin = Origin("person", note="agent passages")
    with opened(agent=agent, database=database) as here:
        made = here.store.passages.insert(here.agent.id, text, tags=tags or (), origin=origin)
    if as_json:
        say_json(_facts(made))
    else:
        under = f" under {', '.join(made.tags)}" if made.tags else ""
        say(f"Kept as {made.id[:SHORT_ID]}{under}")


@app.command("remove", cls=LightCommand)
def remove_passage(
    which: Which,
    yes: options.Yes = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Delete a passage for good."""
    with opened(agent=agent, database=database) as here:
        passage = here.store.passages.find(here.agent.id, which)
        size = plural(len(passage.text), "character")
        begins = clip(" ".join(passage.text.split()), 40)
        agree_to_delete(f"Delete {begins!r} ({size}) for good?", yes=yes)
        here.store.passages.delete(passage.id)
    tell_deleted(passage.id, as_json=as_json)


def _facts(passage: Passage) -> dict[str, Any]:
    """A passage for machines."""
    return {
        "id": passage.id,
        "text": passage.text,
        "tags": list(passage.tags),
        "actor": passage.origin.actor,
        "conversation_id": passage.origin.conversation_id,
        "note": passage.origin.note,
        "untrusted": passage.origin.untrusted,
        "created_at": to_text(passage.created_at),
    }
