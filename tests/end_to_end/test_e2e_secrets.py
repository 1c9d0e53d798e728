"""Secrets are used by commands, and turn up neither in the thread, nor on the screen, nor anywhere."""

import hashlib
import json
import stat

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
