"""The README is true to the program: its outputs are generated, its tables are complete."""

import re
import shlex
from pathlib import Path

import pytest
from cli_machine import Machine

from letta_cli.cli.main import BROKEN_PIPE
from letta_cli.config import PROVIDERS
from letta_cli.config.environment import KEY_VARIABLES
from letta_cli.config.schema import KEYS, STRICTNESS
from letta_cli.core import exit_codes

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    re.findall(r"^\$ agent ([^\n]*)\n(.*?)(?=^\$ agent |\Z)", block, re.DOTALL | re.MULTILINE)
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block[0][0])
def test_an_output_in_the_readme_is_what_the_program_prints(
    machine: Machine, block: list[tuple[str, str]]
) -> None:
    machine.environ["COLUMNS"] = "80"
    for arguments, shown in block:
        printed = machine.ok(*shlex.split(arguments))
        assert printed.replace(str(machine.user_home), "~") == shown


def test_the_readme_shows_the_help() -> None:
    assert "--help" in [arguments for block in BLOCKS for arguments, _ in block]


def test_every_exit_code_is_in_the_readme_and_no_other() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    defined = {
        value
        for name, value in vars(exit_codes).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, int)
    }
    assert listed == defined | {BROKEN_PIPE}


def test_every_setting_is_in_the_readme() -> None:
    for key in KEYS:
        name = key.name.replace("providers.*.", ".")
        assert f"`{name}`" in README or f"`providers.NAME{name}`" in README, key.name


def test_every_provider_and_every_mode_is_in_the_readme() -> None:
    for name in (*PROVIDERS, *STRICTNESS):
        assert f"`{name}`" in README, name


def test_every_variable_that_the_configuration_reads_is_in_the_readme() -> None:
    source = (ROOT / "letta_cli" / "config" / "environment.py").read_text(encoding="utf-8")
    read = set(
        re.findall(r'"((?:AGENT|OPENAI|ANTHROPIC|OPENROUTER|OLLAMA|BASH|API)_[A-Z_]+)"', source)
    )
    assert read >= set(KEY_VARIABLES.values())
    for name in sorted(read | {"VISUAL", "EDITOR", "NO_COLOR"}):
        assert f"`{name}`" in README, name


def test_the_commands_of_the_readme_exist_as_scripts() -> None:
    for script in ("start", "test", "check", "setup"):
        path = ROOT / "scripts" / script
        assert path.stat().st_mode & 0o111, script
