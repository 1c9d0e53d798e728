"""`agent remember`: stores one thing in memory, as it is said, without asking a model."""

import sys
from typing import Annotated

import typer

from letta_cli.agent.remembering import changed_lines, remember, undo_command
from letta_cli.cli import options
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.memory_view import ConversationId, project_of, revision_facts, seen_in
from letta_cli.cli.opened import opened
from letta_cli.cli.output import say, say_json
from letta_cli.cli.stdin import read_stdin
from letta_cli.core.errors import UsageError
from letta_cli.core.memory import Origin
from letta_cli.frontends.sanitize import sanitize_line

app = new_app()


@app.command(cls=LightCommand)
def remember_text(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="What to remember. Without it: standard input."),
    ] = None,
    block: Annotated[
        str | None,
        typer.Option("--block", metavar="LABEL", help="Where to, e.g. human, project, persona."),
    ] = None,
    conversation: ConversationId = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Store TEXT in memory, whole and only once. All conversations are told of it.

    Without --block its words decide: human for what is about you, persona for how the agent
    should work, project for what is about this directory's project.
    """
    text = " ".join(words) if words else _piped()
    with opened(agent=agent, database=database, directory=directory) as here:
        if conversation is not None:
            conversation = here.store.conversations.get(conversation).id
        done = remember(
            here.store, here.agent.id, text, project=project_of(here), label=block,
            conversation_id=conversation, origin=Origin("person", note="agent remember"),
        )  # fmt: skip
        scope = seen_in(here, done.block)
    label, revision = done.block.label, done.revision
    if as_json:
        facts = revision_facts(revision) if revision else {}
        known = {"label": label, "version": done.block.version}
        say_json({**known, **facts, "stored": revision is not None, "why": done.why})
    elif revision is None:
        say(f"{label} says that already (version {done.block.version}); nothing was stored")
    else:
        say(f"{label} ({scope}), because {done.why}:" if block is None else f"{label} ({scope}):")
        for line in changed_lines(revision):
            say(f"  {sanitize_line(line)}")
        say(f"undo: {undo_command(done.block)}")


def _piped() -> str:
    if sys.stdin.isatty():
        raise UsageError('Say what to remember: agent remember "I like short answers"')
    return read_stdin()
