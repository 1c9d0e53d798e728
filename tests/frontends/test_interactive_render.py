"""What goes onto the screen, as text: Markdown, diffs, tool outcomes, panels, the toolbar."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_session import ANSWER, DIFF
from rich.console import Console
from rich.text import Text

from letta_cli.core.event import ApprovalRequested, MemoryChanged
from letta_cli.core.message import Message, ReturnStatus, ToolCall, ToolReturn
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
from letta_cli.frontends.interactive.panel import KEYS
from letta_cli.frontends.interactive.picker import Item, Picker
from letta_cli.frontends.interactive.replay import replay
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


def test_a_tag_in_an_answer_is_shown_as_it_was_written() -> None:
    answer = "Use a <div> or Vec<String>.\n\n<details>\nthe body\n</details>\n\nDone <!-- note -->."
    text = " ".join(painted(MarkdownAnswer(answer)).split())
    assert text == "Use a <div> or Vec<String>. <details> the body </details> Done <!-- note -->."
    stream = MarkdownStream()
    shown = stream.feed(answer) + stream.finish()
    assert shown == answer


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


@dataclass
class Line:
    """An input line that only keeps its text."""

    text: str = ""
    sent: list[str] = field(default_factory=list[str])

    def insert(self, text: str) -> None:
        self.text += text

    def backspace(self) -> None:
        self.text = self.text[:-1]

    def put_aside(self) -> None:
        self.text = ""

    def clear(self) -> None:
        self.text = ""

    def submit(self) -> None:
        self.sent.append(self.text)
        self.text = ""


class Asked:
    """A panel with a clock of its own; `wait` lets time go by."""

    def __init__(
        self,
        *,
        suggestion: str | None = "Bash(rm:*)",
        command: str = "rm -rf build",
        draft: str = "",
    ) -> None:
        self.now = 0.0
        self.line = Line(draft)
        self.answers: list[Answer | None] = []
        self.shown: list[str] = []
        self._later: list[tuple[float, Callable[[], None]]] = []
        call = ToolCall("call-1", "Bash", {"command": command})
        decision = Decision("ask", "Deletes.", None, suggestion)
        self.panel = ApprovalPanel(
            ApprovalRequested("request-1", call, f"Bash({command})", decision, None),
            LOOK,
            answered=self.answers.append,
            draft=self.line,
            show_all=lambda shown: self.shown.append(painted(shown)),
            later=lambda seconds, call: self._later.append((self.now + seconds, call)),
            clock=lambda: self.now,
        )

    def press(self, *keys: str) -> "Asked":
        """Named keys as they are, anything else as typed text, all at once."""
        for key in keys:
            if key in KEYS:
                self.panel.press(key)
            else:
                for character in key:
                    self.panel.press("text", character)
        return self

    def wait(self, seconds: float = 1.0) -> "Asked":
        self.now += seconds
        due = [call for when, call in self._later if when <= self.now]
        self._later = [each for each in self._later if each[0] > self.now]
        for call in due:
            call()
        return self

    @property
    def text(self) -> str:
        return painted(self.panel.render(120, 30), 120)


def test_keys_right_after_the_panel_came_up_do_not_answer() -> None:
    asked = Asked().press("y", "enter").wait(0.4).press("1").wait(0.4).press("y").wait()
    assert (asked.answers, asked.line.text) == ([], "y1y")
    empty = Asked().press("enter").wait(0.4).press("enter").wait(0.2)
    assert empty.answers == []
    assert empty.press("y").answers == []
    assert empty.wait().answers == [Answer(allow=True)]


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["enter"], Answer(allow=True)),
        (["y"], Answer(allow=True)),
        (["2"], Answer(allow=True, remember=True)),
        (["down", "enter"], Answer(allow=True, remember=True)),
        (["3"], Answer(allow=False)),
        (["n"], Answer(allow=False)),
        (["escape"], None),
        (["c-c"], None),
        (["up", "enter", "noy", "backspace", "!", "enter"], Answer(allow=False, message="no!")),
    ],
)
def test_every_way_to_answer(keys: list[str], answer: Answer | None) -> None:
    assert Asked().wait().press(*keys).wait().answers == [answer]


def test_a_letter_with_more_behind_it_is_the_beginning_of_a_message() -> None:
    for typed in ("yes, but keep the tests", "nn", "1 more thing", "y y"):
        asked = Asked().wait().press(typed).wait(5)
        assert (asked.answers, asked.line.text) == ([], typed)
    asked = Asked().wait().press("y", "enter").wait(5)
    assert (asked.answers, asked.line.text) == ([], "y")
    pasted = Asked().wait()
    pasted.panel.press("paste", "y")
    assert (pasted.wait().answers, pasted.line.text) == ([], "y")


@pytest.mark.parametrize("key", ["enter", "y", "n", "1", "2", "3", "4"])
def test_no_key_decides_while_there_is_a_draft(key: str) -> None:
    asked = Asked(draft="and the docs").wait()
    assert "clear or send your draft first: ctrl-c clears it" in asked.text
    assert "❯ 1." not in asked.text
    asked.press(key).wait()
    assert asked.answers == []
    assert asked.line.text == "and the docs" + ("" if key == "enter" else key)
    assert "clear or send your draft first: ctrl-c clears it" in asked.text
    assert ("enter did not answer" in asked.text) is (key == "enter")


def test_an_answer_that_came_too_early_and_went_into_the_line_is_given_with_enter() -> None:
    early = Asked().press("1").wait()
    assert "enter answers 1, ctrl-c clears it" in early.text
    assert early.press("enter").answers == [Answer(allow=True)]
    assert (early.line.text, early.line.sent) == ("", [])
    assert Asked().press("n").wait().press("enter").answers == [Answer(allow=False)]
    # Not right after the key, not with words around it, not from before the panel, not pasted.
    assert Asked().press("1", "enter").wait().answers == []
    assert Asked().press("1 ", "y").wait().press("enter").answers == []
    assert Asked(draft="1").wait().press("enter").answers == []
    pasted = Asked().wait()
    pasted.panel.press("paste", "1")
    assert pasted.wait().press("enter").answers == []


def test_a_draft_is_cleared_or_sent_and_then_keys_decide_again() -> None:
    cleared = Asked(draft="hm").wait().press("c-c")
    assert (cleared.answers, cleared.line.text) == ([], "")
    assert cleared.wait().press("enter").answers == [Answer(allow=True)]
    sent = Asked(draft="hm").wait().press("enter", "enter")
    assert (sent.answers, sent.line.sent) == ([], ["hm"])
    assert sent.press("enter").answers == []
    assert sent.wait().press("y").wait().answers == [Answer(allow=True)]


def test_from_a_draft_one_moves_into_the_panel_and_answers_there() -> None:
    assert Asked(draft="hm").wait().press("tab", "enter").answers == [Answer(allow=True)]
    chosen = Asked(draft="hm").wait().press("down", "2").wait()
    assert chosen.answers == [Answer(allow=True, remember=True)]
    written = Asked(draft="hm").wait().press("down", "y").wait().press("1").wait()
    assert (written.answers, written.line.text) == ([], "hmy1")
    assert Asked(draft="hm").press("tab").wait().press("enter").answers == []


def test_the_options_are_numbered_without_gaps_and_say_what_follows() -> None:
    text = Asked().text
    assert "3. No, and stop this turn" in text and "4. No, and tell the model why; it" in text
    asked = Asked(suggestion=None)
    text = asked.text
    assert "2. No, and stop this turn" in text and "3. No, and tell the model why; it" in text
    assert "4." not in text
    assert "enter or 1-3" in asked.wait().text
    assert asked.press("2").wait().answers == [Answer(allow=False)]


def test_a_hidden_part_of_a_command_is_said_and_can_be_shown() -> None:
    command = "\n".join(f"echo {number}" for number in range(30))
    asked = Asked(command=command)
    text = painted(asked.panel.render(60, 16))
    assert "+25 lines (ctrl+e to show all)" in text
    assert "rest of this session: Bash(rm:*)" in text
    asked.wait().press("c-e")
    assert "echo 29" in asked.shown[0]
    assert asked.answers == []


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


def test_the_toolbar_shows_what_confines_commands_and_its_absence_gives_way_first() -> None:
    proved = bar(130, sandbox="sandbox: bubblewrap")
    assert "(main) · sandbox: bubblewrap · $1.50" in proved
    assert "sandbox: bubblewrap" in bar(50, sandbox="sandbox: bubblewrap")
    assert "no sandbox" in bar(130, sandbox="no sandbox")
    assert bar(90, sandbox="no sandbox") == bar(90)


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


def test_what_is_replayed_shows_how_calls_ended_as_the_run_did() -> None:
    now = datetime.now(UTC)
    statuses: tuple[ReturnStatus, ...] = ("ok", "error", "denied", "cancelled", "unknown")
    calls = [ToolCall(f"call-{status}", "Bash", {"command": status}) for status in statuses]
    calls.append(ToolCall("call-open", "Bash", {"command": "open"}))
    returns = [
        ToolReturn(f"call-{status}", "Bash", status, f"told {status}") for status in statuses
    ]
    messages = [
        Message("m1", "conv", 1, "assistant", tuple(calls), now),
        Message("m2", "conv", 2, "tool", tuple(returns), now),
    ]
    shown = "\n".join(painted(block.body) for block in replay(messages, LOOK))
    for status in statuses:
        assert f"● Bash({status})\n  ⎿  told {status}" in shown
    assert "● Bash(open)  not finished" in shown
