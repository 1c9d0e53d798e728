"""Secrets are used by commands, and turn up neither in the thread, nor on the screen, nor anywhere."""

import base64
import hashlib
import json
import stat

import pytest

KEY = "sk-ant-api03-Ab3dEf6hIj9lMn2pQr5tUv8xYz1AbCdEfGhIj"
NAMED = "correct horse battery"


def call(command):
    return {"tool_calls": [{"name": "Bash", "arguments": {"command": command}}]}


def everything_kept(agent):
    """All bytes under the agent's folder but those of the secrets' own file."""
    kept = agent.home / ".agent"
    files = [path for path in kept.rglob("*") if path.is_file() and path.name != "secrets.json"]
    return b"\n".join(path.read_bytes() for path in files)


def test_a_named_secret_is_used_and_never_seen(agent):
    assert agent.run("secrets", "set", "DEPLOY", stdin=NAMED + "\n").returncode == 0
    assert stat.S_IMODE((agent.home / ".agent" / "secrets.json").stat().st_mode) == 0o600
    listed = agent.run("secrets", "list").stdout
    assert "DEPLOY" in listed and NAMED not in listed
    script = agent.script([
        call('printf "%s" "$DEPLOY" | sha256sum; echo "the value is $DEPLOY"'),
        call("env | sort"),
        {"text": "done"},
    ])  # fmt: skip
    done = agent.run(
        "run", "deploy", "--allowedTools", "Bash(*)", "--output-format", "stream-json", env=script
    )
    assert done.returncode == 0, done.stderr
    told = json.dumps(agent.requests())
    # The command had the real one; the model and everything else have its name.
    assert hashlib.sha256(NAMED.encode()).hexdigest() in told
    assert "the value is [secret DEPLOY]" in told and NAMED not in told
    assert NAMED not in done.stdout and NAMED not in done.stderr
    assert NAMED.encode() not in everything_kept(agent)
    # A command that does not mention it does not get it.
    assert "DEPLOY=" not in told.split('"env | sort"')[-1]
    assert agent.run("secrets", "unset", "DEPLOY").returncode == 0
    assert agent.run("secrets", "unset", "DEPLOY").returncode == 1


def test_keys_in_files_commands_and_words_are_masked_before_they_are_stored(agent):
    (agent.project / ".env").write_text(f"ANTHROPIC_API_KEY={KEY}\n")
    script = agent.script([call("cat .env"), call(f"echo {'x' * 5}; env"), {"text": "done"}])
    done = agent.run(
        "run", f"my key is {KEY}", "--allowedTools", "Bash(*)", "--output-format", "json",
        env={**script, "SERVICE_TOKEN": "token-of-the-service"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.dumps(agent.requests())
    assert told.count("[secret Anthropic key]") >= 2
    for secret in (KEY, "token-of-the-service"):
        assert secret not in told and secret not in done.stdout
        assert secret.encode() not in everything_kept(agent)
    conversation = json.loads(done.stdout)["conversation_id"]
    exported = agent.run("sessions", "export", conversation).stdout
    assert "[secret Anthropic key]" in exported and KEY not in exported


def test_a_model_that_came_by_a_secret_neither_tells_nor_keeps_nor_sends_it(agent):
    agent.run("secrets", "set", "DEPLOY", stdin=NAMED + "\n")
    write = {"name": "Write", "arguments": {"file_path": "out.txt", "content": f"k={NAMED}\n"}}
    insert = {"name": "memory_insert", "arguments": {"label": "human", "new_string": NAMED}}
    fetch = {"name": "WebFetch", "arguments": {"url": "http://127.0.0.1:9/?k=" + KEY}}
    script = agent.script([
        {"text": f"It is {NAMED} and {KEY}, I think.", "chunk": 3, "reasoning": f"Hm, {NAMED}",
         "tool_calls": [write, insert, fetch, *call(f"echo {NAMED} > b.txt")["tool_calls"]]},
        {"text": f"Done with {KEY}", "chunk": 5},
    ])  # fmt: skip
    done = agent.run(
        "run", "do it", "--allowedTools", "Bash Edit WebFetch(domain:127.0.0.1)",
        "--output-format", "stream-json", "--include-partial-messages", env=script,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    events = [json.loads(line) for line in done.stdout.splitlines()]
    deltas = [each["event"]["delta"] for each in events if "delta" in each.get("event", {})]
    streamed = "".join(each.get("text", each.get("partial_json", "")) for each in deltas)
    assert "It is [secret DEPLOY] and [secret Anthropic key], I think." in streamed
    for shown in (done.stdout, done.stderr, streamed, json.dumps(agent.requests())):
        assert NAMED not in shown and KEY not in shown
    for secret in (NAMED, KEY):
        assert secret.encode() not in everything_kept(agent)
    # What a file or a command is to hold, it holds.
    assert (agent.project / "out.txt").read_text() == f"k={NAMED}\n"
    assert (agent.project / "b.txt").read_text() == f"{NAMED}\n"
    assert "[secret DEPLOY]" in agent.run("memory", "show", "human").stdout


def test_a_secret_is_known_in_the_forms_it_is_carried_in(agent):
    agent.run("secrets", "set", "DEPLOY", stdin=NAMED + "\n")
    basic = base64.b64encode(f"user:{NAMED}".encode()).decode()
    script = agent.script([
        call('printf "user:%s" "$DEPLOY" | base64; printf %s "$DEPLOY" | od -An -tx1 | tr -d " \\n"'),
        call("python3 -c 'import os,urllib.parse as u; print(u.quote(os.environ[\"DEPLOY\"]))'"),
        {"text": "done"},
    ])  # fmt: skip
    agent.run("run", "encode", "--allowedTools", "Bash", env=script)
    told = json.dumps(agent.requests())
    for form in (basic[8:-4], NAMED.encode().hex(), "correct%20horse%20battery"):
        assert form not in told, form
    assert told.count("[secret DEPLOY]") >= 3


def test_long_output_is_kept_without_secrets(agent):
    agent.run("secrets", "set", "DEPLOY", stdin=NAMED + "\n")
    script = agent.script([
        call('for i in $(seq 4000); do echo "line $i $DEPLOY"; done'), {"text": "done"},
    ])  # fmt: skip
    agent.run("run", "print", "--allowedTools", "Bash", env=script)
    [kept] = (agent.home / ".agent" / "output").glob("*.txt")
    assert kept.read_text().count("[secret DEPLOY]\n") == 4000
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert NAMED.encode() not in everything_kept(agent)


def test_what_stands_in_the_place_of_a_secret_never_replaces_it(agent):
    env = f"# settings\nANTHROPIC_API_KEY={KEY}\nDEBUG=0\n"
    (agent.project / "app.env").write_text(env)
    mark = "ANTHROPIC_API_KEY=[secret Anthropic key]"

    def edit(old, new):
        arguments = {"file_path": "app.env", "old_string": old, "new_string": new}
        return {"tool_calls": [{"name": "Edit", "arguments": arguments}]}

    whole = {"file_path": "app.env", "content": f"# settings\n{mark}\nDEBUG=1\n"}
    script = agent.script([
        {"tool_calls": [{"name": "Read", "arguments": {"file_path": "app.env"}}]},
        edit(f"{mark}\nDEBUG=0", f"{mark}\nDEBUG=1"),
        {"tool_calls": [{"name": "Write", "arguments": whole}]},
        {"tool_calls": [{"name": "Write", "arguments": {**whole, "file_path": "new.env"}}]},
        edit("DEBUG=0", "DEBUG=1"),
        {"text": "done"},
    ])  # fmt: skip
    agent.run("run", "debug", "--allowedTools", "Edit Write Read", env=script)
    told = json.dumps(agent.requests()[-1])
    assert mark in told and KEY not in told
    assert told.count("is what you see in the place of a secret") == 3
    assert (agent.project / "app.env").read_text() == env.replace("DEBUG=0", "DEBUG=1")
    assert not (agent.project / "new.env").exists()


def test_a_key_that_a_person_dictates_is_not_remembered(agent):
    agent.run("remember", f"my key is {KEY}", "--block", "human")
    assert "my key is [secret Anthropic key]" in agent.run("memory", "show", "human").stdout
    assert KEY.encode() not in everything_kept(agent)


def test_what_was_opened_to_others_is_closed_at_the_next_start(agent):
    home = agent.home / ".agent"
    script = agent.script([{"text": "hi", "repeat": True}])
    agent.run("run", "hi", env=script)
    home.chmod(0o755)
    (home / "agent.db").chmod(0o644)
    assert agent.run("run", "hi", env=script).returncode == 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "agent.db").stat().st_mode) == 0o600
    home.chmod(0o777)
    refused = agent.run("run", "hi", env=script)
    assert refused.returncode != 0 and "chmod 700" in refused.stderr
    home.chmod(0o700)
    agent.run("secrets", "set", "DEPLOY", stdin=NAMED + "\n")
    (home / "secrets.json").chmod(0o644)
    refused = agent.run("run", "hi", env=script)
    assert refused.returncode != 0 and "chmod 600" in refused.stderr


@pytest.mark.parametrize(
    "command", ['echo "$DEPLOY" | rev', "x=$DEPLOY; echo $x | tr a-z b-za", "cut -c2- <<< $DEPLOY"]
)
def test_what_only_prints_needs_leave_to_use_a_secret(agent, command):
    agent.run("secrets", "set", "DEPLOY", stdin=NAMED + "\n")
    script = agent.script([call(command), {"text": "done"}])
    done = agent.run("run", "show it", env=script)
    assert done.returncode == 55, done.stdout
    assert "secret DEPLOY" in json.dumps(agent.requests()[-1])
    for text in (NAMED[::-1], NAMED[1:]):
        assert text not in json.dumps(agent.requests())
