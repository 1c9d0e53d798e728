"""What each command loads: counted in modules, because times depend on the machine."""

import json
import subprocess
import sys

import pytest
from cli_machine import Machine

SDKS = {"anthropic", "openai", "httpx2", "xllamacpp"}
SCREEN = {"rich", "prompt_toolkit"}
HEAVY = SDKS | SCREEN | {"apsw", "git", "pydantic", "asyncio", "yaml", "filelock"}

PROBE = """
import json, os, sys
arguments = json.loads(sys.argv[1])
sys.argv = ["agent", *arguments]
leave = os._exit

def report(code):
    sys.stdout.flush()
    sys.stderr.write("\\nMODULES " + json.dumps(sorted(sys.modules)))
    sys.stderr.flush()
    leave(code)

os._exit = report
from letta_cli.__main__ import main
main()
report(0)
"""


def modules_loaded_by(machine: Machine, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments)],
        env=machine.env(),
        cwd=machine.project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "MODULES " in done.stderr, done.stderr
    return json.loads(done.stderr.rpartition("MODULES ")[2])


def libraries(modules: list[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_the_version_loads_nothing_but_the_entry_module(machine: Machine) -> None:
    loaded = modules_loaded_by(machine, "--version")
    assert [name for name in loaded if name.startswith("letta_cli")] == [
        "letta_cli",
        "letta_cli.__main__",
    ]
    assert not libraries(loaded) & (HEAVY | {"typer", "shellingham"})


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["chat", "--help"], ["completion", "bash"]]
)
def test_help_loads_nothing_heavy(machine: Machine, arguments: list[str]) -> None:
    loaded = modules_loaded_by(machine, *arguments)
    assert not libraries(loaded) & HEAVY
    assert len(loaded) < 230


@pytest.mark.parametrize(
    "arguments",
    [
        ["sessions", "list"],
        ["sessions", "list", "--json"],
        ["sessions", "search", "word"],
        ["memory", "list"],
        ["memory", "show", "human"],
        ["memory", "log"],
        ["remember", "I like tea"],
        ["agents", "list"],
    ],
)
def test_a_listing_loads_neither_an_sdk_nor_the_screen(
    machine: Machine, arguments: list[str]
) -> None:
    loaded = modules_loaded_by(machine, *arguments)
    assert not libraries(loaded) & (SDKS | SCREEN | {"pydantic", "git", "yaml"})
    assert len(loaded) < 320


def test_a_scripted_run_loads_no_sdk_and_no_screen(machine: Machine) -> None:
    machine.script({"text": "hello"})
    loaded = modules_loaded_by(machine, "run", "hi")
    assert not libraries(loaded) & (SDKS | SCREEN | {"pydantic", "git"})
    assert len(loaded) < 500
