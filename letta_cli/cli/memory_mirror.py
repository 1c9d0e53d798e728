"""`agent memory mirror`: all blocks as files in a git repository, and a person's edits back."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import say, say_json, warn
from letta_cli.config.edit import set_value, unset_value
from letta_cli.core.errors import UsageError
from letta_cli.frontends.sanitize import sanitize_line

WAIT_SECONDS = 60.0
SETTING = "memoryMirror"


def mirror_blocks(
    folder: Annotated[
        str | None, typer.Argument(metavar="DIR", help="Switch it on, in this folder.")
    ] = None,
    once: Annotated[
        str | None,
        typer.Option("--once", metavar="DIR", help="Bring DIR up to date, and switch nothing on."),
    ] = None,
    off: Annotated[
        bool, typer.Option("--off", help="Switch it off. The repository stays.")
    ] = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> int:
    """Mirror all blocks in a git repository: a commit for every edit.

    Edit the files there, or clone, commit and push: it comes back into memory.
    """
    if sum((folder is not None, once is not None, off)) > 1:
        raise UsageError("DIR, --once and --off do not go together.")
    # The engine is imported here: other commands of this module do without it.
    from letta_cli.agent.mirror import synchronise
    from letta_cli.workspace.memory_repository import MemoryRepository

    with opened(agent=agent, database=database, mirrored=False) as here:
        home = here.config.home
        if off:
            unset_value(home, home / "settings.json", SETTING)
            say("The mirror is switched off.")
            return 0
        root = _root(here, folder or once)
        repository = MemoryRepository.open(root)
        report = synchronise(here.store, repository, wait_seconds=WAIT_SECONDS)
        repository.install_hook(_hook(here, root))
        if folder is not None and here.config.memory_mirror != root:
            set_value(home, home / "settings.json", SETTING, str(root))
    facts: dict[str, Any] = {
        "folder": str(root),
        "commits": report.commits,
        "edits": [
            {
                "path": each.path, "state": each.state, "label": each.label,
                "version": each.version, "author": each.author, "branch": each.branch,
                "detail": each.detail,
            }
            for each in report.taken
        ],
        "kept": report.kept,
    }  # fmt: skip
    left = any(each.left for each in report.taken)
    if as_json:
        say_json(facts)
        return 1 if left else 0
    _tell(facts)
    return 1 if left else 0


def _tell(facts: dict[str, Any]) -> None:
    count = facts["commits"]
    say(f"{facts['folder']}: {count or 'no'} new commit{'' if count == 1 else 's'}")
    for edit in facts["edits"]:
        version = f", version {edit['version']}" if edit["version"] else ""
        say(sanitize_line(f"{edit['state']}: {edit['path']} ({edit['label']}{version})"))
        for line in edit["detail"].splitlines():
            say(f"    {sanitize_line(line)}")
        if edit["branch"]:
            say(
                f"    Memory stays as it is; your edit is on the branch {edit['branch']}.\n"
                f"    Look at memory's text (git pull), bring both together, commit and push."
            )
    if facts["kept"]:
        warn(
            f"Edits that memory did not take: {', '.join(facts['kept'])}. When done with one: "
            f"git -C {shlex.quote(facts['folder'])} branch -D {facts['kept'][0]}"
        )


def _root(here: Opened, named: str | None) -> Path:
    if named is not None:
        return (Path(here.directory) / Path(named).expanduser()).resolve()
    if here.config.memory_mirror is None:
        raise UsageError("There is no mirror yet. Switch it on with: agent memory mirror DIR")
    return here.config.memory_mirror


def _hook(here: Opened, root: Path) -> str:
    """A shell script that takes what was pushed, and shows conflicts to who pushed."""
    command = [sys.executable, "-P", "-m", "letta_cli", "memory", "mirror", "--once", str(root)]
    if here.config.database_url.startswith("sqlite:"):
        # Another kind of URL may hold a password; it is found in the settings again.
        command += ["--db", here.config.database_url]
    return (
        "#!/bin/sh\n"
        "# Written by agent memory mirror: takes what was pushed into memory.\n"
        "unset $(git rev-parse --local-env-vars)\n"
        f"export AGENT_HOME={shlex.quote(str(here.config.home))}\n"
        f"exec {shlex.join(command)} </dev/null\n"
    )
