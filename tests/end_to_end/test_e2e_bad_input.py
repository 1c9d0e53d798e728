"""Bad input gets a clear error that says what to do; nothing is lost."""

import json
import os

import pytest


def test_no_model_without_a_terminal_says_what_to_type(agent):
    done = agent.run("run", "hello", env={"AGENT_PROBE": "0"})
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert 3 <= len(lines) <= 5
    assert "agent models pull" in done.stderr and "ANTHROPIC_API_KEY" in done.stderr


def test_no_model_as_json_is_json(agent):
    done = agent.run("run", "hello", "--output-format", "json", env={"AGENT_PROBE": "0"})
    result = json.loads(done.stdout)
    assert done.returncode == 2 and result["is_error"] and result["subtype"] != "success"


@pytest.mark.parametrize("handle", ["nonsense", "nobody/model", "anthropic/"])
def test_an_unusable_model_handle_is_named(agent, handle):
    done = agent.run("run", "hello", "-m", handle)
    assert done.returncode in (1, 2)
    assert handle.strip("/") in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_conversation_is_an_error_and_creates_nothing(agent):
    script = agent.script([{"text": "hi"}])
    done = agent.run("run", "hello", "--conversation", "conv-nope", env=script)
    assert done.returncode == 1 and "conv-nope" in done.stderr
    assert agent.json("sessions", "list", "--json") == []


def test_an_empty_prompt_is_refused(agent):
    done = agent.run("run", "  ", env=agent.script([{"text": "hi"}]))
    assert done.returncode in (2, 42)


def test_standard_input_is_joined_to_the_prompt(agent):
    done = agent.run(
        "run", "explain", stdin="Traceback: boom\n", env=agent.script([{"text": "ok"}])
    )
    assert done.returncode == 0
    assert "boom" in json.dumps(agent.requests()[0]) and "explain" in json.dumps(
        agent.requests()[0]
    )


def test_a_binary_and_a_huge_file_are_told_to_the_model_and_nothing_breaks(agent):
    (agent.project / "image.bin").write_bytes(bytes(range(256)) * 100)
    with open(agent.project / "huge.log", "w") as file:
        for n in range(500_000):
            file.write(f"line {n} {'x' * 95}\n")
    reads = [
        {"name": "Read", "arguments": {"file_path": name}}
        for name in ("image.bin", "huge.log", "none.txt")
    ]
    script = agent.script([{"tool_calls": reads}, {"text": "seen"}])
    done = agent.run("run", "read them", env=script)
    assert done.returncode == 0, done.stderr
    returns = json.dumps(agent.requests()[1]["messages"][-1])
    assert "binary" in returns.lower() and "offset" in returns
    assert len(returns) < 100_000


def test_a_damaged_database_is_refused_and_left_as_it_is(agent):
    agent.run("run", "hello", env=agent.script([{"text": "hi"}]))
    agent.database.write_bytes(b"this is not a database" * 1000)
    before = agent.database.read_bytes()
    done = agent.run("sessions", "list")
    assert done.returncode == 1 and str(agent.database) in done.stderr
    assert agent.database.read_bytes() == before


def test_broken_settings_are_named_with_file_and_key(agent):
    settings = agent.home / ".agent" / "settings.json"
    settings.parent.mkdir(mode=0o700, exist_ok=True)
    settings.write_text('{"maxTurns": "many"}')
    done = agent.run("run", "hello", env=agent.script([{"text": "hi"}]))
    assert done.returncode == 1 and "maxTurns" in done.stderr and "settings.json" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_is_explained(agent):
    (agent.home / ".agent").mkdir(mode=0o500)
    done = agent.run("run", "hello", env=agent.script([{"text": "hi"}]))
    assert done.returncode == 1 and ".agent" in done.stderr


def test_a_terminal_is_needed_for_chat_without_a_prompt(agent):
    done = agent.run("chat", env=agent.script([{"text": "hi"}]))
    assert done.returncode == 2 and "agent run" in done.stderr
