"""The terminal UI in a real pseudo-terminal, driven by keys, judged by what is on the screen."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from screen import Screen

pytestmark = pytest.mark.slow


Open = Callable[..., Screen]


def test_an_answer_is_printed_once_and_the_resume_command_at_the_end(open_screen: Open) -> None:
    screen = open_screen("answer").ready()
    assert "AGENTS.md: 1,204 characters" in screen.text
    assert "scripted/demo" in screen.text
    screen.line("where does it start?").until("A quote to end with").ready()
    screen.settle()
    assert screen.text.count("What I found") == 1
    assert screen.text.count("where does it start?") == 1
    assert "1. reads the arguments" in screen.text
    assert "https://example.org/doc" in screen.text
    assert "esc to interrupt" not in screen.text
    screen.type("\x04")
    assert screen.exit_code() == 0
    assert "agent chat -r conv-" in screen.text
    assert "Ask, or /" not in screen.text


def test_tools_approval_diff_and_progress(open_screen: Open) -> None:
    screen = open_screen("tools").ready()
    screen.line("fix it").until("1. Yes, this once").until("enter or 1-4")
    assert "rest of this session: Edit(app.py)" in screen.text
    assert "10 + def main(name: str) -> int:" in screen.text
    screen.type("2").until("+35 lines (ctrl+o to expand)").until("Done.").ready()
    screen.settle()
    text = screen.text
    assert "● Read(app.py)" in text
    assert "+25 lines (ctrl+o to expand)" in text
    assert "● Edit(app.py)\n  ⎿  +2 -1" in text
    assert "exit code 1" in text
    assert "☒ read the file" in text
    assert "memory: human was changed" in text
    assert "Approval" not in text
    screen.type("\x04")
    screen.exit_code()
    assert screen.log == ["send fix it", "answer Answer(allow=True, message='', remember=True)"]


def test_ctrl_o_shows_the_last_output_in_full(open_screen: Open) -> None:
    screen = open_screen("hostile").ready()
    screen.line("go").until("code").ready()
    screen.type("\x0f").until(lambda seen: seen.text.count("● Bash(") == 2)


def test_typing_does_not_approve_by_accident(open_screen: Open) -> None:
    screen = open_screen("tools").ready()
    screen.line("fix it").until("Approval")
    screen.type("also do").until("❯ also do").until("clear or send your draft first")
    screen.settle(0.7).type("n").until("❯ also don").type("\r").until("enter did not answer")
    screen.type("\x7f").until("❯ also do\n").type("\x03").until("enter or 1-4")
    screen.settle(0.6).type("n").until("The person refused").ready()
    screen.type("\x04")
    screen.exit_code()
    assert screen.log[1:] == ["answer Answer(allow=False, message='', remember=False)"]


def test_a_draft_from_before_the_panel_approves_nothing(open_screen: Open) -> None:
    screen = open_screen("tools").ready()
    screen.line("fix it").type("yes and").until("❯ yes and").until("clear or send your draft first")
    screen.settle(0.7).type("\r").until("enter did not answer").type("y1").settle(0.8)
    screen.until("❯ yes andy1").type("\t").until("❯ 1. Yes, this once").type("1").until("Done.")
    screen.until("❯ yes andy1").type("\x03").ready().type("\x04")
    screen.exit_code()
    assert screen.log == ["send fix it", "answer Answer(allow=True, message='', remember=False)"]


def test_a_sentence_that_begins_with_y_is_no_yes(open_screen: Open) -> None:
    screen = open_screen("tools").ready()
    screen.line("fix it").until("enter or 1-4").type("yes, but use tabs")
    screen.until("❯ yes, but use tabs").settle(0.6)
    screen.type("\x03").until("enter or 1-4").settle(0.6).type("y").until("Done.").ready()
    screen.type("\x04")
    screen.exit_code()
    assert screen.log[1:] == ["answer Answer(allow=True, message='', remember=False)"]


def test_a_refusal_with_a_reason(open_screen: Open) -> None:
    screen = open_screen("tools").ready()
    screen.line("fix it").until("enter or 1-4").type("4").until("Why not?")
    screen.type("use tabs").until("Why not? use tabs").type("\r").until("refused. use tabs").ready()
    screen.type("\x04")
    screen.exit_code()
    assert "answer Answer(allow=False, message='use tabs', remember=False)" in screen.log


def test_words_typed_during_a_run_steer_it(open_screen: Open) -> None:
    screen = open_screen("slow").ready()
    screen.line("go on").until("esc to interrupt")
    screen.line("also run the tests").until("Heard: also run the tests").ready()
    assert screen.text.count("❯ also run the tests") == 1
    screen.type("\x04")
    screen.exit_code()
    assert screen.log == ["send go on", "steer also run the tests"]


@pytest.mark.parametrize("line", ["/new", "!make test"])
def test_what_cannot_be_done_during_a_run_stays_in_the_line(open_screen: Open, line: str) -> None:
    screen = open_screen("slow").ready()
    screen.line("go on").until("esc to interrupt")
    screen.line(line).until("the agent is working: esc interrupts it").until(f"❯ {line}")
    screen.settle(0.3)
    assert f"❯ {line}" in screen.rows
    screen.type("\x1b").until("Interrupted").settle(0.3)
    assert f"❯ {line}" in screen.rows
    screen.type("\x03").ready().type("\x04")
    screen.exit_code()
    assert screen.log == ["send go on", "cancel"]


def test_words_that_no_step_heard_are_sent_when_the_run_has_ended(open_screen: Open) -> None:
    screen = open_screen("deaf").ready()
    screen.line("first").until("esc to interrupt").line("second").until("queued: second")
    screen.until("Answer to second").ready()
    screen.type("\x04")
    screen.exit_code()
    assert screen.log == ["send first", "steer second", "send second"]


def test_escape_interrupts_and_keeps_the_draft_and_what_was_said(open_screen: Open) -> None:
    screen = open_screen("slow").ready()
    screen.line("go on").until("esc to interrupt").type("a draft").until("❯ a draft")
    screen.type("\x1b").until("Interrupted").until("❯ a draft")
    assert "Working on it." in screen.text
    screen.type("\x03").ready().type("\x03").until("ctrl+c again quits").type("\x03")
    assert screen.exit_code() == 0
    assert screen.log == ["send go on", "cancel"]


def test_a_retry_is_a_countdown_and_an_error_does_not_end_the_chat(open_screen: Open) -> None:
    screen = open_screen("retries").ready()
    screen.line("go").until("trying again in").until("(try 1 of 10").until("again in 1s")
    screen.until("still overloaded").ready()
    assert "Half an ans" in screen.text


def test_words_that_could_not_be_sent_come_back_into_the_line(open_screen: Open) -> None:
    screen = open_screen("busy").ready()
    screen.line("precious words").until("In use by pid 4121")
    screen.until(lambda seen: seen.text.count("❯ precious words") == 2)


def test_ctrl_r_searches_the_history(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.line("find the needle").until("You said: find the needle").ready()
    screen.line("something else").until("You said: something else").ready()
    screen.type("\x12needle").until("I-search backward: needle")
    # The history is read in the background; what was not there yet is found by searching on.
    for _ in range(30):
        if "find the needle\n───" in screen.settle().text:
            break
        screen.type("\x12")
    screen.type("\r").until(lambda seen: "I-search" not in "\n".join(seen.rows)).type("\r")
    screen.until(lambda seen: seen.text.count("You said: find the needle") == 2)


def test_control_sequences_from_outside_never_reach_the_terminal(open_screen: Open) -> None:
    screen = open_screen("hostile").ready()
    screen.line("go").until("code").ready()
    assert b"\x1b]0;" not in screen.raw and b"\x07" not in screen.raw, "spelled out, not obeyed"
    assert b"\x1b[2J" not in screen.raw
    assert b"\x9b31m" not in screen.raw
    assert "[bold red]m[/] out" in screen.text


def test_commands_are_completed_listed_and_found_by_prefix(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.type("/re").until("/rename").until("/resume")
    screen.type("n\t").until("❯ /rename").type("greeting\r").until("is now “greeting”")
    screen.line("/mem").until("persona").until("human")
    screen.line("/nonsense").until("no command or skill /nonsense")
    screen.line("/help").until("shift+tab")
    screen.line("/review-change now").until("You said: now")
    screen.line("/exit")
    assert screen.exit_code() == 0
    assert "skill review-change now" in screen.log


def test_new_and_resume_switch_conversations_and_show_where_they_stand(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.line("the first words").until("You said: the first words").ready()
    screen.line("/new").until(lambda seen: seen.text.count("new conversation") == 2)
    screen.line("other words").until("You said: other words").ready()
    screen.line("/resume").until("Open a conversation").type("\r")
    screen.until(lambda seen: seen.text.count("You said: the first words") == 2)
    screen.line("/search other").until("conv-")
    screen.line("/search first --project . --role user").until("agent sessions show CITATION")
    screen.line("/search first --rolle user").until("There is no --rolle. It is /search WORDS")
    screen.line("/search first --role").until("--role needs a value")
    screen.line("/search first --project nowhere").until("No conversation is of the project")
    screen.line("/sessions").settle()


def test_a_picker_filters_and_can_be_left(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.line("/model").until("scripted/other").type("oth").until("filter: oth")
    screen.until(lambda seen: "❯ scripted/other" in seen.text).type("\r")
    screen.until("model: scripted/other")
    screen.line("/model").until("type to filter").type("\x1b").ready()


def test_compacting_says_what_came_of_it(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.line("/compact the tests").until("120k tokens became 8.0k").ready()
    screen.line("/compact nothing").until("nothing was compacted").ready().type("\x04")
    screen.exit_code()
    assert screen.log == ["compact the tests", "compact nothing"]


def test_one_thing_is_remembered_and_the_project_is_learned(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.line("/remember I like short answers").until("memory: human + I like short answers")
    screen.until("undo with: agent memory undo human").ready()
    screen.line("/remember i like short answers.").until("nothing was stored").ready()
    screen.line("/remember").until("Say what to remember").ready()
    screen.line("/init the tests").until("project is now version 2").until("+ pytest").ready()
    screen.type("\x04")
    assert screen.exit_code() == 0
    assert screen.log == ["init the tests"]


def test_the_context_is_shown_by_part_as_a_bar_and_a_table(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.line("hello").until("hello").ready()
    screen.line("/context").until("compacted beyond")
    screen.until("Memory human").until("Your messages").until("free").until("┃").ready()
    screen.type("\x04")
    assert screen.exit_code() == 0


def test_shift_tab_cycles_the_mode(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.type("\x1b[Z").until("mode: acceptEdits").type("\x1b[Z").until("mode: plan")
    screen.type("\x04")
    screen.exit_code()
    assert screen.log == ["mode acceptEdits", "mode plan"]


def test_a_message_of_several_lines_and_a_large_paste(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.type("one\\\rtwo\nthree\x1b\rfour").until("four").settle(0.1).type("\r")
    screen.until("You said: one").ready()
    pasted = "\n".join(f"row {number}" for number in range(50))
    screen.type(f"\x1b[200~{pasted}\x1b[201~").until("[Pasted text #1, 50 lines]").type("\r")
    screen.until("row 49").ready().type("\x04")
    screen.exit_code()
    assert screen.log[:4] == ["send one", "two", "three", "four"]
    assert "row 49" in screen.log


def test_a_huge_message_comes_back_from_the_history_as_a_mark(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    pasted = "".join(f"row {number}\n" for number in range(300))
    screen.type(f"\x1b[200~{pasted}\x1b[201~").until("[Pasted text #1, 300 lines]").type("\r")
    screen.until("row 299").ready().settle().type("\x1b[A").until("❯ [Pasted text #1").type("\r")
    screen.settle(0.5).ready().type("\x04")
    screen.exit_code()
    assert screen.log.count("row 299") == 2


def test_files_are_offered_after_an_at_sign(open_screen: Open, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "billing_report.py").write_text("")
    screen = open_screen("echo").ready()
    screen.type("look at @bilrep").until("src/billing_report.py").type("\t")
    screen.until("❯ look at @src/billing_report.py")


def test_history_comes_back_in_the_next_session(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.line("remember me").until("You said: remember me").ready().type("\x04")
    screen.exit_code()
    assert (screen.directory / "history").stat().st_mode & 0o777 == 0o600
    again = open_screen("echo").ready().settle()
    again.type("\x1b[A").until("❯ remember me")


def test_question_mark_shows_the_keys_only_on_an_empty_line(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.type("?").until("any key closes this").type("w")
    screen.until(lambda seen: "any key closes" not in seen.text).type("hy?").until("❯ why?")


def test_a_narrow_terminal_and_a_resize(open_screen: Open) -> None:
    screen = open_screen("tools", columns=40).ready()
    screen.line("fix it").until("Approval").until("4. No, and tell")
    assert all(len(row) <= 40 for row in screen.rows)
    screen.child.setwinsize(24, 100)
    screen.screen.resize(24, 100)
    screen.settle(0.8).type("1").until("Done.").ready()


def test_a_panel_higher_than_the_screen_keeps_its_options(open_screen: Open) -> None:
    screen = open_screen("tools", rows=14).ready()
    screen.line("fix it").until("4. No, and tell the model why").until("ctrl+e to show all")
    assert "❯ 1. Yes, this once" in "\n".join(screen.rows)
    screen.settle(1.5).type("1").until("Done.").ready()


def test_an_ascii_terminal_gets_ascii_signs(open_screen: Open) -> None:
    screen = open_screen("tools", encoding="C").ready()
    screen.line("fix it").until("Approval").until("enter or 1-4").type("y").until("Done.").ready()
    assert "* Edit(app.py)" in screen.text
    assert "[x] read the file" in screen.text


def test_no_color_sends_no_colour(open_screen: Open) -> None:
    screen = open_screen("tools", "--no-color").ready()
    screen.line("fix it").until("enter or 1-4").type("y").until("Done.").ready()
    for code in (b"\x1b[31m", b"\x1b[32m", b"\x1b[36m", b"38;2", b"48;2", b"38;5", b";36"):
        assert code not in screen.raw


def test_a_dumb_terminal_gets_plain_lines(open_screen: Open) -> None:
    screen = open_screen("tools", term="dumb").until("/exit leaves")
    screen.type("fix it\n").until("Allow it?").type("y\n").until("Done.")
    screen.type("/exit\n")
    assert screen.exit_code() == 0
    assert b"\x1b" not in screen.raw


def test_ctrl_c_on_a_dumb_terminal_interrupts_the_run_and_not_the_chat(open_screen: Open) -> None:
    screen = open_screen("slow", term="dumb").until("/exit leaves")
    screen.type("go on\n").settle(0.5).type("\x03").until("Interrupted.")
    screen.type("/exit\n")
    assert screen.exit_code() == 0
    assert screen.log == ["send go on", "cancel"]


def test_sigterm_interrupts_the_run_and_leaves_the_terminal_clean(open_screen: Open) -> None:
    screen = open_screen("slow").ready()
    screen.line("go on").until("esc to interrupt")
    os.kill(screen.child.pid, signal.SIGTERM)
    assert screen.exit_code() == 143
    assert screen.log == ["send go on", "cancel"]
    assert "agent chat -r conv-" in screen.text
    assert b"\x1b[?2004l" in screen.raw[-400:]


def test_the_message_is_written_in_the_editor(open_screen: Open, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho editing $1; sed -i 's/draft/final/' $1; echo more >> $1\n")
    editor.chmod(0o755)
    screen = open_screen("echo", f"--editor={editor}").ready()
    screen.type("a draft").until("❯ a draft").type("\x07").until("❯ a final").type("\r")
    screen.until("You said: a final").until("more").ready()


def test_an_editor_that_fails_leaves_the_text_alone(open_screen: Open) -> None:
    screen = open_screen("echo", "--editor=/nonexistent/editor").ready()
    screen.type("a draft").until("❯ a draft").type("\x07").until("The message was not edited")
    screen.until("❯ a draft")


def test_sigterm_ends_the_chat_while_a_list_is_open(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.line("/model").until("type to filter")
    assert screen.child.pid is not None
    os.kill(screen.child.pid, signal.SIGTERM)
    assert screen.exit_code() == 143


def test_a_terminal_that_goes_away_ends_the_process_and_the_run(open_screen: Open) -> None:
    screen = open_screen("slow").ready()
    screen.line("go on").until("esc to interrupt")
    screen.hang_up()
    deadline = time.monotonic() + 10
    while screen.child.isalive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not screen.child.isalive()
    assert screen.log == ["send go on", "cancel"]


def test_the_first_escape_leaves_a_menu_unless_something_is_filtered(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    for command in ("/mode", "/model"):
        screen.line(command).until("esc to leave")
        screen.type("\x1b").until(lambda seen: "esc to leave" not in seen.text).ready()
    screen.line("/mode").until("esc to leave").type("plan").until("filter: plan")
    screen.until("esc clears it").type("\x1b").until("esc to leave").until("asks first")
    screen.type("\x1b").until(lambda seen: "esc to leave" not in seen.text).ready()
    screen.type("\x04")
    assert screen.exit_code() == 0
    assert screen.log == []


def test_conversations_with_one_title_are_told_apart_and_opened_by_id(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    for _ in range(2):
        screen.line("hello").until("You said: hello").ready()
        screen.line("/rename the same").until("is now “the same”")
        screen.type("/clear\r").until("new conversation").ready()
    screen.line("/sessions").until("/resume ID opens one").ready()
    ids = re.findall(r"past +(conv-[0-9a-f]{8}) +the same", screen.text)
    assert len(set(ids)) == 2, screen.text
    screen.type("/resume\r").until("Open a conversation")
    for short in ids:
        screen.until(f"the same  {short}, just now")
    screen.type("\x1b").until(lambda seen: "esc to leave" not in seen.text).settle(0.2)
    screen.line(f"/resume {ids[1]}").until("conversation “the same”")


def test_the_menu_of_models_has_those_of_all_providers(open_screen: Open) -> None:
    screen = open_screen("echo").ready()
    screen.line("/model").until("scripted/other").until("local/small")
    assert "openai: no answer within 5 s" in screen.text
    screen.type("small").until("filter: small").type("\r").until("model: local/small")
    screen.type("\x04")
    screen.exit_code()
    assert screen.log == ["model local/small"]


def test_an_exclamation_mark_runs_a_command_and_asks_no_model(open_screen: Open) -> None:
    screen = open_screen("answer").ready()
    screen.line("!git status").until("A quote to end with").ready()
    screen.type("\x04")
    screen.exit_code()
    assert screen.log == ["shell git status"]


def test_escape_twice_on_an_empty_line_goes_back_to_a_turn(open_screen: Open) -> None:
    screen = open_screen("answer").ready()
    screen.type("\x1b").until("esc again goes back").type("\x1b").until("/rewind")
    screen.until("Nothing has been said here yet")
