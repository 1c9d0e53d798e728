"""A hostile repository whose names and links make innocent commands read what lies outside.

Each command is asked about, and bash shows that it would have told: a question without need is a
fault as well."""

import os
import subprocess
from pathlib import Path

import pytest

from letta_cli.permissions import decide_shell

TOLD = "the diary of somebody"
ATTACKS = r"""
find . -type f | xargs cat
find . -type f -print0 | tail -n 1 | xargs -0 cat
find . -type f -printf 'SECRET\n' | xargs cat
find . -type f | xargs cat < list
find . -type f | sort list | xargs cat
find . -type f | grep -h . list | xargs cat
find . -xtype f | xargs cat
find . ! -type f -exec cat {} +
find . -type f -o -type l -exec cat {} +
find . -type f -follow -exec cat {} +
grep -R diary .
grep -rn --deref diary .
diff -r one two
cat **
cat many/*
sort --files0-from=list0
strings @list
cd up/../.. && cat diary
cd up && cd ../.. && cat diary
awk 'BEGIN { ARGV[1] = "../diary"; ARGC = 2 } 1' plain
git diff ../diary plain
git blame --contents ../diary plain
""".strip().splitlines()


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    secret = tmp_path / "home" / "diary"
    tree = tmp_path / "home" / "repo"
    for folder in ("one", "two", "many", "deep/er/down"):
        (tree / folder).mkdir(parents=True)
    secret.write_text(TOLD)
    for name in ("one/f", "many/zz", "innocent"):
        (tree / name).symlink_to(secret)
    (tree / "up").symlink_to("deep/er/down")
    for name in ("plain", "two/f", *(f"many/a{number:04}" for number in range(600))):
        (tree / name).write_text("x\n")
    # What ends names at a blank or a new line reads /…/diary here.
    for space in ("w ", "zz\n"):
        copy = tree / f"{space}{secret}"
        copy.parent.mkdir(parents=True)
        copy.write_text("x\n")
    (tree / "list").write_text(f"{secret}\n")
    (tree / "list0").write_text(f"{secret}\0")
    name = {"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@localhost"}
    name |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in name.items()}
    for command in (["init", "-q"], ["add", "plain"], ["commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=tree, env={**os.environ, **name}, check=True)
    return tree


def shown(tree: Path, command: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command], cwd=tree, capture_output=True, check=False, timeout=60,
        stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "HOME": str(tree.parent)},
    )  # fmt: skip
    return done.stdout.decode("utf-8", "replace")


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_would_read_outside_is_asked_about_first(hostile: Path, attack: str) -> None:
    command = attack.replace("SECRET", str(hostile.parent / "diary"))
    if command.startswith("find . -type f -print0 | tail"):
        # Of names that end by NUL, tail takes the last line: what follows the new line in one.
        command = command.replace("find .", "find zz*")
    assert decide_shell(command, {}, hostile, home=hostile.parent).verdict == "ask"
    assert TOLD in shown(hostile, command)


@pytest.mark.parametrize(
    "command",
    [
        "find . -type f -print0 | xargs -0 cat",
        "find . -type f -not -name x -print0 | sort -z | xargs -0 grep -n diary",
        "find one two -type f | xargs cat",
        "find . -type f -exec cat {} +",
        "grep -r diary .",
        "grep -R diary deep",
        "cat p*",
    ],
)
def test_what_stays_inside_runs_unasked_and_tells_nothing(hostile: Path, command: str) -> None:
    assert decide_shell(command, {}, hostile, home=hostile.parent).verdict == "allow"
    assert TOLD not in shown(hostile, command)


def test_names_with_blanks_alone_are_no_reason_to_ask(tmp_path: Path) -> None:
    (tmp_path / "my notes.txt").write_text("x\n")
    command = "find . -type f -name '*.txt' | xargs wc -l"
    assert decide_shell(command, {}, tmp_path).verdict == "allow"
    (tmp_path / "it's").write_text("x\n")
    assert decide_shell(command, {}, tmp_path).verdict == "ask"


def test_a_wildcard_that_cannot_be_looked_up_is_asked_about(tmp_path: Path) -> None:
    assert decide_shell(f"cat {'x' * 300}/*", {}, tmp_path).verdict == "ask"
