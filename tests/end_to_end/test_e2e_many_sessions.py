"""Many processes, one agent: what one learns the others know, and nobody gets in the way."""

import json
import os
import signal
import time
from collections import Counter

import pytest

pytestmark = pytest.mark.slow


def remember(text):
    return [
        {"tool_calls": [{"name": "memory_insert", "arguments": {"label": "human", "new_string": text}}]},
        {"text": "I will remember."},
    ]  # fmt: skip


def lines_of(process):
    return (json.loads(line) for line in process.stdout)


def test_an_open_conversation_learns_what_another_process_remembered_and_keeps_it(agent):
    talk = agent.script([{"text": "one"}, {"text": "two"}, {"text": "three"}], "talk")
    first = agent.json("run", "hello", "--output-format", "json", env=talk)
    learn = agent.script(remember("Her cat is called Mimi."), "learn")
    learned = agent.run("run", "my cat is called Mimi", env=learn)
    assert learned.returncode == 0, learned.stderr
    for prompt in ("again", "and again"):
        done = agent.run("run", prompt, "--conversation", first["conversation_id"], env=talk)
        assert done.returncode == 0, done.stderr
    seen = ["called Mimi" in json.dumps(request) for request in agent.requests("talk")]
    assert seen == [False, True, True]
    assert len({request["system"] for request in agent.requests("talk")}) == 1


def test_a_run_that_is_under_way_sees_the_edit_at_its_next_step(agent):
    gate = agent.root / "gate"
    wait = f"touch {agent.root}/waiting; for i in $(seq 400); do [ -e {gate} ] && exit 0; sleep 0.05; done"
    talk = agent.script([
        {"tool_calls": [{"name": "Bash", "arguments": {"command": wait}}]},
        {"text": "two"},
    ], "talk")  # fmt: skip
    live = agent.start("run", "wait", "--permission-mode", "bypassPermissions", env=talk)
    for _ in range(400):
        if (agent.root / "waiting").exists():
            break
        time.sleep(0.05)
    learned = agent.run(
        "run", "remember", env=agent.script(remember("Her cat is called Mimi."), "learn")
    )
    assert learned.returncode == 0, learned.stderr
    gate.touch()
    assert live.wait(60) == 0, live.stderr.read()
    seen = ["called Mimi" in json.dumps(request) for request in agent.requests("talk")]
    assert seen == [False, True]


def test_twenty_runs_at_once_give_twenty_answers_in_twenty_conversations(agent):
    script = agent.script([{"text": "answer to {input}"}])
    started = [
        agent.start("run", f"question {n}", "--output-format", "json", env=script)
        for n in range(20)
    ]
    results = []
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        results.append(json.loads(out))
    assert Counter(r["result"] for r in results) == Counter(
        f"answer to question {n}" for n in range(20)
    )
    assert len({r["conversation_id"] for r in results}) == 20
    assert len({r["agent_id"] for r in results}) == 1
    listed = agent.json("sessions", "list", "--json")
    assert len(listed) == 20


def test_eight_processes_that_write_one_block_at_once_lose_no_line(agent):
    started = [
        agent.start("run", "x", env=agent.script(remember(f"fact number {n}."), f"s{n}"))
        for n in range(8)
    ]
    for process in started:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    shown = agent.run("memory", "show", "human").stdout
    assert all(f"fact number {n}." in shown for n in range(8))


def test_a_second_session_on_a_busy_conversation_is_told_who_holds_it(agent):
    script = agent.script([{"text": "first"}, {"text": "thinking", "hang": True}])
    first = agent.json("run", "hello", "--output-format", "json", env=script)
    conversation = first["conversation_id"]
    holder = agent.start(
        "run", "think", "--conversation", conversation, "--output-format", "stream-json",
        "--include-partial-messages", env=script,
    )  # fmt: skip
    for line in lines_of(holder):
        if line["type"] == "stream_event":
            break
    late = agent.run("run", "me too", "--conversation", conversation, env=script)
    assert late.returncode == 75
    assert str(holder.pid) in late.stderr
    holder.send_signal(signal.SIGINT)
    assert holder.wait(10) == 130
    waited = agent.script([{"text": "first"}, {"text": "second"}, {"text": "third"}], "later")
    done = agent.run("run", "now me", "--conversation", conversation, "--wait", "5", env=waited)
    assert done.returncode == 0, done.stderr


def test_killed_in_mid_stream_the_conversation_goes_on_and_says_what_happened(agent):
    script = agent.script([{"text": "I was saying that ", "hang": True}])
    process = agent.start(
        "run", "tell me", "--output-format", "stream-json", "--include-partial-messages", env=script
    )
    for line in lines_of(process):
        if line["type"] == "stream_event":
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    after = agent.script([{"text": "Where was I? Ah."}], "after")
    done = agent.run("run", "go on", "-c", "--output-format", "json", env=after)
    assert done.returncode == 0, done.stderr
    request = agent.requests("after")[-1]
    roles = [message["role"] for message in request["messages"]]
    assert roles[0] == "user" and "notice" in roles and roles[-1] == "user"
    assert "tell me" in json.dumps(request) and "stopped in the middle" in json.dumps(request)


def test_killed_in_mid_tool_the_outcome_is_unknown_and_it_is_never_run_again(agent):
    marker = agent.project / "runs"
    command = f"echo x >> {marker}; sleep 60"
    script = agent.script([{"tool_calls": [{"name": "Bash", "arguments": {"command": command}}]}])
    process = agent.start("run", "run it", "--permission-mode", "bypassPermissions", env=script)
    for _ in range(400):
        if marker.exists():
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    after = agent.script([{"text": "unused"}, {"text": "I see."}], "after")
    done = agent.run("run", "what happened?", "-c", env=after)
    assert done.returncode == 0, done.stderr
    request = json.dumps(agent.requests("after")[-1])
    assert "unknown" in request
    assert marker.read_text() == "x\n"
