"""`agent import`: brings in what other programs keep of their conversations."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import opened
from letta_cli.cli.output import clip, say, say_json, warn
from letta_cli.core.clock import to_text
from letta_cli.core.counting import plural
from letta_cli.core.errors import NotFound
from letta_cli.portable.histories import (
    PROGRAMS,
    Program,
    Report,
    State,
    find_histories,
    import_history,
)

app = new_app(
    "Bring in the histories of other programs as conversations that can be searched and gone on "
    "with. A second import adds only what is new."
)

Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH", help="Files or folders; else where the program keeps them."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be imported.")]

_SHOWN = 20
_TOLD: dict[State, str] = {
    "new": "new",
    "continued": "continued",
    "rewritten": "with another end than before",
    "branched": "went on here and there: now two conversations",
    "unchanged": "unchanged",
    "deleted": "deleted here before, and not brought back",
    "empty": "empty",
    "subagent": "of subagents, left out (--subagents takes them)",
    "refused": "refused",
}
_STORED = ("new", "continued", "rewritten", "branched")


@app.command("claude", cls=LightCommand)
def import_claude(
    paths: Paths = None,
    dry_run: DryRun = False,
    subagents: Annotated[
        bool, typer.Option("--subagents", help="Also what subagents said and did.")
    ] = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> int:
    """Import the histories of Claude Code, from ~/.claude/projects."""
    return _import(
        "claude", paths, dry_run, as_json=as_json, agent=agent, database=database,
        subagents=subagents,
    )  # fmt: skip


@app.command("codex", cls=LightCommand)
def import_codex(
    paths: Paths = None,
    dry_run: DryRun = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> int:
    """Import the histories of Codex, from ~/.codex/sessions."""
    return _import("codex", paths, dry_run, as_json=as_json, agent=agent, database=database)


@app.command("pi", cls=LightCommand)
def import_pi(
    paths: Paths = None,
    dry_run: DryRun = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> int:
    """Import the histories of pi, from ~/.pi/agent/sessions."""
    return _import("pi", paths, dry_run, as_json=as_json, agent=agent, database=database)


def _import(
    kind: str, paths: Sequence[str] | None, dry_run: bool, *, as_json: bool, agent: str | None,
    database: str | None, subagents: bool = False,
) -> int:  # fmt: skip
    program = PROGRAMS[kind]
    with opened(agent=agent, database=database) as here:
        places = [Path(path).expanduser() for path in paths or ()]
        places = places or program.places(here.config.user_home, here.config.other_homes)
        files = find_histories(program, places)
        if not files:
            looked = ", ".join(here.shorten(str(place)) for place in places)
            raise NotFound(
                f"There is no history of {program.name} in {looked}. If it lies elsewhere, name "
                f"it: agent import {kind} PATH"
            )
        reports: list[Report] = []
        for number, file in enumerate(files, start=1):
            _progress(f"{number} of {len(files)}")
            reports.append(
                import_history(
                    here.store, here.agent.id, kind, file, subagents=subagents, dry_run=dry_run
                )
            )
        _progress("indexing")
        while here.store.indexing.catch_up():
            pass
        _progress("")
    if as_json:
        say_json(_as_json(program, reports, dry_run))
    else:
        _tell(program, reports, dry_run)
    return 1 if any(each.state == "refused" for each in reports) else 0


def _progress(text: str) -> None:
    """One line that is written over; nothing where no person looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _tell(program: Program, reports: Sequence[Report], dry_run: bool) -> None:
    stored = [each for each in reports if each.state in _STORED]
    for each in stored[:_SHOWN]:
        began = f"{each.began_at:%Y-%m-%d}" if each.began_at else ""
        name = each.conversation_id[:13] or "(dry run)"
        say(f"{name:13}  {began}  {plural(each.added, 'message'):>14}  {clip(each.title, 60)}")
    if len(stored) > _SHOWN:
        say(f"… and {len(stored) - _SHOWN} more")
    states = Counter(each.state for each in reports)
    messages = sum(each.added for each in stored)
    would = "would be imported" if dry_run else "imported"
    say(
        f"{program.name}: {len(stored)} of {plural(len(reports), 'history', 'histories')} {would}, "
        f"{plural(messages, 'message')}."
    )
    for state, words in _TOLD.items():
        if states[state] and (state != "new" or len(stored) != states[state]):
            say(f"  {states[state]:>5} {words}")
    for each in reports:
        if each.state == "refused":
            warn(each.detail)
    if broken := sum(each.broken for each in reports):
        files = sum(1 for each in reports if each.broken)
        lines, where = plural(broken, "broken line"), plural(files, "file")
        say(f"        {lines} in {where} skipped")
    if masked := sum(each.masked for each in reports):
        say(f"        {plural(masked, 'credential')} masked")
    if stored and not dry_run:
        say("Search them with: agent search WORDS")


def _as_json(program: Program, reports: Sequence[Report], dry_run: bool) -> dict[str, Any]:
    return {
        "program": program.name,
        "dry_run": dry_run,
        "histories": [
            {
                "path": each.path,
                "state": each.state,
                "conversation_id": each.conversation_id or None,
                "title": each.title,
                "began_at": to_text(each.began_at) if each.began_at else None,
                "messages_added": each.added,
                "broken_lines": each.broken,
                "credentials_masked": each.masked,
                "ignored": dict(each.ignored),
                "detail": each.detail,
            }
            for each in reports
        ],
        "states": Counter(each.state for each in reports),
        "messages_added": sum(each.added for each in reports if each.state in _STORED),
    }
