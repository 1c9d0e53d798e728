"""`agent backup`: makes and lists verified copies of the database."""

from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import age, say, say_json, table
from letta_cli.config import load_config
from letta_cli.core.clock import to_text
from letta_cli.core.errors import StoreError, UsageError
from letta_cli.store import backup, database_file
from letta_cli.store.backup import Backup

app = new_app("Copy the database, verified; list the copies. agent backup PATH writes to a path.")


@app.command("make", cls=LightCommand)
def make_backup(
    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help="A new file or a folder; else the backups folder."),
    ] = None,
    daily: Annotated[
        bool, typer.Option("--daily", help="Only if today has none yet; for cron and the like.")
    ] = False,
    as_json: options.Json = False,
    database: options.Database = None,
) -> None:
    """Make a verified copy while sessions go on. The newest three of each kind are kept."""
    file = database_of(database)
    if path is not None and daily:
        raise UsageError("--daily keeps its copies in the backups folder; leave out PATH.")
    if path is not None:
        made = backup.copy_to(file, Path(path).expanduser().absolute())
    else:
        found = backup.back_up_daily(file) if daily else backup.back_up(file)
        made = found.path if found else None
    if as_json:
        size = made.stat().st_size if made else 0
        say_json({"path": str(made) if made else None, "size_bytes": size, "verified": bool(made)})
    elif made is None:
        say("Today's backup is there already.")
    else:
        say(f"{made} ({made.stat().st_size / 1e6:.1f} MB, verified)")


@app.command("list", cls=LightCommand)
def list_backups(as_json: options.Json = False, database: options.Database = None) -> None:
    """List the copies, newest first, each read from end to end."""
    file = database_of(database)
    found = [(each, problem(each)) for each in backup.backups_of(file)]
    if as_json:
        say_json([_facts(each, wrong) for each, wrong in found])
        return
    if not found:
        say(f"No backup in {backup.folder_of(file)} yet. Make one with: agent backup")
        return
    rows = [
        (
            each.path.name,
            each.kind,
            age(each.made_at),
            f"{each.size_bytes / 1e6:.1f} MB",
            "damaged" if wrong else "ok",
        )
        for each, wrong in found
    ]
    table(("NAME", "KIND", "MADE", "SIZE", "STATE"), rows)


def database_of(url: str | None) -> Path:
    """The file of the database in use, without opening it."""
    config = load_config(cwd=working_directory(None), flags={"database": url}, secrets=False)
    return database_file(config.database_url)


def problem(each: Backup) -> str:
    """What is wrong with a copy; empty when it reads well."""
    try:
        backup.verify(each.path)
    except StoreError as error:
        return str(error)
    return ""


def _facts(each: Backup, wrong: str) -> dict[str, Any]:
    return {
        "path": str(each.path),
        "kind": each.kind,
        "made_at": to_text(each.made_at),
        "size_bytes": each.size_bytes,
        "verified": not wrong,
        "problem": wrong,
    }
