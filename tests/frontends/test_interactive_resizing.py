"""A terminal that is made narrower and wider leaves one prompt, in a terminal that folds lines."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.data_structures import Point
from prompt_toolkit.layout.screen import Char, Screen
from screen import PROGRAM

from letta_cli.config.environment import reflows
from letta_cli.frontends.interactive.resizing import added_rows


def drawn(*rows: str) -> Screen:
    screen = Screen()
    for y, row in enumerate(rows):
        for x, char in enumerate(row):
            screen.data_buffer[y][x] = Char(char, "")
    return screen


@pytest.mark.parametrize(
    ("columns", "rows"), [(100, 0), (99, 1), (50, 1), (49, 2), (40, 2), (10, 10)]
)
def test_rows_that_are_folded_anew_are_counted(columns: int, rows: int) -> None:
    screen = drawn("-" * 100, "> ab" + " " * 90)
    assert added_rows(screen, Point(4, 1), columns) == rows - (columns == 10)


def test_a_cursor_far_to_the_right_moves_down_with_what_stands_before_it() -> None:
    assert added_rows(drawn("x" * 100), Point(85, 0), 40) == 2


@pytest.mark.parametrize(
    ("environ", "folds"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(390)"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "screen", "STY": "1.tty"}, False),
        ({"TERM": "screen", "STY": "1.tty", "TMUX": "/tmp/x,1,0"}, True),
        ({}, True),
    ],
)
def test_old_terminals_that_fold_nothing_are_known(environ: dict[str, str], folds: bool) -> None:
    assert reflows(environ) is folds


Tmux = Callable[..., str]


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("tmux is not installed")

    def call(*arguments: str) -> str:
        done = subprocess.run(
            [program, "-f", "/dev/null", "-S", str(tmp_path / "tmux"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        return done.stdout

    yield call
    call("kill-server")


def wait_for(seen: Callable[[], str], wanted: Callable[[str], bool]) -> str:
    deadline = time.monotonic() + 15
    while not wanted(text := seen()):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


def rules(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.startswith("──")]


@pytest.mark.slow
def test_a_terminal_made_narrower_and_wider_again_shows_one_prompt(
    tmux: Tmux, tmp_path: Path
) -> None:
    program = shlex.join([sys.executable, str(PROGRAM), str(tmp_path), "answer"])
    tmux("new-session", "-d", "-x", "100", "-y", "40", f"env LC_ALL=C.UTF-8 {program}")

    def seen() -> str:
        return tmux("capture-pane", "-p", "-S", "-100")

    wait_for(seen, lambda text: "Ask, or /" in text)
    tmux("send-keys", "-l", "what is here?")
    tmux("send-keys", "Enter")
    wait_for(seen, lambda text: "A quote to end with" in text and "Ask, or /" in text)
    tmux("send-keys", "-l", "a draft that is long enough to be folded at forty columns")
    wait_for(seen, lambda text: "forty columns" in text)
    for columns in (40, 100, 63, 38, 90):
        tmux("resize-window", "-x", str(columns))
        text = wait_for(seen, lambda text, columns=columns: rules(text) == ["─" * columns] * 2)
        below = text[text.index("A quote to end with") :]
        assert below.count("a draft that is long") == 1
        assert "What I found" in text
