"""`agent sessions`: what is there, who is in it, and what can be done with it."""

import json
import re
from pathlib import Path

import pexpect
import pytest
from cli_machine import Machine


@pytest.fixture
def talk(machine: Machine) -> str:
    """A conversation with one question and one answer; its id."""
    machine.script({"text": "The answer is **42**."})
    machine.ok("run", "-n", "the question", "what is it?")
    [session] = [each for each in machine.json("sessions", "--json") if not each["is_default"]]
    return session["id"]


def test_without_a_conversation_the_list_says_how_to_start_one(machine: Machine) -> None:
    assert machine.ok("sessions", "list") == "No conversation yet. Start one with: agent chat\n"


def test_a_finished_conversation_is_past(machine: Machine, talk: str) -> None:
    lines = machine.ok("sessions", "list").splitlines()
    assert lines[0].split() == ["STATE", "ID", "AGE", "TITLE", "NOW", "DIRECTORY"]
    assert lines[1].startswith(f"past   {talk[:13]}")
    assert "the question" in lines[1]
    assert len(lines) == 2


def test_idle_and_live_sessions_are_told_apart_by_their_presence(
    machine: Machine, talk: str
) -> None:
    store = machine.store()
    presence = store.sessions.open(
        conversation_id=talk, cwd=str(machine.project), branch="main", terminal="/dev/pts/7"
    )
    [first, *_] = machine.json("sessions", "--json")
    assert (first["id"], first["state"]) == (talk, "idle")
    assert first["sessions"][0]["terminal"] == "/dev/pts/7"
    assert "/dev/pts/7" in machine.ok("sessions")
    store.sessions.beat(presence.session_id, state="waiting", activity="Bash(rm x)")
    assert "live" in machine.ok("sessions")
    assert "waiting: Bash(rm x)" in machine.ok("sessions")
    store.sessions.close(presence.session_id)
    assert machine.json("sessions", "--json")[0]["state"] == "past"


def test_a_conversation_is_shown_with_the_numbers_that_citations_use(
    machine: Machine, talk: str
) -> None:
    text = machine.ok("sessions", "show", talk[:10])
    assert text.startswith("# the question\n")
    assert "## 1. You" in text
    assert "## 2. Agent" in text
    assert "The answer is **42**." in text


def test_a_title_with_control_sequences_cannot_touch_the_terminal(
    machine: Machine, talk: str
) -> None:
    store = machine.store()
    store.conversations.rename(talk, "a\x1b[31mred\x1b]0;owned\x07 \u202etitle")
    for command in (["sessions"], ["sessions", "show", talk], ["sessions", "export", talk]):
        shown = machine.ok(*command)
        assert "\x1b" not in shown
        assert "\u202e" not in shown


def test_a_conversation_is_found_by_id_beginning_title_or_words(
    machine: Machine, talk: str
) -> None:
    for which in (talk, talk[:12], "the question"):
        assert machine.json("sessions", "show", which, "--json")["id"] == talk


def test_an_ambiguous_name_lists_what_it_could_be(machine: Machine, talk: str) -> None:
    machine.ok("run", "-n", "the question", "again")
    done = machine.run("sessions", "show", "the question")
    assert done.returncode == 2
    assert "2 conversations match" in done.stderr
    assert talk in done.stderr


def test_an_unknown_name_is_not_found(machine: Machine, talk: str) -> None:
    done = machine.run("sessions", "show", "zebra")
    assert done.returncode == 1
    assert "No conversation matches 'zebra'" in done.stderr


def test_words_that_were_only_said_delete_nothing(machine: Machine, talk: str) -> None:
    done = machine.run("sessions", "delete", "answer", "--yes")
    assert done.returncode == 1
    assert "It is said in" in done.stderr
    assert talk in done.stderr
    assert machine.json("sessions", "show", talk, "--json")["messages"] == 2


def test_search_answers_with_citations(machine: Machine, talk: str) -> None:
    [hit] = machine.json("sessions", "search", "answer", "--json")
    assert hit["citation"] == f"{talk}:2"
    assert f"{talk[:13]}:2" in machine.ok("sessions", "search", "answer")
    assert machine.ok("sessions", "search", "zebra") == "Nothing found.\n"


@pytest.mark.parametrize("query", ['"', "a AND", "(", "*", "col:x", "- -"])
def test_any_text_is_a_valid_search(machine: Machine, talk: str, query: str) -> None:
    machine.ok("sessions", "search", "--", query)


def test_a_conversation_that_begins_with_a_skill_is_named_by_its_command(machine: Machine) -> None:
    machine.script({"text": "done", "repeat": True})
    machine.ok("run", "/review-change the newest")
    [listed] = machine.json("sessions", "list", "--json")
    assert listed["title"] == "/review-change"


def test_renaming_changes_the_title(machine: Machine, talk: str) -> None:
    machine.ok("sessions", "rename", talk, "a", "better", "name")
    assert machine.json("sessions", "show", talk, "--json")["title"] == "a better name"
    assert machine.run("sessions", "rename", talk, " ").returncode == 2


def test_a_fork_goes_on_by_itself(machine: Machine, talk: str) -> None:
    made = machine.json("sessions", "fork", talk, "--json")
    assert made["forked_from"] == talk
    machine.script({"text": "one"}, {"text": "two"})
    machine.ok("run", "--conversation", made["id"], "more")
    assert machine.json("sessions", "show", talk, "--json")["messages"] == 2
    assert machine.json("sessions", "show", made["id"], "--json")["messages"] == 4


def test_an_archived_conversation_is_hidden_and_comes_back(machine: Machine, talk: str) -> None:
    machine.ok("sessions", "archive", talk)
    assert talk[:13] not in machine.ok("sessions")
    assert talk[:13] in machine.ok("sessions", "list", "--archived")
    machine.ok("sessions", "unarchive", talk)
    assert talk[:13] in machine.ok("sessions")


def test_export_writes_markdown_or_json(machine: Machine, talk: str) -> None:
    machine.ok("sessions", "export", talk, "-o", "talk.md")
    assert "The answer is **42**." in (machine.project / "talk.md").read_text()
    document = machine.json("sessions", "export", talk, "--format", "json")
    assert [entry["role"] for entry in document["thread"]] == ["user", "assistant"]
    assert document["usage"]["output"] > 0
    assert machine.run("sessions", "export", talk, "--format", "pdf").returncode == 2


def test_a_fence_in_a_tool_result_does_not_break_out_of_its_block(machine: Machine) -> None:
    (machine.project / "doc.md").write_text("```\nfenced\n```\n")
    machine.script(
        {"tool_calls": [{"name": "Read", "arguments": {"file_path": "doc.md"}}]}, {"text": "done"}
    )
    machine.ok("run", "-n", "fences", "read it")
    assert "````" in machine.ok("sessions", "show", "fences")


def test_nothing_is_deleted_without_a_yes(machine: Machine, talk: str) -> None:
    done = machine.run("sessions", "delete", talk)
    assert done.returncode == 2
    assert "Nothing was deleted" in done.stderr
    assert machine.json("sessions", "show", talk, "--json")["messages"] == 2
    machine.ok("sessions", "delete", talk, "--yes")
    assert machine.run("sessions", "show", talk).returncode == 1


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("y", 0)])
def test_in_a_terminal_deleting_asks(machine: Machine, talk: str, answer: str, left: int) -> None:
    [program, *arguments] = machine.command("sessions", "delete", talk)
    child = pexpect.spawn(
        program, arguments, env=machine.env(), cwd=str(machine.project), timeout=30
    )
    child.expect_exact("Delete 'the question' with 2 messages for good? [y/N]")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    found = [each for each in machine.json("sessions", "--json") if each["id"] == talk]
    assert len(found) == left


def test_a_conversation_that_is_open_elsewhere_is_not_deleted(machine: Machine, talk: str) -> None:
    machine.store().sessions.open(conversation_id=talk, cwd="/", branch="", terminal="")
    done = machine.run("sessions", "delete", talk, "--yes")
    assert done.returncode == 75
    assert "open in another terminal" in done.stderr


def test_only_this_directorys_conversations(machine: Machine, talk: str) -> None:
    other = machine.root / "other"
    other.mkdir()
    assert talk in machine.ok("sessions", "list", "--here", "--json")
    assert talk not in machine.ok("sessions", "list", "--here", "--json", "-C", str(other))


def test_another_database_is_another_world(machine: Machine, talk: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    assert talk not in machine.ok("sessions", "list", "--json", "--db", url)


def test_resume_in_a_terminal_offers_a_choice(machine: Machine, talk: str) -> None:
    [program, *arguments] = machine.command("-r")
    child = pexpect.spawn(
        program,
        arguments,
        env=machine.env(),
        cwd=str(machine.project),
        timeout=30,
        encoding="utf-8",
    )
    child.expect(r"1\) the question")
    child.expect_exact("Which one?")
    child.sendline("1")
    child.expect("scripted/test")
    child.expect(r"42")
    for _ in range(10):
        # What is typed before the prompt stands may be lost; a person would type it again.
        child.send("/exit\r")
        if child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=3) == 0:
            break
    child.close()
    assert child.exitstatus == 0


def test_json_lists_are_valid_even_when_empty(machine: Machine) -> None:
    assert json.loads(machine.ok("sessions", "list", "--archived", "--json")) == []


def test_times_are_shown_in_seconds(machine: Machine) -> None:
    machine.script({"text": "one"})
    machine.ok("run", "-n", "talk", "hi")
    for command in ("show", "export"):
        times = re.findall(r"\dT[\d:.]+Z", machine.ok("sessions", command, "talk"))
        assert len(times) == 3
        assert not [time for time in times if "." in time]
