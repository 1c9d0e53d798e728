"""`agent undo`: takes back what a conversation did to files, and shows what stands in the way."""

from dataclasses import asdict
from typing import Annotated

import typer

from letta_cli.agent.rewind import (
    NOT_COVERED,
    PastTurn,
    past_turns,
    plan_files,
    restore_files,
    turn_numbered,
)
from letta_cli.app import settle_commands
from letta_cli.cli import options
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import clip, confirmed, say, say_json, table
from letta_cli.cli.sessions import find
from letta_cli.config import load_config
from letta_cli.core.agent import Conversation
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.exit_codes import FAILED
from letta_cli.frontends.sanitize import sanitize_line
from letta_cli.workspace.undo import Blobs, Plan, Restored, Target
from letta_cli.workspace.undo.tidy import tidy

app = new_app()

_WORDS = 60
_LOOKED_AT = 200


@app.command(cls=LightCommand)
def undo(
    conversation: Annotated[
        str,
        typer.Argument(metavar="CONVERSATION", help="Default: this directory's latest."),
    ] = "",
    to: Annotated[
        int | None,
        typer.Option("--to", metavar="TURN", help="Back to before this turn; default: the last."),
    ] = None,
    list_turns: Annotated[bool, typer.Option("--list", help="List the turns.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would do.")] = False,
    tidy_up: Annotated[
        bool, typer.Option("--tidy", help="Only remove what is kept for undoing since 30 days.")
    ] = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Take back what a conversation did to files.

    Only what it changed itself, and only where nobody has changed the file since: such files are
    shown and left as they are, and the exit code is then 1. The conversation keeps its thread;
    /rewind in the chat also goes back in that.
    """
    if tidy_up:
        config = load_config(cwd=working_directory(None), secrets=False)
        tidy(config.home / "undo", config.environment)
        return
    with opened(agent=agent, database=database) as here:
        found = _conversation(here, conversation)
        settle_commands(here.store, found.cwd)
        turns = past_turns(here.store, found.id)
        if list_turns:
            _show_turns(turns, as_json=as_json)
            return
        try:
            turn = turn_numbered(turns, to)
        except NotFound as error:
            raise NotFound(f"{error} {_elsewhere(here, found)}") from error
        blobs = Blobs(here.config.home / "undo" / "files")
        plan = plan_files(here.store, blobs, found.id, turn)
        if not as_json:
            _show_plan(turn, plan)
        chosen = plan.of("restorable", "done")
        done = Restored((), (), ())
        if chosen and not dry_run:
            if plan.of("restorable") and not yes and not confirmed("Restore these files?"):
                raise UsageError("Nothing was restored. To restore without a question add --yes.")
            with here.store.leases.acquire(found.id):
                done = restore_files(here.store, blobs, found, chosen)
        _tell(turn, plan, done, dry_run=dry_run, as_json=as_json)
    if done.failed or plan.of("changed", "lost"):
        raise typer.Exit(FAILED)


def _conversation(here: Opened, which: str) -> Conversation:
    if which:
        return find(here, which)
    latest = here.store.conversations.latest(here.agent.id, here.directory)
    if latest is None:
        raise NotFound(
            "There is no conversation in this directory. Name one: agent undo CONVERSATION"
        )
    return latest


def _elsewhere(here: Opened, conversation: Conversation) -> str:
    """Which conversation was looked at, and the newest one of this directory that has more."""
    store = here.store
    named = f"It is “{sanitize_line(conversation.title) or conversation.id}”"
    for other in store.conversations.list(here.agent.id, limit=_LOOKED_AT):
        here_too = other.id != conversation.id and other.cwd == conversation.cwd
        if here_too and any(store.changes.counts(other.id).values()):
            title = sanitize_line(other.title)
            return f"{named}. “{title}” has changed files: agent undo {other.id[:13]}"
    return f"{named}, and no other one of this directory has either."


def _show_turns(turns: list[PastTurn], *, as_json: bool) -> None:
    if as_json:
        say_json({"turns": [asdict(turn) for turn in turns]})
        return
    rows = [
        (str(turn.number), str(turn.files or ""), turn.started_at[:16], clip(turn.words, _WORDS))
        for turn in turns
    ]
    table(("TURN", "FILES", "WHEN", "WORDS"), rows, flexible=3)


def _show_plan(turn: PastTurn, plan: Plan) -> None:
    say(f"Back to before turn {turn.number}: {clip(turn.words, _WORDS)}")
    for target in plan.targets:
        say(f"  {_verb(target):<10}{target.change.path}{_reason(target)}")
        for line in target.others:
            say(f"             {clip(line, 100)}")
    say(NOT_COVERED)


def _verb(target: Target) -> str:
    if target.state == "restorable":
        return "remove" if target.change.before is None else "restore"
    return "as it was" if target.state == "done" else "leave"


def _reason(target: Target) -> str:
    return f": {target.reason}" if target.reason else ""


def _tell(turn: PastTurn, plan: Plan, done: Restored, *, dry_run: bool, as_json: bool) -> None:
    kept = plan.of("changed", "lost")
    if as_json:
        say_json(
            {
                "turn": turn.number,
                "dry_run": dry_run,
                "restored": [change.path for change in done.changes],
                "left": [
                    {"path": each.change.path, "reason": each.reason, "others": list(each.others)}
                    for each in kept
                ],
                "failed": [{"path": path, "reason": reason} for path, reason in done.failed],
                "plan": [{"path": each.change.path, "state": each.state} for each in plan.targets],
            }
        )
        return
    for path, reason in done.failed:
        say(f"not restored: {path}: {reason}")
    if not dry_run and not done.changes and not kept and not done.failed:
        say("Nothing to take back: the files are as they were.")
    elif not dry_run:
        left = f", {len(kept)} left as they are" if kept else ""
        say(f"{len(done.changes)} restored{left}.")
