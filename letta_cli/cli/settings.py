"""`agent config`: shows where each value comes from, changes settings, stores keys."""

import getpass
import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from letta_cli.cli import options
from letta_cli.cli.event_loop import run_async
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import say, say_json, table, warn, warn_ignored
from letta_cli.cli.table import IN_USE, target
from letta_cli.config import load_config
from letta_cli.config.edit import set_value, store_key, unset_value
from letta_cli.config.load import home_folder, project_root
from letta_cli.config.masking import mask_entries, mask_url
from letta_cli.config.schema import check_provider
from letta_cli.config.view import Shown, shown_settings
from letta_cli.core.errors import NotFound, UsageError

app = new_app("Show settings and their origins; change them.")

KeyName = Annotated[str, typer.Argument(metavar="KEY", help="E.g. model, permissions.deny.")]
_NEGATIVE = re.compile(r"-[\d.]+")

InProject = Annotated[
    bool, typer.Option("--project", help="In this project's .agent/settings.json.")
]


class _SetCommand(LightCommand):
    """Takes a negative number for the value that it is, not for an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--" not in args and any(_NEGATIVE.fullmatch(arg) for arg in args):
            flags = [arg for arg in args if arg.startswith("-") and not _NEGATIVE.fullmatch(arg)]
            args = [*flags, "--", *(arg for arg in args if arg not in flags)]
        return super().parse_args(ctx, args)


@app.command("list", cls=LightCommand)
def list_settings(as_json: options.Json = False, directory: options.Directory = None) -> None:
    """Show every value and where it comes from, and the model in use. Secrets are masked."""
    config = load_config(cwd=working_directory(directory), on_broken=warn_ignored)
    shown = shown_settings(config)
    handle, named_by = run_async(target(IN_USE)(config))
    if as_json:
        say_json(
            {
                "model_in_use": {"value": handle or None, "origin": named_by},
                "settings": {
                    item.key: {"value": item.value, "origin": item.origin} for item in shown
                },
                "warnings": list(config.warnings),
            }
        )
        return
    rows = [(item.key, _text(item), item.origin) for item in shown]
    rows.insert(0, ("(model in use)", handle or "(none)", named_by if handle else ""))
    table(("SETTING", "VALUE", "FROM"), rows, flexible=1)
    for line in config.warnings if handle else (f"No model: {named_by}", *config.warnings):
        warn(line)


@app.command("get", cls=LightCommand)
def get_setting(key: KeyName, as_json: options.Json = False) -> None:
    """Print one value."""
    config = load_config(cwd=working_directory(None), on_broken=warn_ignored)
    for item in shown_settings(config):
        if item.key == key:
            if as_json:
                say_json({"key": key, "value": item.value, "origin": item.origin})
            else:
                say(_text(item))
            return
    raise NotFound(f"{key} is not set. See what is: agent config list")


@app.command("set", cls=_SetCommand)
def set_setting(
    key: KeyName,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Text or JSON.")],
    project: InProject = False,
) -> None:
    """Write one value into your settings."""
    home, path = _settings_file(project=project)
    understood = set_value(home, path, key, value)
    say(f"{key} = {json.dumps(_shown(understood), ensure_ascii=False)} in {path}")


def _shown(value: Any) -> Any:
    """A value fit for the screen: addresses, headers and variables may carry credentials."""
    if isinstance(value, str):
        return mask_url(value) if "://" in value else value
    if not isinstance(value, dict):
        return value
    entries = cast("dict[str, Any]", value)
    return mask_entries({name: str(entry) for name, entry in entries.items()})


@app.command("remove", cls=LightCommand)
def unset_setting(key: KeyName, project: InProject = False) -> None:
    """Take one value out of your settings."""
    home, path = _settings_file(project=project)
    if not unset_value(home, path, key):
        raise NotFound(f"{key} does not stand in {path}.")
    say(f"{key} taken out of {path}")


@app.command("set-key", cls=LightCommand)
def set_key(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="E.g. anthropic.")],
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Keep it in the system's keyring.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Forget the key.")] = False,
) -> None:
    """Store an API key: asked for here, or read from standard input."""
    check_provider(provider)
    home = home_folder()
    key = "" if remove else _read_key(provider)
    place = store_key(home, provider, key, in_keyring=keyring)
    say(f"The key of {provider} is {'no longer' if remove else 'now'} kept in {place}.")


def _read_key(provider: str) -> str:
    if sys.stdin.isatty():
        key = getpass.getpass(f"API key of {provider} (not shown): ")
    else:
        key = sys.stdin.readline()
    key = key.strip()
    if not key or not key.isprintable() or " " in key:
        raise UsageError("That is no key: expected one word. Nothing was changed.")
    return key


def _settings_file(*, project: bool) -> tuple[Path, Path]:
    """The agent's folder, and the settings file to change."""
    cwd = working_directory(None)
    home = home_folder()
    folder = project_root(cwd) / ".agent" if project else home
    return home, folder / "settings.json"


def _text(item: Shown) -> str:
    if isinstance(item.value, str):
        return item.value or "(none)"
    return json.dumps(item.value, ensure_ascii=False)
