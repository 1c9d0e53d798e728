"""The whole program, with the real SDKs, against a local server that speaks the wire formats."""

import json

import pytest
from wire import Call, Fail, Raw, Say, WireServer

pytestmark = pytest.mark.slow


PROVIDERS = {
    "anthropic": ("anthropic/claude-test", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", ""),
    "openai": ("openai/gpt-test", "OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1"),
    "chat": ("openai-compatible/some/model", "OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1"),
}


def environment(kind, server, **extra):
    handle, key, base, path = PROVIDERS[kind]
    return {"AGENT_MODEL": handle, key: "sk-test-0123456789", base: server.base_url + path, **extra}


def ask(agent, kind, server, *arguments, **extra):
    return agent.run(
        "run", "what is the answer?", *arguments, env=environment(kind, server, **extra)
    )


def stream(agent, kind, server, *arguments):
    done = ask(agent, kind, server, "--output-format", "stream-json", *arguments)
    return done, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(params=list(PROVIDERS))
def kind(request):
    return request.param


def test_a_tool_call_and_its_answer(agent, kind):
    (agent.project / "app.py").write_text("answer = 42\n")
    script = [Say("Looking.", calls=[Call("Read", {"file_path": "app.py"})]), Say("It is 42.")]
    with WireServer(script) as server:
        done = ask(agent, kind, server)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "It is 42."
        assert b"answer = 42" in server.requests[1].raw


def test_a_rate_limit_is_waited_for_and_shown(agent, kind):
    with WireServer([Fail(429, retry_after="1"), Say("done")]) as server:
        done, events = stream(agent, kind, server)
        assert done.returncode == 0, done.stderr
        (retry,) = [e for e in events if e.get("subtype") == "api_retry"]
        assert retry["retry_delay_ms"] >= 1000 and retry["error_status"] == 429


def test_an_overload_in_mid_stream_is_tried_again_and_its_text_is_not_kept(agent, kind):
    with WireServer([Say("Half an ans", error="overloaded_error"), Say("whole")]) as server:
        done = ask(agent, kind, server)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "whole"
        exported = agent.run(
            "sessions", "export", agent.json("sessions", "list", "--json")[0]["id"]
        )
        assert "Half an ans" not in exported.stdout and "whole" in exported.stdout


def test_a_stream_cut_in_the_middle_of_a_tool_call_runs_nothing_of_it(agent, kind):
    write = Call("Write", {"file_path": "x.txt", "content": "a" * 200})
    with WireServer([Say("", calls=[write], cut="reset"), Say("never mind")]) as server:
        done = ask(agent, kind, server, "--permission-mode", "bypassPermissions")
        assert done.returncode == 0, done.stderr
        assert not (agent.project / "x.txt").exists()
        assert len(server.requests) == 2


def test_malformed_arguments_go_back_to_the_model_as_an_error(agent, kind):
    broken = Call("Read", raw='{"file_path": "app.py')
    with WireServer([Say("", calls=[broken]), Say("I see.")]) as server:
        done = ask(agent, kind, server)
        assert done.returncode == 0, done.stderr
        assert b"JSON" in server.requests[1].raw


def test_a_wrong_key_is_an_error_that_names_the_key_and_hides_it(agent, kind):
    with WireServer([Fail(401, "invalid api key")]) as server:
        done = ask(agent, kind, server)
        assert done.returncode == 1
        assert PROVIDERS[kind][1] in done.stderr
        assert "sk-test-0123456789" not in done.stdout + done.stderr


def test_an_unknown_model_is_named(agent, kind):
    with WireServer([Fail(404, "model not found", code="model_not_found")]) as server:
        done = ask(agent, kind, server)
        assert done.returncode == 1
        assert PROVIDERS[kind][0].partition("/")[2] in done.stderr


def test_garbage_is_tried_again_and_then_given_up_with_exit_75(agent, kind):
    with WireServer(lambda _request: Raw(b"\x00\xff<html>not an api</html>")) as server:
        done = ask(agent, kind, server, AGENT_MAX_RETRIES="1")
        assert done.returncode == 75
        assert len(server.requests) == 2 and "Traceback" not in done.stderr


def test_no_network_is_said_and_nothing_is_lost(agent, kind):
    env = {"AGENT_MODEL": PROVIDERS[kind][0], PROVIDERS[kind][1]: "sk-test-0123456789"}
    env |= {PROVIDERS[kind][2]: "http://127.0.0.1:9/v1", "AGENT_MAX_RETRIES": "1"}
    done = agent.run("run", "keep this sentence", env=env)
    assert done.returncode == 75 and "127.0.0.1:9" in done.stderr
    shown = agent.run("sessions", "show", agent.json("sessions", "list", "--json")[0]["id"])
    assert "keep this sentence" in shown.stdout


def test_the_first_request_of_a_plain_run_is_small(agent, kind):
    with WireServer([Say("hi")]) as server:
        done = ask(agent, kind, server)
        assert done.returncode == 0, done.stderr
        assert len(server.requests[0].raw) / 3.6 < 3_000
