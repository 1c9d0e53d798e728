"""`agent run` and `agent chat -p`: prompts from everywhere, answers to everywhere."""

import json
import subprocess

import pytest
from cli_machine import Machine

from letta_cli.cli.invocation import split_rules


def test_the_words_and_standard_input_are_one_prompt(machine: Machine) -> None:
    machine.script({"text": "<{input}>"})
    assert machine.ok("run", "sum", "this", "up", stdin="piped text\n") == (
        "<sum this up\n\npiped text>\n"
    )


def test_standard_input_alone_is_a_prompt(machine: Machine) -> None:
    machine.script({"text": "<{input}>"})
    assert machine.ok("run", stdin="only this") == "<only this>\n"


def test_chat_with_print_is_the_same_as_run(machine: Machine) -> None:
    machine.script({"text": "<{input}>"})
    assert machine.ok("chat", "-p", "hi") == "<hi>\n"
    assert machine.ok("-p", "hi") == "<hi>\n"


def test_an_empty_prompt_is_bad_input(machine: Machine) -> None:
    machine.script({"text": "never"})
    for stdin in ("", "  \n "):
        done = machine.run("run", stdin=stdin)
        assert (done.returncode, done.stdout) == (42, "")
        assert "The prompt is empty" in done.stderr


def test_input_that_is_no_text_is_bad_input(machine: Machine) -> None:
    machine.script({"text": "never"})
    done = machine.run("run", "look", stdin=b"\xff\xfe\x00")
    assert done.returncode == 42
    assert "not UTF-8 text (byte 0)" in done.stderr


def test_input_beyond_ten_megabytes_is_bad_input(machine: Machine) -> None:
    machine.script({"text": "never"})
    done = machine.run("run", "look", stdin=b"x" * 10_000_001)
    assert done.returncode == 42
    assert "more than 10 MB" in done.stderr


def test_a_run_with_standard_input_closed_works(machine: Machine) -> None:
    machine.script({"text": "hello"})
    line = " ".join(machine.command("run", "hi"))
    done = subprocess.run(
        ["sh", "-c", f"{line} <&-"],
        env=machine.env(),
        cwd=machine.project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr


@pytest.mark.slow
def test_waiting_for_an_input_that_does_not_come_is_said(machine: Machine) -> None:
    machine.script({"text": "<{input}>"})
    process = machine.start("run", "hi", stdin=subprocess.PIPE)
    assert process.stderr is not None
    assert "waiting for standard input" in process.stderr.readline()
    out, _ = process.communicate("late words", timeout=30)
    assert out == "<hi\n\nlate words>\n"


def test_the_last_answer_is_written_to_a_file_as_well(machine: Machine) -> None:
    machine.script({"text": "the answer"})
    machine.ok("run", "hi", "-o", "answer.txt")
    assert (machine.project / "answer.txt").read_text() == "the answer\n"


def test_a_file_for_the_answer_that_cannot_be_written_fails_the_run(machine: Machine) -> None:
    machine.script({"text": "the answer"})
    done = machine.run("run", "hi", "-o", "no/such/folder/answer.txt")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_a_skill_is_invoked_by_its_name(machine: Machine) -> None:
    folder = machine.project / ".agents" / "skills" / "greet"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(
        "---\nname: greet\ndescription: Greets.\n---\nGreet $ARGUMENTS warmly.\n"
    )
    machine.script({"text": "<{input}>"})
    assert "Greet Ada warmly." in machine.ok("run", "/greet Ada")


def test_an_unknown_command_is_no_prompt(machine: Machine) -> None:
    machine.script({"text": "never"})
    done = machine.run("run", "/nonsense now")
    assert done.returncode == 42
    assert "There is no skill /nonsense" in done.stderr


def test_a_path_at_the_start_of_a_prompt_is_no_command(machine: Machine) -> None:
    machine.script({"text": "<{input}>"})
    assert machine.ok("run", "/tmp what is there?") == "</tmp what is there?>\n"


def test_the_directory_is_changed_before_anything_else(machine: Machine) -> None:
    machine.script({"text": "hello"})
    other = machine.root / "other"
    other.mkdir()
    machine.ok("run", "-C", str(other), "hi")
    [session] = machine.json("sessions", "list", "--json", "--limit", "1")
    assert session["cwd"] == str(other.resolve())


def test_a_directory_that_is_not_there_is_a_usage_error(machine: Machine) -> None:
    done = machine.run("run", "-C", "/nowhere/at/all", "hi")
    assert done.returncode == 2
    assert "/nowhere/at/all: cannot work there" in done.stderr


def test_two_ways_to_name_a_conversation_contradict_each_other(machine: Machine) -> None:
    done = machine.run("run", "-c", "--conversation", "conv-1", "hi")
    assert done.returncode == 2
    assert "--continue and --conversation" in done.stderr


def test_partial_messages_need_the_stream(machine: Machine) -> None:
    done = machine.run("run", "--include-partial-messages", "hi")
    assert done.returncode == 2
    assert "--output-format stream-json" in done.stderr


def test_the_stream_begins_with_what_the_session_is(machine: Machine) -> None:
    machine.script({"text": "hello"})
    lines = machine.ok("run", "--output-format", "stream-json", "hi").splitlines()
    first = json.loads(lines[0])
    assert (first["type"], first["subtype"], first["model"]) == ("system", "init", "scripted/test")
    assert "Bash" in first["tools"]


def test_continuing_and_naming_work_from_the_command_line(machine: Machine) -> None:
    machine.script({"text": "one"}, {"text": "two"})
    machine.ok("run", "-n", "my talk", "first")
    assert machine.ok("run", "-c", "second") == "two\n"
    [session] = [each for each in machine.json("sessions", "--json") if not each["is_default"]]
    assert (session["title"], session["messages"]) == ("my talk", 4)


def test_chat_without_a_terminal_says_what_to_type(machine: Machine) -> None:
    machine.script({"text": "never"})
    done = machine.run("chat")
    assert done.returncode == 2
    assert "agent run PROMPT" in done.stderr


def test_output_options_of_chat_need_print(machine: Machine) -> None:
    done = machine.run("chat", "--output-format", "json", "hi")
    assert done.returncode == 2
    assert "need -p" in done.stderr


def test_allowed_tools_are_split_outside_parentheses() -> None:
    assert split_rules(["Bash(git log *, a) Edit,Read", "mcp__x__y"]) == (
        "Bash(git log *, a)",
        "Edit",
        "Read",
        "mcp__x__y",
    )
    assert split_rules(["Bash(echo (a(b)))", "Edit(a b),"]) == ("Bash(echo (a(b)))", "Edit(a b)")
    assert split_rules(None) == ()


@pytest.mark.parametrize("text", ["Bash(", "Bash(git log", "Bash(a))", "Edit Bash(rm (x)", "Bash)"])
def test_half_a_rule_is_refused_and_never_allows_the_whole_tool(
    machine: Machine, text: str
) -> None:
    machine.script({"text": "never"})
    done = machine.run("run", "hi", "--allowedTools", text)
    assert done.returncode == 2
    assert "parentheses do not match" in done.stderr


def test_the_answer_is_written_into_a_file_in_place_of_an_older_one(machine: Machine) -> None:
    machine.script({"text": "forty-two", "repeat": True})
    file = machine.project / "answer.txt"
    file.write_text("an older and longer answer\n")
    machine.ok("run", "what is it", "--output-last-message", "answer.txt")
    assert file.read_text() == "forty-two\n"


def test_an_answer_file_that_cannot_be_written_is_told_before_the_run(machine: Machine) -> None:
    machine.script({"text": "never"})
    done = machine.run("run", "hi", "--output-format", "json", "-o", "missing/answer.txt")
    assert done.returncode == 2
    assert "missing/answer.txt: the answer cannot be written" in json.loads(done.stdout)["result"]
    assert machine.json("sessions", "list", "--json") == []
