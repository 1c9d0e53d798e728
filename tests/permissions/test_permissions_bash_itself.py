"""What is allowed unasked is given to bash itself, to see whether it really only looks."""

import os
import random
import subprocess
from itertools import product
from pathlib import Path

import pytest

from letta_cli.core.message import ToolCall
from letta_cli.core.permission import Rules
from letta_cli.core.tool import ToolSpec
from letta_cli.permissions import decide

BASH = ToolSpec("Bash", "", {}, "execute")

PIECES = [
    "", " ", "\n", ";", "&", "&&", "|", "||", "(", ")", "$(", "`", "'", '"', "\\", "\\\n", "\\\\\n",
    "#", " # ", "$'", '$"', "${", "}", "<<<", "<<X\n", "$((", "))", "<(", "!", "[ ", " ]", "~", "*",
    "{a,", "ls ", "echo ", "cat ", "echo a", "A=", "then ", "time ", "command ", "timeout 1 ", "test ",
    "\t", "\r", "2>&1", ">", "&>", "head -1 ", "-- ", "=", "$X", "cd . ",
]  # fmt: skip


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def holes(commands: list[str], cwd: Path) -> list[str]:
    """The commands that were allowed and yet made a file."""
    found: list[str] = []
    for command in commands:
        call = ToolCall("1", "Bash", {"command": command})
        decision = decide(
            call, BASH, rules=Rules(), mode="default", cwd=cwd, roots=(), home=cwd.parent
        )
        if decision.verdict != "allow":
            continue
        subprocess.run(
            ["bash", "-c", command],
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "HOME": str(cwd.parent)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            start_new_session=True,
            check=False,
        )
        for made in cwd.iterdir():
            found.append(command)
            made.unlink()
    return found


def test_no_piece_of_syntax_hides_a_command(cwd: Path):
    commands = [
        f"{head}{first}{second}touch made{last}"
        for head, first, second, last in product(["", "ls "], PIECES, PIECES, ["", "'", '"', ")"])
    ]
    chosen = random.Random(7).sample(commands, 2_500)
    assert holes(chosen, cwd) == []


def test_random_compositions_hide_no_command(cwd: Path):
    dice = random.Random(11)
    words = [*PIECES, "touch made", "touch made", "sort -o made ", "find . -fprint made"]
    commands = ["".join(dice.choices(words, k=dice.randint(2, 9))) for _ in range(8_000)]
    assert holes([command for command in commands if "made" in command], cwd) == []
