"""Plain text output, and the sanitiser that stands before every terminal."""

import io
import subprocess
import sys

import pytest
from scripted_runs import answering, calling, play

from letta_cli.core.errors import Busy
from letta_cli.core.event import Notice, Retrying
from letta_cli.frontends.sanitize import sanitize, sanitize_line
from letta_cli.frontends.text import render


async def test_only_the_last_text_reaches_stdout() -> None:
    out, err = io.StringIO(), io.StringIO()
    events = [
        Notice("warning", "AGENTS.md was cut"),
        Retrying(1, 10, 3.0, "overloaded", "Overloaded.", 529),
        *calling(),
    ]
    assert await render(play(events), out, err) == 0
    assert out.getvalue() == "I tried.\n"
    assert err.getvalue() == (
        "agent: AGENTS.md was cut\nagent: Overloaded; trying again in 3 s (try 1 of 10)\n"
    )


async def test_a_denied_call_is_named_on_stderr_and_in_the_exit_code() -> None:
    out, err = io.StringIO(), io.StringIO()
    events = calling("denied", "Refused: no rule allows it. Go on without it.", exit_code=55)
    assert await render(play(events), out, err) == 55
    assert "denied: Bash(rm -rf build): no rule allows it.\n" in err.getvalue()


async def test_an_error_is_told_on_stderr_with_its_exit_code() -> None:
    out, err = io.StringIO(), io.StringIO()
    assert await render(play([], Busy("In use by pid 7.")), out, err) == 75
    assert (out.getvalue(), err.getvalue()) == ("", "error: In use by pid 7.\n")


async def test_doing_nothing_is_never_zero() -> None:
    out, err = io.StringIO(), io.StringIO()
    assert await render(play(answering("")), out, err) == 1
    assert "nothing" in err.getvalue()


async def test_a_stdout_that_does_not_know_a_character_still_gets_the_answer() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    assert await render(play(answering("done ✓")), out, io.StringIO()) == 0
    assert raw.getvalue() == b"done ?\n"


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("plain", "plain"),
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;c2VjcmV0\x1b\\text", "text"),
        ("\x1bP1$r0m\x1b\\x", "x"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x9b31mred", "red"),
        ("cut \x1b[", "cut "),
        ("cut \x1b]0;never ended", "cut "),
        ("bell\x07 back\x08", "bell␇ back␈"),
        ("echo hidden\rls", "echo hidden␍ls"),
        ("a\u200bb\ufeffc\U000e0041\u00add", "a\ufffdb\ufffdc\ufffdd"),
        ("👩\u200d💻 نامه\u200cای", "👩\u200d💻 نامه\u200cای"),
        ("\x1b]8;;https://evil.example/\x07link\x1b]8;;\x07", "link"),
        ("dos\r\nlines\r\n", "dos\nlines\n"),
        ("tab\tstop", "tab stop"),
        ("access\u202eright", "access\ufffdright"),
        ("\ud800", "\ufffd"),
        ("[bold]not markup[/bold] ☃", "[bold]not markup[/bold] ☃"),
    ],
)
def test_nothing_a_terminal_would_obey_is_left(hostile: str, shown: str) -> None:
    assert sanitize(hostile) == shown


def test_a_title_stays_on_one_line() -> None:
    assert sanitize_line("Bash(echo a\n\x1b[2Jecho b)") == "Bash(echo a ␛[2Jecho b)"


def test_progress_is_shown_as_a_terminal_shows_it() -> None:
    assert sanitize("10%\r50%\r100%\ndone", overwriting=True) == "100%\ndone"


@pytest.mark.parametrize("hidden", ["a\x1b]0;rm -rf ~", "a\x1bP;rm -rf ~\x07", "rm -rf ~\ra"])
def test_nothing_of_what_a_person_decides_on_is_taken_out(hidden: str) -> None:
    shown = sanitize(hidden, whole=True)
    assert "rm -rf ~" in shown and "\x1b" not in shown and "\r" not in shown
    assert "rm -rf ~" in sanitize_line(hidden)


def test_outputs_for_scripts_load_neither_rich_nor_prompt_toolkit() -> None:
    code = (
        "import sys, letta_cli.frontends.text, letta_cli.frontends.json_result, "
        "letta_cli.frontends.stream_json; "
        "print([m for m in ('rich', 'prompt_toolkit', 'markdown_it') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[]", done.stderr
