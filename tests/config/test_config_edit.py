"""Changing a settings file from the command line, beside people who edit it by hand."""

import json
import subprocess
import sys

import pytest
from config_machine import Machine

from letta_cli.config.edit import set_value, unset_value
from letta_cli.core.errors import UsageError


def test_a_value_is_written_and_the_rest_of_the_file_stays(machine: Machine) -> None:
    path = machine.user({"mine": {"note": "kept"}, "permissions": {"deny": ["Bash"]}})
    set_value(machine.home, path, "permissions.defaultMode", "plan")
    assert json.loads(path.read_text()) == {
        "mine": {"note": "kept"},
        "permissions": {"deny": ["Bash"], "defaultMode": "plan"},
    }
    assert machine.load().mode == "plan"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("maxTurns", "5", 5),
        ("permissions.deny", '["Bash(rm *)"]', ["Bash(rm *)"]),
        ("model", "openai/gpt-x", "openai/gpt-x"),
        ("model", '"openai/gpt-x"', "openai/gpt-x"),
        ("providers.ollama.model", "7", "7"),
    ],
)
def test_values_are_read_as_json_where_they_are_and_as_text_else(
    machine: Machine, name: str, text: str, value: object
) -> None:
    home = machine.load().home
    assert set_value(home, home / "settings.json", name, text) == value
    assert machine.load().origins[name].startswith("user settings")


@pytest.mark.parametrize(
    ("name", "text"), [("maxTurns", "many"), ("permissions.deny", '["Bash(rm'), ("effort", "9")]
)
def test_a_wrong_value_is_refused_and_nothing_is_written(
    machine: Machine, name: str, text: str
) -> None:
    home = machine.load().home
    with pytest.raises(UsageError, match=name):
        set_value(home, home / "settings.json", name, text)
    assert not (home / "settings.json").exists()


def test_an_unknown_setting_is_refused_with_the_list_of_all(machine: Machine) -> None:
    home = machine.load().home
    with pytest.raises(UsageError, match=r"permissions\.defaultMode"):
        set_value(home, home / "settings.json", "colour", "x")


def test_what_a_project_may_not_set_is_not_written_into_its_file(machine: Machine) -> None:
    home = machine.load().home
    path = machine.project / ".agent" / "settings.json"
    with pytest.raises(UsageError, match="only your own may"):
        set_value(home, path, "database", "sqlite:////tmp/x.db")
    set_value(home, path, "effort", "low")
    assert machine.load().effort == "low"


def test_taking_a_value_out_takes_its_empty_groups_with_it(machine: Machine) -> None:
    path = machine.user({"model": "a/b", "providers": {"ollama": {"model": "x"}}})
    assert unset_value(machine.home, path, "providers.ollama.model")
    assert json.loads(path.read_text()) == {"model": "a/b"}
    assert not unset_value(machine.home, path, "providers.ollama.model")


def test_processes_that_change_one_file_at_once_all_keep_their_change(machine: Machine) -> None:
    home = machine.load().home
    code = (
        "import sys; from pathlib import Path; from letta_cli.config.edit import set_value\n"
        "home = Path(sys.argv[1])\n"
        "set_value(home, home / 'settings.json', 'env', '{}')\n"
        "for name in sys.argv[2:]: set_value(home, home / 'settings.json', name, 'm')\n"
    )
    names = [
        f"providers.{provider}.model"
        for provider in ("anthropic", "openai", "ollama", "lmstudio", "llamacpp", "vllm")
    ]
    children = [subprocess.Popen([sys.executable, "-c", code, str(home), name]) for name in names]
    assert [child.wait(timeout=60) for child in children] == [0] * len(children)
    settings = json.loads((home / "settings.json").read_text())
    assert {f"providers.{name}.model" for name in settings["providers"]} == set(names)
