"""`agent trust`: what a folder's own files may do, decided by the person."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.folder import described, look_at
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import confirmed, say, say_json, table
from letta_cli.config import Config, load_config
from letta_cli.config.edit import forget_folder, trust_items
from letta_cli.config.trust import TrustItem, main_root, printable
from letta_cli.config.trust_file import read_folders
from letta_cli.core.errors import NotFound

app = new_app("Decide what a folder's own files may do.")

Folder = Annotated[str | None, typer.Argument(metavar="DIR", help="This directory if left out.")]


@app.command("folder", cls=LightCommand)
def trust_folder(
    folder: Folder = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Trust it without asking.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show what a folder brings, and trust it.

    Settings, instructions, skills, git's own programs.

    What is not trusted has no effect, and what changes has to be trusted again.
    """
    config = _config(folder)
    items = look_at(config)
    new = [item for item in config.trust.left_out.values() if item.digest]
    if not as_json:
        _show(config, items)
    if new and (yes or (not as_json and confirmed("Trust it?"))):
        trust_items(config.home, config.trust.owner, new)
        trusted = {item.name for item in items if item.digest}
    else:
        trusted = set(config.trust.accepted)
    if as_json:
        facts = [_facts(item, trusted=item.name in trusted) for item in items]
        say_json({"folder": str(config.trust.owner), "items": facts})
    elif new:
        kept = trusted >= {item.name for item in new}
        say("Trusted." if kept else "Not trusted; it has no effect.")


@app.command("list", cls=LightCommand)
def list_folders(as_json: options.Json = False) -> None:
    """List the folders of which something is trusted."""
    folders = read_folders(_config(None).home)
    if as_json:
        say_json([{"folder": root, "items": sorted(items)} for root, items in folders.items()])
        return
    rows = [(printable(root), ", ".join(sorted(items))) for root, items in folders.items()]
    table(("FOLDER", "TRUSTED"), rows, flexible=1)


@app.command("remove", cls=LightCommand)
def remove_folder(
    folder: Annotated[str, typer.Argument(metavar="DIR")], as_json: options.Json = False
) -> None:
    """Trust nothing of a folder any more. It need not be there."""
    home = _config(None).home
    path = Path(os.path.realpath(Path(folder).expanduser()))
    owner = main_root(path)
    if not forget_folder(home, owner):
        raise NotFound(f"Nothing of {owner} is trusted. See all with: agent trust list")
    if as_json:
        say_json({"folder": str(owner), "items": []})
    else:
        say(f"Nothing of {printable(str(owner))} is trusted any more.")


def _config(folder: str | None) -> Config:
    # What the folder's settings say is the question here, so a broken one is no obstacle.
    return load_config(
        cwd=working_directory(folder), secrets=False, on_broken=lambda _: None, trust_all=False
    )


def _show(config: Config, items: list[TrustItem]) -> None:
    if not items:
        say(f"{printable(str(config.trust.root))} brings nothing that would take effect.")
    for item in items:
        state = "trusted" if item.name in config.trust.accepted else "not trusted"
        head, *rest = described(item)
        say(f"{head}: {state}")
        for line in rest:
            say(line)


def _facts(item: TrustItem, *, trusted: bool) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "path": item.name,
        "sha256": item.digest,
        "bytes": item.size,
        "changed": item.changed,
        "trusted": trusted,
    }
