"""`agent memory`: the person reads, changes and takes back what the agent remembers."""

import json

import pexpect
import pytest
from cli_machine import Machine

from letta_cli.core.memory import Origin


def test_the_blocks_of_a_new_agent_are_listed(machine: Machine) -> None:
    lines = machine.ok("memory").splitlines()
    assert lines[0].split() == ["LABEL", "SEEN", "IN", "SIZE", "VERSION", "CHANGED", "TEXT"]
    assert {line.split()[0] for line in lines[1:]} == {"persona", "human"}
    assert {block["scope"] for block in machine.json("memory", "--json")} == {"agent"}


def test_a_text_is_written_read_and_taken_back(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada likes tests.")
    assert machine.ok("memory", "show", "human") == "Ada likes tests.\n"
    machine.ok("memory", "edit", "human", stdin="Ada likes proofs.\n")
    assert machine.ok("memory", "show", "human") == "Ada likes proofs.\n"
    assert "Ada likes tests." in machine.ok("memory", "undo", "human")
    assert machine.ok("memory", "show", "human") == "Ada likes tests.\n"


def test_an_empty_standard_input_does_not_empty_a_block(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "kept")
    done = machine.run("memory", "edit", "human")
    assert done.returncode == 2
    assert machine.ok("memory", "show", "human") == "kept\n"
    machine.ok("memory", "edit", "human", "--text", "")
    assert machine.ok("memory", "show", "human") == "\n"


def test_an_edit_that_changes_nothing_makes_no_revision(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "same")
    assert "unchanged" in machine.ok("memory", "edit", "human", "--text", "same")
    assert len(machine.json("memory", "log", "human", "--json")) == 1


def test_the_log_says_who_changed_what(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "one\ntwo")
    store = machine.store()
    agent = store.agents.current()
    conversation = store.conversations.default(agent.id)
    block = store.blocks.find(agent.id, "human")
    store.blocks.replace(
        block.id, "two", "three", origin=Origin("model", conversation_id=conversation.id)
    )
    newest, oldest = machine.json("memory", "log", "human", "--json")
    assert (newest["actor"], newest["conversation_id"]) == ("model", conversation.id)
    assert (oldest["actor"], oldest["after"]) == ("person", "one\ntwo")
    text = machine.ok("memory", "log", "-p")
    assert f"model in {conversation.id[:13]}" in text
    assert "- two" in text
    assert "+ three" in text


def test_a_block_beyond_its_limit_is_refused_with_the_figures(machine: Machine) -> None:
    done = machine.run("memory", "edit", "human", "--text", "x" * 5001)
    assert done.returncode == 1
    assert "5,0" in done.stderr or "500" in done.stderr
    assert machine.ok("memory", "show", "human") == "\n"


def test_the_project_block_is_that_of_this_directory(machine: Machine) -> None:
    (machine.project / ".git").mkdir()
    (machine.project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    machine.script({"text": "hello"})
    machine.ok("run", "hi")
    machine.ok("memory", "edit", "project", "--text", "Tests run with make.")
    below = machine.project / "src"
    below.mkdir()
    assert machine.ok("memory", "show", "project", "-C", str(below)) == "Tests run with make.\n"
    other = machine.root / "other"
    other.mkdir()
    assert machine.run("memory", "show", "project", "-C", str(other)).returncode == 1


def editor(machine: Machine, body: str) -> None:
    path = machine.root / "editor"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    machine.environ["EDITOR"] = str(path)


def edit_in_terminal(machine: Machine, *options: str) -> tuple[int, str]:
    [program, *arguments] = machine.command("memory", "edit", "human", *options)
    child = pexpect.spawn(
        program,
        arguments,
        env=machine.env(),
        cwd=str(machine.project),
        timeout=30,
        encoding="utf-8",
    )
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.before


def test_in_a_terminal_the_persons_editor_opens_on_the_text(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada")
    editor(machine, 'sed -i "s/Ada/Grace/" "$1"')
    code, _ = edit_in_terminal(machine)
    assert code == 0
    assert machine.ok("memory", "show", "human") == "Grace\n"


def test_an_editor_that_fails_changes_nothing(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada")
    editor(machine, 'echo lost > "$1"; exit 3')
    code, text = edit_in_terminal(machine)
    assert (code, "ended with 3" in text) == (1, True)
    assert machine.ok("memory", "show", "human") == "Ada\n"


def test_an_edit_that_lost_the_race_is_kept_and_shown_beside_the_winner(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada")
    winner = " ".join(machine.command("memory", "edit", "human", "--text", "'the winner'"))
    editor(machine, f'{winner} </dev/null >/dev/null; echo "my words" > "$1"')
    code, text = edit_in_terminal(machine)
    assert code == 1
    assert "version 2 became 3" in text
    assert "the winner" in text
    assert machine.ok("memory", "show", "human") == "the winner\n"
    [draft] = list((machine.home / "output").glob("memory-human-draft*"))
    assert draft.read_text() == "my words"
    assert draft.stat().st_mode & 0o777 == 0o600


def test_a_lost_race_is_told_to_a_program_with_the_current_text(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada")
    winner = " ".join(machine.command("memory", "edit", "human", "--text", "'the winner'"))
    editor(machine, f'{winner} </dev/null >/dev/null; echo "my words" > "$1"')
    done, text = edit_in_terminal(machine, "--json")
    told = json.loads(text[text.index("{") : text.rindex("}") + 1])["error"]
    assert (done, told["code"], told["current"]) == (1, "conflict", "the winner")
    assert told["version"] == 3


@pytest.mark.parametrize("command", ["show", "edit", "undo"])
def test_an_unknown_block_names_those_that_exist(machine: Machine, command: str) -> None:
    options = ["--text", "x"] if command == "edit" else []
    done = machine.run("memory", command, "humna", *options)
    assert done.returncode == 1
    assert "human" in done.stderr


def test_an_edit_that_is_too_long_is_kept_as_a_draft(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada")
    editor(machine, 'head -c 6000 /dev/zero | tr "\\0" x > "$1"')
    code, text = edit_in_terminal(machine)
    assert (code, "Your text is kept in" in text) == (1, True)
    assert machine.ok("memory", "show", "human") == "Ada\n"
    [draft] = list((machine.home / "output").glob("memory-human-draft*"))
    assert draft.read_text() == "x" * 6000


def test_memory_cannot_command_the_terminal_that_shows_it(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada\x1b]0;title\x07\x1b[2J")
    assert machine.ok("memory", "show", "human") == "Ada\x1b]0;title\x07\x1b[2J\n"
    [program, *arguments] = machine.command("memory", "show", "human")
    shown, code = pexpect.run(
        " ".join([program, *arguments]), env=machine.env(), withexitstatus=True
    )  # fmt: skip
    assert (code, shown) == (0, b"Ada\r\n")
