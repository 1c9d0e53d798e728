"""What goes onto the screen, as text: Markdown, diffs, tool outcomes, panels, the toolbar."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from fake_session import ANSWER, DIFF
from rich.console import Console
from rich.text import Text

from letta_cli.core.event import ApprovalRequested, MemoryChanged
from letta_cli.core.message import ToolCall, ToolReturn
from letta_cli.core.permission import Answer, Decision
from letta_cli.frontends.interactive import diff
from letta_cli.frontends.interactive.approval import ApprovalPanel
from letta_cli.frontends.interactive.chips import Chips
from letta_cli.frontends.interactive.live import Live, RetryWait, RunningTool, render
from letta_cli.frontends.interactive.look import look_for
from letta_cli.frontends.interactive.markdown import Answer as MarkdownAnswer
from letta_cli.frontends.interactive.markdown import MarkdownStream
from letta_cli.frontends.interactive.measures import duration, estimate, short_path, tokens
from letta_cli.frontends.interactive.paint import Hanging, Painter
from letta_cli.frontends.interactive.picker import Item, Picker
from letta_cli.frontends.interactive.speech import notice_line
from letta_cli.frontends.interactive.tool_lines import tool_block
from letta_cli.frontends.interactive.toolbar import ToolbarFacts, toolbar
from letta_cli.frontends.interactive.turn import memory_line

LOOK = look_for(encoding="utf-8", color=True)
PAINTER = Painter(LOOK)


def plain(ansi: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", ansi)


def painted(renderable: Any, width: int = 60) -> str:
    return plain(PAINTER.ansi(renderable, width))


# Markdown


@pytest.mark.parametrize("size", [1, 3, 17, 1000])
def test_streamed_blocks_add_up_to_the_text_whatever_the_pieces(size: int) -> None:
    stream = MarkdownStream()
    blocks = [stream.feed(ANSWER[at : at + size]) for at in range(0, len(ANSWER), size)]
    finished = [block for block in blocks if block]
    assert "".join([*finished, stream.finish()]) == ANSWER
    assert stream.pending == ""
    if size < 20:
        assert len(finished) >= 4


def test_a_block_is_handed_out_only_when_the_next_one_has_begun() -> None:
    stream = MarkdownStream()
    assert stream.feed("One\n\n") == ""
    assert stream.feed("two, still open") == ""
    assert stream.feed("\n\nthree\n\n") == "One\n\ntwo, still open\n\n"
    assert stream.pending == "three\n\n"


def test_a_code_block_stays_whole_and_costs_nothing_while_it_grows() -> None:
    stream = MarkdownStream()
    assert stream.feed("Look:\n\n```python\n") == "Look:\n\n"
    started = time.process_time()
    for number in range(5_000):
        assert stream.feed(f"x = {number}\n\n") == ""
    assert time.process_time() - started < 2
    assert stream.tail(10).startswith("```python\n")
    assert stream.tail(10).count("\n") <= 11
    assert stream.feed("```\nafter\n\nlast") != ""


def test_markdown_is_drawn_without_trailing_blanks_and_without_hidden_links() -> None:
    text = painted(Hanging(MarkdownAnswer(ANSWER), "● "))
    lines = text.splitlines()
    assert lines[0] == "● What I found"
    assert all(line == line.rstrip() for line in lines)
    assert "(https://example.org/doc)" in text
    assert "\x1b]8" not in PAINTER.ansi(MarkdownAnswer(ANSWER), 60)
    assert "    def main(name: str) -> int:" in lines
    assert "  1. reads the arguments" in lines


def test_markdown_from_a_model_cannot_carry_escape_codes() -> None:
    ansi = PAINTER.ansi(MarkdownAnswer("a \x1b[2J b `\x1b]0;x\x07c`\n\n    \x1b[1mcode"), 60)
    assert "\x1b[2J" not in ansi
    assert "\x1b]" not in ansi


# Diffs


def test_a_diff_has_line_numbers_signs_and_marks_what_changed() -> None:
    rows = diff.parse(DIFF)
    assert diff.counts(rows) == (2, 1)
    drawn = painted(diff.DiffView(rows, "app.py", LOOK)).splitlines()
    assert [line.rstrip() for line in drawn] == [
        " 8   import sys",
        " 9",
        "10 - def main(name):",
        "10 + def main(name: str) -> int:",
        '11       print(f"hello {name}")',
        "12 +     return 0",
        "13",
    ]
    changed = rows[3]
    assert [changed.text[start:end] for start, end in changed.changed] == [": str", " -> int"]


def test_code_in_a_diff_keeps_its_colours_on_the_coloured_row() -> None:
    console = Console(color_system="truecolor", force_terminal=True, width=60, record=False)
    view = diff.DiffView(diff.parse(DIFF), "app.py", LOOK)
    styles = {
        segment.text: segment.style for segment in console.render(view) if segment.text == "def"
    }
    assert styles["def"] is not None
    assert styles["def"].color is not None
    assert styles["def"].color.name == "bright_blue"
    assert styles["def"].bgcolor is not None


def test_hunks_are_parted_and_dissimilar_lines_are_not_marked() -> None:
    text = "@@ -1,1 +1,1 @@\n-alpha\n+0123456789\n@@ -50,1 +50,1 @@\n-x\n+x y\n"
    rows = diff.parse(text)
    assert [row.sign for row in rows] == ["-", "+", "~", "-", "+"]
    assert rows[0].changed == () == rows[1].changed
    assert rows[4].changed


def test_long_diff_lines_fold_under_their_gutter_and_stay_in_the_width() -> None:
    rows = diff.parse("@@ -1,0 +1,1 @@\n+" + "word " * 30 + "\n")
    lines = painted(diff.DiffView(rows, "a.txt", LOOK), 40).splitlines()
    assert len(lines) == 5
    assert all(len(line) <= 40 for line in lines)
    assert lines[1].startswith("    ")


def test_a_hostile_diff_is_made_harmless() -> None:
    rows = diff.parse("@@ -1,0 +1,1 @@\n+\x1b[2J\x1b]0;x\x07evil\t[bold]\n")
    ansi = PAINTER.ansi(diff.DiffView(rows, "a.py", LOOK), 60)
    assert "\x1b[2J" not in ansi
    assert "\x1b]" not in ansi
    assert "evil" in ansi
    assert "[bold]" in ansi


# Tool outcomes


def returned(name: str, content: str, **changes: Any) -> ToolReturn:
    return ToolReturn("call-1", name, changes.pop("status", "ok"), content, **changes)


def block(result: ToolReturn, *, expanded: bool = False, width: int = 60) -> str:
    made = tool_block(f"{result.name}(x)", result, 0.1, LOOK, expanded=expanded)
    return painted(made.body, width)


def test_output_is_cut_from_the_beginning_for_commands_and_from_the_end_for_others() -> None:
    content = "\n".join(f"line {number}" for number in range(1, 11))
    assert block(returned("Bash", content)).splitlines() == [
        "● Bash(x)",
        "  ⎿  … +5 lines (ctrl+o to expand)",
        "     line 6",
        "     line 7",
        "     line 8",
        "     line 9",
        "     line 10",
    ]
    assert block(returned("Grep", content)).splitlines()[-1] == "     … +5 lines (ctrl+o to expand)"
    assert "line 10" in block(returned("Grep", content), expanded=True)


def test_a_summary_stands_for_content_that_has_no_text_for_people() -> None:
    result = returned("Read", "1 a\n2 b", display={"title": "Read a.py (2 lines)"})
    assert block(result) == "● Read a.py (2 lines)\n"
    assert "2 b" in block(result, expanded=True)


def test_an_empty_output_and_an_exit_code_are_said() -> None:
    assert "(no output)" in block(returned("Bash", ""))
    failed = returned("Bash", "", status="error", display={"text": "", "exit_code": 3})
    assert "exit code 3" in block(failed)


def test_a_diff_shows_counts_and_rows() -> None:
    result = returned("Edit", "ok", display={"diff": DIFF, "path": "app.py"})
    assert block(result).splitlines()[:2] == ["● Edit(x)", "  ⎿  +2 -1"]


def test_a_memory_edit_is_one_line_that_says_what_was_kept() -> None:
    event = MemoryChanged("human", 2, "Name: Ada\n", "Name: Ada\nLikes tabs\nUses vim\n")
    assert memory_line(event) == "memory: human + Likes tabs (and 1 more line)"
    assert memory_line(MemoryChanged("human", 3, "a\nb", "a")) == "memory: human - b"


def test_memory_news_for_a_model_becomes_one_sentence_for_a_person() -> None:
    news = (
        'block "human" was changed by conversation "billing" (conv-12ab) at 2026-11-23T07:33Z. '
        "It now reads:\nPrefers tabs."
    )
    assert notice_line(news) == (
        'block "human" was changed by conversation "billing" at 2026-11-23T07:33Z.'
    )
    assert len(notice_line("word " * 200)) == 160


# Live region


def test_the_spinner_counts_only_time_that_was_not_spent_waiting_for_the_person() -> None:
    now = [100.0]
    live = Live(clock=lambda: now[0])
    live.begin()
    now[0] += 5
    live.pause()
    now[0] += 60
    assert "Waiting for you… (5s" in plain(render(live, PAINTER, 80, 20))
    live.unpause()
    now[0] += 70
    live.count("word " * 800)
    assert "Working… (1m15s · ↓ 1.0k tokens · esc to interrupt)" in plain(
        render(live, PAINTER, 80, 20)
    )


def test_the_live_region_keeps_to_its_height_and_shows_the_newest() -> None:
    live = Live()
    live.begin()
    live.stream.feed("\n".join(f"row {number}" for number in range(100)))
    live.tools["call-1"] = RunningTool("Bash(make)", "\n".join(f"step {n}" for n in range(50)))
    live.queued.append("and the tests")
    text = plain(render(live, PAINTER, 60, 12))
    assert text.count("\n") < 12
    assert "step 49" in text
    assert "queued: and the tests" in text
    assert "row 0" not in text


def test_a_retry_counts_down() -> None:
    now = [10.0]
    live = Live(clock=lambda: now[0])
    live.begin()
    live.retry = RetryWait(15.0, 2, 10, "Overloaded")
    assert "Overloaded · trying again in 5s (try 2 of 10" in plain(render(live, PAINTER, 80, 9))
    now[0] = 13
    assert "again in 2s" in plain(render(live, PAINTER, 80, 9))


def test_the_todo_of_now_is_the_verb() -> None:
    live = Live()
    live.begin()
    live.todos = [
        {"content": "read", "status": "completed"},
        {"content": "Write the parser", "status": "in_progress"},
        {"content": "test it", "status": "pending"},
    ]
    text = plain(render(live, PAINTER, 80, 9))
    assert "Write the parser… (" in text
    assert "1 of 3 done, next: test it" in text


# Approval


def approval(
    *, suggestion: str | None = "Bash(rm:*)", command: str = "rm -rf build"
) -> tuple[ApprovalPanel, list[Answer | None], list[str], list[float]]:
    now, answers, typed = [0.0], [], []
    call = ToolCall("call-1", "Bash", {"command": command})
    event = ApprovalRequested(
        "request-1", call, f"Bash({command})", Decision("ask", "Deletes.", None, suggestion), None
    )
    panel = ApprovalPanel(
        event,
        LOOK,
        answered=answers.append,
        typed=typed.append,
        show_all=lambda shown: typed.append(painted(shown)),
        clock=lambda: now[0],
    )
    return panel, answers, typed, now


def test_keys_right_after_the_panel_came_up_do_not_answer() -> None:
    panel, answers, typed, now = approval()
    panel.press("text", "y")
    panel.press("enter")
    now[0] = 0.4
    panel.press("text", "1")
    now[0] = 0.8
    panel.press("text", "y")
    assert (answers, typed) == ([], ["y", "1", "y"])
    now[0] = 1.4
    panel.press("text", "y")
    panel.press("text", "y")
    assert answers == [Answer(allow=True)]


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        ([("enter", "")], Answer(allow=True)),
        ([("text", "2")], Answer(allow=True, remember=True)),
        ([("down", ""), ("enter", "")], Answer(allow=True, remember=True)),
        ([("text", "3")], Answer(allow=False)),
        ([("text", "n")], Answer(allow=False)),
        ([("escape", "")], None),
        ([("c-c", "")], None),
        (
            [("up", ""), ("enter", ""), ("text", "no"), ("text", "y"), ("backspace", ""),
             ("text", "!"), ("enter", "")],
            Answer(allow=False, message="no!"),
        ),
    ],
)  # fmt: skip
def test_every_way_to_answer(keys: list[tuple[str, str]], answer: Answer | None) -> None:
    panel, answers, _, now = approval()
    now[0] = 1.0
    for key, text in keys:
        panel.press(key, text)
    assert answers == [answer]


def test_without_a_rule_two_means_nothing() -> None:
    panel, answers, typed, now = approval(suggestion=None)
    now[0] = 1.0
    assert "2." not in painted(panel.render(60, 30))
    panel.press("text", "2")
    assert (answers, typed) == ([], [])
    panel.press("text", "3")
    assert answers == [Answer(allow=False)]


def test_a_hidden_part_of_a_command_is_said_and_can_be_shown() -> None:
    command = "\n".join(f"echo {number}" for number in range(30))
    panel, answers, typed, now = approval(command=command)
    text = painted(panel.render(60, 16))
    assert "+25 lines (ctrl+e to show all)" in text
    assert "rest of this session: Bash(rm:*)" in text
    now[0] = 1.0
    panel.press("c-e")
    assert "echo 29" in typed[0]
    assert answers == []


# The rest


def test_a_picker_filters_and_chooses() -> None:
    chosen: list[str | None] = []
    items = [Item(f"conv-{n}", f"title {n}", "yesterday") for n in range(40)]
    picker = Picker("Open", items, LOOK, chosen.append)
    assert "1 of 40" in painted(picker.render(60, 12))
    picker.press("text", "le 30")
    picker.press("down")
    assert "❯ title 30" in painted(picker.render(60, 12))
    picker.press("escape")
    picker.press("down")
    assert "❯ title 1" in painted(picker.render(60, 12))
    picker.press("enter")
    assert chosen == ["conv-1"]


def test_large_pastes_become_chips_and_come_back() -> None:
    chips = Chips()
    assert chips.take("short") == "short"
    large = "\r\n".join("row" for _ in range(40))
    mark = chips.take(large)
    assert mark == "[Pasted text #1, 40 lines]"
    assert chips.expand(f"see {mark}!") == "see " + "row\n" * 39 + "row!"
    assert chips.expand("[Pasted text #7, 3 lines]") == "[Pasted text #7, 3 lines]"


def bar(width: int, **changes: Any) -> str:
    facts: dict[str, Any] = {
        "mode": "default", "model": "anthropic/claude", "cwd": "/srv/work/project",
        "branch": "main", "context_tokens": 190_000, "context_window": 200_000, "cost_usd": 1.5,
    }  # fmt: skip
    return "".join(part[1] for part in toolbar(ToolbarFacts(**{**facts, **changes}), LOOK, width))


def test_the_toolbar_gives_way_in_order() -> None:
    assert bar(120) == (
        "  asks first · anthropic/claude · /srv/work/project (main) · $1.50 · 190k/200k (95%)"
    )
    assert bar(40) == "  $1.50 · 190k/200k (95%)"
    assert bar(40, mode="bypassPermissions") == "  everything allowed · 190k/200k (95%)"
    assert len(bar(12)) <= 12
    assert bar(60, context_window=None, cost_usd=None, context_tokens=0).endswith("(main)")
    assert bar(80, hint="ctrl+c again quits") == "  ctrl+c again quits"


def test_numbers_as_people_read_them() -> None:
    assert [duration(s) for s in (8, 65, 3723)] == ["8s", "1m5s", "1h2m3s"]
    assert [tokens(n) for n in (950, 1234, 45_200, 1_500_000)] == ["950", "1.2k", "45k", "1.5M"]
    assert estimate("word" * 4) == 4
    assert estimate("漢字") == 3
    assert short_path("/home/ada/x", home=Path("/home/ada")) == "~/x"


def test_ascii_signs_where_the_terminal_knows_no_more() -> None:
    look = look_for(encoding="ANSI_X3.4-1968", color=False)
    made = tool_block("Bash(x)", returned("Bash", "\n".join("abcdefgh")), 0.1, look)
    ansi = Painter(look).ansi(made.body, 60)
    assert ansi.isascii()
    assert "\x1b[31" not in ansi


def test_painting_never_reads_markup() -> None:
    assert painted(Text("[red]x[/red] [/] :smile:")) == "[red]x[/red] [/] :smile:\n"
