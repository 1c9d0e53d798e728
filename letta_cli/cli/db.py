"""`agent db`: moves everything from one database to another; brings its index up to date."""

import contextlib
import os
import time
from typing import Annotated

import typer

from letta_cli.cli import options
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import say, say_json, table
from letta_cli.config import load_config
from letta_cli.config.masking import mask_url
from letta_cli.core.errors import Busy, UsageError
from letta_cli.providers.embedding import choose_embedder
from letta_cli.store import open_store
from letta_cli.store.transfer import Copied, transfer

app = new_app("Move to another database, SQLite or PostgreSQL; bring its index up to date.")

INDEXING = "search-index"
"""The lease of the one process that indexes."""

PAUSE_SECONDS = 0.02

# Whoever writes there is not done in a moment; an empty database has no other writers.
TARGET_WAIT_SECONDS = 5.0


@app.command("migrate-to", cls=LightCommand)
def migrate(
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help="An empty database: postgresql://… or sqlite:///…"),
    ],
    as_json: options.Json = False,
    database: options.Database = None,
) -> None:
    """Copy all tables into an empty database. Verifies counts and hashes.

    The database in use is only read. To use the new one: agent config set database URL
    """
    config = load_config(cwd=working_directory(None), flags={"database": database}, secrets=False)
    if url == config.database_url:
        raise UsageError("That is the database in use. Name another one to copy it to.")
    source = open_store(config.database_url, reason="agent db migrate-to")
    try:
        target = open_store(
            url, lock_wait_seconds=TARGET_WAIT_SECONDS, reason="agent db migrate-to"
        )
        try:
            copied = transfer(source, target)
        finally:
            target.close()
    finally:
        source.close()
    _report(copied, mask_url(config.database_url), mask_url(url), as_json=as_json)


@app.command("index", cls=LightCommand)
def index(
    background: Annotated[
        bool,
        typer.Option("--background", help="With the lowest priority, and without a word."),
    ] = False,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Bring the search index up to date.

    It takes in what was there before it, and the meanings of texts.

    Sessions do this in the background; here it can be waited for.
    """
    config = load_config(cwd=working_directory(directory), flags={"database": database})
    with contextlib.suppress(AttributeError, OSError):
        if background:
            os.nice(19)
    store = open_store(config.database_url, reason="agent db index")
    try:
        with store.leases.acquire(INDEXING):
            while store.indexing.catch_up():
                # Others come to write in between.
                time.sleep(PAUSE_SECONDS)
            store.vectors.embedder = choose_embedder(config.embedding, config.provider)
            done = 0
            while some := store.vectors.add_some():
                done += some
                time.sleep(PAUSE_SECONDS)
    except Busy as error:
        if background:
            return
        raise Busy("Another process is indexing just now.", holder=error.holder) from error
    finally:
        store.close()
    if not background:
        meanings = f" {done} texts were given their meaning." if done else ""
        say(f"Everything is indexed.{meanings}")


def _report(copied: list[Copied], source: str, target: str, *, as_json: bool) -> None:
    if as_json:
        tables = [
            {"table": each.table, "rows": each.rows, "sha256": each.sha256} for each in copied
        ]
        say_json({"from": source, "to": target, "verified": True, "tables": tables})
        return
    table(
        ("TABLE", "ROWS", "SHA-256"),
        [(each.table, str(each.rows), each.sha256[:16]) for each in copied],
    )
    say(f"Copied and verified: {sum(each.rows for each in copied)} rows, to {target}")
    say("Use it from now on with: agent config set database URL")
