"""Columns that stay aligned, whatever stands in them."""

import io
from datetime import timedelta
from pathlib import Path

import pytest

from letta_cli.cli.embedded import PullView, progress_line
from letta_cli.cli.output import age, clip, table, width
from letta_cli.core.clock import now
from letta_cli.providers.local.pull import Pulled, PullNote, PullProgress


@pytest.mark.parametrize(
    ("text", "cells"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0), ("ﾊﾝ", 2), ("Ａ", 2)]
)
def test_a_wide_character_counts_twice_and_a_combining_one_not_at_all(
    text: str, cells: int
) -> None:
    assert width(text) == cells


def test_clipping_never_exceeds_the_width() -> None:
    assert clip("short", 10) == "short"
    assert clip("a longer text", 8) == "a longe…"
    assert width(clip("日本語のとても長い題名", 9)) <= 9
    assert "\n" not in clip("two\nlines", 20)


def test_columns_line_up_with_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    table(("NAME", "X"), [("日本", "1"), ("abcdef", "2")])
    first, second, third = capsys.readouterr().out.splitlines()
    assert (first, second, third) == ("NAME    X", "日本    1", "abcdef  2")


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(seconds=5), "now"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=5), "5 d"),
    ],
)
def test_ages_are_said_in_one_unit(passed: timedelta, text: str) -> None:
    assert age(now() - passed) == text


def test_an_old_moment_is_said_as_its_date() -> None:
    moment = now() - timedelta(days=400)
    assert age(moment) == f"{moment.astimezone():%Y-%m-%d}"


def test_the_progress_line_says_how_far_how_fast_and_how_long() -> None:
    event = PullProgress(412_000_000, 1_117_000_000, 31_500_000, 22.4, "package index, part 9/22")
    assert progress_line(event).split("  ")[1:] == [
        "412/1117 MB",
        "31.5 MB/s",
        "00:22",
        "package index, part 9/22",
    ]


class Screen(io.StringIO):
    """What a terminal gets."""

    def isatty(self) -> bool:
        return True


def progress(percent: int) -> PullProgress:
    return PullProgress(percent * 10_000_000, 1_000_000_000, 5e6, 10.0, "the publisher")


def test_without_a_terminal_progress_is_a_line_for_every_ten_percent() -> None:
    out = io.StringIO()
    view = PullView(out)
    for percent in range(101):
        view.show(progress(percent))
    view.show(Pulled(Path("/models/x.gguf"), "abc", 3.0))
    lines = out.getvalue().splitlines()
    assert [line.split("  ")[1] for line in lines[:-1]] == [
        f"{megabytes}/1000 MB" for megabytes in range(0, 1001, 100)
    ]
    assert lines[-1] == "verified sha256 abc: /models/x.gguf"


def test_a_pull_that_goes_on_where_it_was_does_not_repeat_the_steps_before() -> None:
    out = io.StringIO()
    view = PullView(out)
    view.show(progress(57))
    view.show(progress(59))
    view.show(progress(61))
    assert [line.split("  ")[1] for line in out.getvalue().splitlines()] == [
        "570/1000 MB",
        "610/1000 MB",
    ]


def test_in_a_terminal_progress_is_one_line_and_notes_stand_above_it() -> None:
    out = Screen()
    view = PullView(out)
    view.show(progress(1))
    view.show(progress(2))
    view.show(PullNote("The publisher does not answer."))
    view.show(progress(3))
    assert out.getvalue().count("\n") == 2
    assert out.getvalue().count("\r") == 3
