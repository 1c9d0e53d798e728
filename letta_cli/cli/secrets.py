"""`agent secrets`: named values for commands, which the model never sees."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from letta_cli.cli import options
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import say, say_json, table, warn_ignored
from letta_cli.config import load_config
from letta_cli.config.keys import read_secrets, secrets_file
from letta_cli.config.masking import mask
from letta_cli.config.secrets import set_secret, unset_secret

app = new_app("Named values for commands, which the model never sees.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="E.g. DEPLOY_TOKEN.")]


@app.command("list", cls=LightCommand)
def list_secrets(as_json: options.Json = False) -> None:
    """List the names. Of the values no more than helps to recognise them."""
    known = read_secrets(_home())
    if as_json:
        say_json({"secrets": sorted(known), "file": str(secrets_file(_home()))})
    elif known:
        table(("NAME", "VALUE"), [(name, mask(known[name])) for name in sorted(known)])
    else:
        say("No secrets. Keep one with: agent secrets set NAME")


@app.command("set", cls=LightCommand)
def set_named(name: Name) -> None:
    """Keep a value: asked for here, or read from standard input.

    A command that mentions the name gets the value as a variable of its environment. In what it
    prints the value is masked.
    """
    if sys.stdin.isatty():
        value = getpass.getpass(f"Value of {name} (not shown): ")
    else:
        value = sys.stdin.read().rstrip("\n")
    set_secret(_home(), name, value)
    say(f"{name} is kept in {secrets_file(_home())}; commands use it as ${name}.")


@app.command("remove", cls=LightCommand)
def unset_named(name: Name) -> None:
    """Forget a value."""
    unset_secret(_home(), name)
    say(f"{name} is forgotten.")


def _home() -> Path:
    return load_config(cwd=working_directory(None), secrets=False, on_broken=warn_ignored).home
