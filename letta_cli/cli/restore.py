"""`agent restore`: puts a backup in the place of the database, which is set aside."""

from typing import Annotated

import typer

from letta_cli.cli import options
from letta_cli.cli.backup import database_of
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import confirmed, say, say_json
from letta_cli.core.errors import UsageError
from letta_cli.store import backup
from letta_cli.store import restore as store_restore

app = new_app()


@app.command(cls=LightCommand)
def restore(
    source: Annotated[
        str, typer.Argument(metavar="PATH|latest", help="A copy; its name is enough.")
    ] = "latest",
    yes: options.Yes = False,
    as_json: options.Json = False,
    database: options.Database = None,
) -> None:
    """Put a backup in the place of the database.

    The backup is read from end to end first. The present file is set aside, never deleted.
    Refused while sessions are live.
    """
    file = database_of(database)
    chosen = store_restore.chosen(file, source)
    backup.verify(chosen)
    store_restore.refuse_live(file)
    if not yes and not confirmed(
        f"Replace {file} by {chosen}? The present file is kept under another name."
    ):
        raise UsageError("Nothing was changed. To restore without being asked: --yes")
    done = store_restore.restore(file, chosen)
    if as_json:
        aside = str(done.aside) if done.aside else None
        say_json({"database": str(file), "restored_from": str(chosen), "set_aside": aside})
        return
    say(f"{file} is now the backup {chosen.name}.")
    if done.aside:
        say(f"What was there before lies in {done.aside}.")
