"""Reflection and learning with the real program: real processes, real kills, real terminals."""

import json
import os
import signal
import time

import pytest

READ = "<transcript"
"""What only a reflection is told."""

SKILL = """\
name: run-checks
description: Run the checks before a commit.

## When to use
Before each commit.

## Steps
1. Run `make check`. [2]

## Pitfalls
- It needs a database. [2]
"""


def insert(label, text, **more):
    arguments = {"label": label, "new_string": text}
    return {"tool_calls": [{"name": "memory_insert", "arguments": arguments}], **more}


def reflections(agent):
    return agent.json("reflect", "log", "--json")


def wait_for(found, seconds=60):
    """Ask until there is an answer; returns it."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)
    return answer


def ended(agent, state="done"):
    return wait_for(lambda: [each for each in reflections(agent) if each["state"] == state])


@pytest.mark.slow
def test_what_one_conversation_found_out_the_other_open_one_is_told(agent, terminal):
    """Conversation 1 fails, then succeeds; a reflection writes; conversation 2 sees it next."""
    second = terminal([{"text": "ready"}, {"text": "I would run make check."}], "second")
    second.wait_for("Ask").enter("hello").wait_for("ready")
    bash = {"name": "Bash", "arguments": {"command": "pytest-that-is-not-there"}}
    make = {"name": "Bash", "arguments": {"command": "echo all passed"}}
    first = agent.script(
        [{"tool_calls": [bash]}, {"tool_calls": [make]}, {"text": "It is make check."}], "first"
    )
    agent.run("run", "run the tests", "--allowedTools", "Bash", env=first)
    looking = agent.script(
        [insert("project", "Tests run with: make check"), {"text": "Noted."}], "look"
    )
    done = agent.run("reflect", env=looking)
    assert done.returncode == 0, done.stderr
    assert "+ Tests run with: make check" in done.stdout
    read = agent.requests("look")[0]["messages"][0]["parts"][0]["text"]
    assert "Exit code 127" in read and "all passed" in read
    second.enter("how do I run the tests?").wait_for("I would run make check.")
    told = str(agent.requests("second")[-1]["messages"])
    assert "Tests run with: make check" in told and "by a reflection" in told
    assert second.end() == 0


@pytest.mark.slow
def test_of_two_processes_one_reflects_and_the_other_one_says_who(agent):
    agent.run("run", "hello", env=agent.script([{"text": "hi"}], "talk"))
    waiting = agent.script([insert("human", "once"), {"text": "x", "hang": True}], "one")
    first = agent.start("reflect", env=waiting)
    try:
        wait_for(lambda: "once" in agent.run("memory", "show", "human").stdout)
        second = agent.run("reflect", env=agent.script([insert("human", "twice")], "two"))
        assert second.returncode == 75, second.stderr
        assert f"pid {first.pid}" in second.stderr
        quiet = agent.run("reflect", "now", "--background", env=agent.script([], "three"))
        assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
        assert not (agent.root / "two.requests").exists()
        assert reflections(agent)[0]["state"] == "open"
    finally:
        first.kill()
        first.communicate()
    assert len(reflections(agent)) == 1


@pytest.mark.slow
def test_a_kill_in_the_middle_loses_nothing_and_nothing_is_written_twice(agent):
    agent.run("run", "hello", env=agent.script([{"text": "hi"}], "talk"))
    hanging = agent.script(
        [insert("human", "likes tea"), {"text": "thinking", "hang": True}], "one"
    )
    killed = agent.start("reflect", env=hanging)
    wait_for(lambda: "likes tea" in agent.run("memory", "show", "human").stdout)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    (cut,) = reflections(agent)
    assert cut["state"] == "open" and len(cut["edits"]) == 1
    assert "cut off" in agent.run("reflect", "log").stdout
    assert "Unread: 2 messages" in agent.run("reflect", "log").stdout
    checks = {each["name"]: each for each in agent.json("doctor", "--json")["checks"]}
    assert checks["reflection"]["state"] == "warn"
    whole = agent.script([insert("human", "likes tea"), {"text": "It was there."}], "one")
    done = agent.run("reflect", env=whole)
    assert done.returncode == 0, done.stderr
    (after,) = reflections(agent)
    assert after["state"] == "done" and after["id"] == cut["id"]
    assert "cut off" in str(agent.requests("one")[-1]["messages"][-1])
    assert agent.run("memory", "show", "human").stdout.count("likes tea") == 1
    assert agent.run("reflect", "log").stdout.endswith("All read.\n")


@pytest.mark.slow
def test_enough_turns_begin_one_in_the_background_and_its_end_is_told(agent, terminal):
    agent.run("config", "set", "reflection.everyTurns", "2")
    script = [
        {"when": READ, **insert("human", "likes tea")},
        {"text": "answer one"},
        {"text": "answer two"},
    ]
    one = terminal(script, "one")
    one.wait_for("Ask").enter("question one").wait_for("answer one")
    assert reflections(agent) == []
    one.enter("question two").wait_for("answer two")
    (done,) = ended(agent)
    assert done["occasion"] == "turns" and len(done["edits"]) == 1
    assert one.end() == 0
    two = terminal(script, "two")
    two.wait_for("Reflected meanwhile: 1 edit").wait_for("Ask")
    assert two.end() == 0
    three = terminal(script, "three")
    three.wait_for("Ask")
    assert "Reflected meanwhile" not in three.text, "it is told once"
    assert three.end() == 0


@pytest.mark.slow
def test_a_terminal_that_waits_for_its_person_begins_one(agent, terminal):
    agent.run("config", "set", "reflection.everyTurns", "0")
    agent.run("config", "set", "reflection.whenIdle", "0.05")
    script = [
        {"when": READ, **insert("human", "likes tea")},
        {"when": "question", "text": "answer {input}", "repeat": True},
        {"text": "That is all.", "repeat": True},
    ]
    one = terminal(script, "one")
    one.wait_for("Ask")
    for number in ("one", "two", "three"):
        one.enter(f"question {number}").wait_for(f"answer question {number}")
    (done,) = ended(agent)
    assert done["occasion"] == "idle" and len(done["edits"]) == 1
    assert "likes tea" in agent.run("memory", "show", "human").stdout
    one.enter("question four").wait_for("answer question four")
    assert one.end() == 0
    # It rested once: the end of the terminal, and what was said since, begin no other one.
    assert [each["id"] for each in reflections(agent)] == [done["id"]]


@pytest.mark.slow
def test_a_compaction_begins_one_and_a_failure_is_told_at_the_next_start(agent, terminal):
    script = [
        {
            "when": READ,
            "error": {"code": "authentication", "message": "The key is gone."},
            "repeat": True,
        },
        {"when": "notes", "text": "Goals: none."},
        {"text": "long " * 3_000 + "first words"},
        {"text": "long " * 3_000 + "second words"},
        {"text": "third words"},
    ]
    one = terminal({"context_window": 20_000, "turns": script}, "one")
    one.wait_for("Ask").enter("question one").wait_for("first words")
    one.enter("question two").wait_for("second words").enter("/compact")
    one.wait_for("Switch it off")
    assert reflections(agent) == [], "the person is told before anything is spent"
    one.enter("question three").wait_for("third words")
    (failed,) = ended(agent, "failed")
    assert failed["occasion"] == "compaction" and "The key is gone" in failed["error"]
    assert one.end() == 0
    two = terminal(script, "two")
    two.wait_for("Reflection failed").wait_for("Ask")
    assert two.end() == 0
    checks = {each["name"]: each for each in agent.json("doctor", "--json")["checks"]}
    assert "The key is gone" in checks["reflection"]["detail"]


@pytest.mark.slow
def test_scripts_begin_none_unless_asked_to(agent):
    agent.run("config", "set", "reflection.everyTurns", "1")
    script = [{"when": READ, "text": "Nothing to keep."}, {"text": "hi", "repeat": True}]
    agent.run("run", "hello", env=agent.script(script))
    assert reflections(agent) == []
    agent.run("config", "set", "reflection.headless", "true")
    agent.run("run", "hello", env=agent.script(script))
    (done,) = ended(agent)
    assert done["occasion"] == "turns"


@pytest.mark.slow
def test_reflect_and_learn_in_the_terminal(agent, terminal):
    script = [
        {"when": "Write the skill", "text": SKILL},
        {"when": READ, **insert("human", "likes tea")},
        {"text": "make check"},
        {"text": "Noted.", "repeat": True},
    ]
    one = terminal(script, "one")
    one.wait_for("Ask").enter("how do I check?").wait_for("make check")
    one.enter("/reflect").wait_for("reflected on 2 messages, changed 1 edit").wait_for(
        "agent reflect undo"
    )
    assert "likes tea" in one.text
    one.enter("/reflect").wait_for("nothing to reflect on")
    one.enter("/learn").wait_for("Make run-checks a skill?")
    assert one.text.count("## Steps") == 1, "the draft stands there once"
    one.type("\r").wait_for("run-checks is a skill now")
    skill = agent.home / ".agent" / "skills" / "run-checks" / "SKILL.md"
    assert "make check" in skill.read_text()
    assert one.end() == 0
    (conversation,) = agent.json("sessions", "list", "--json")
    assert conversation["title"] == "how do I check?"
    kinds = {each["kind"] for each in agent.json("sessions", "list", "--all", "--json")}
    assert kinds == {"chat", "reflection", "learning"}


@pytest.mark.slow
def test_a_draft_is_kept_shown_accepted_used_counted_and_taken_away(agent):
    agent.run("run", "how do I check?", env=agent.script([{"text": "make check"}], "talk"))
    made = agent.run("learn", env=agent.script([{"text": SKILL}], "learn"))
    assert made.returncode == 0, made.stderr
    assert "Kept as a draft" in made.stdout
    (draft,) = agent.json("learn", "list", "--json")
    assert (draft["name"], draft["state"]) == ("run-checks", "open")
    names = [skill["name"] for skill in agent.json("skills", "list", "--json")]
    assert "run-checks" not in names, "a draft is no skill"
    accepted = agent.run("learn", "accept", "run-checks")
    assert accepted.returncode == 0 and "is a skill now" in accepted.stdout
    load = {"tool_calls": [{"name": "Skill", "arguments": {"skill": "run-checks"}}]}
    failing = {"tool_calls": [{"name": "Bash", "arguments": {"command": "false"}}]}
    for turns in ([load, {"text": "done"}], [load, failing, {"text": "it failed"}]):
        agent.run("run", "check it", "--allowedTools", "Bash", env=agent.script(turns, "use"))
    agent.run("run", "/run-checks", env=agent.script([{"text": "done"}], "slash"))
    skill = agent.json("skills", "show", "run-checks", "--json")
    assert (skill["uses"], skill["worked"], skill["failed"]) == (3, 2, 1)
    assert agent.run("learn", "drop", "run-checks").returncode == 0
    assert not (agent.home / ".agent" / "skills" / "run-checks").exists()


@pytest.mark.slow
def test_a_reflection_can_be_undone_and_reviewed(agent):
    agent.run("run", "hello", env=agent.script([{"text": "hi"}], "talk"))
    script = agent.script([insert("human", "likes tea"), {"text": "Noted."}], "look")
    assert agent.run("reflect", env=script).returncode == 0
    shown = agent.run("reflect", "show").stdout
    assert "+ likes tea" in shown and "2 messages of 1 conversation" in shown
    refused = agent.run("reflect", "undo")
    assert refused.returncode == 2 and "--yes" in refused.stderr
    assert agent.run("reflect", "undo", "--yes").returncode == 0
    assert "likes tea" not in agent.run("memory", "show", "human").stdout
    assert agent.run("reflect", "undo", "--yes").returncode == 2
    nothing = agent.run("reflect")
    assert nothing.returncode == 0 and "Nothing to reflect on" in nothing.stdout


@pytest.mark.slow
def test_what_is_wrong_is_said(agent):
    for words, code, said in (
        (("reflect", "show"), 1, "no reflection"),
        (("learn", "show", "nothing"), 1, "no skill draft"),
        (("learn",), 1, "no conversation"),
        (("learn", "--name", "Not A Name"), 2, "lower-case"),
        (("config", "set", "reflection.everyTurns", "-1"), 2, "0 is never"),
    ):
        done = agent.run(*words, env=agent.script([{"text": "x"}]))
        assert (done.returncode, said in done.stderr) == (code, True), (words, done.stderr)
    assert json.loads(agent.run("learn", "list", "--json").stdout) == []
