"""With the sandbox switched on, a command of the agent reaches what it may, and nothing else."""

import subprocess
import sys

import pytest

from letta_cli.workspace.sandbox import candidates


def bash(command):
    return {"tool_calls": [{"name": "Bash", "arguments": {"command": command}}]}


@pytest.fixture
def confined(agent):
    if candidates(agent.env())[0].level == "none":
        pytest.skip("this machine has no sandbox")
    assert agent.run("config", "set", "sandbox.enabled", "true").returncode == 0
    return agent


def test_a_command_writes_the_tree_and_cannot_read_the_home_folder(confined):
    (confined.home / "diary").write_text("dear diary")
    outside = confined.root / "outside"
    command = f"echo new > made; cat {confined.home}/diary; echo x > {outside}; false"
    script = confined.script([bash(command), {"text": "done"}])
    allowed = ("--allowedTools", f"Bash(*) Edit(./**) Edit(/{outside})")
    done = confined.run("run", "go", *allowed, env=script)
    assert done.returncode == 0, done.stderr
    assert (confined.project / "made").read_text() == "new\n"
    told = str(confined.requests()[-1])
    assert "dear diary" not in told and "it ran in a sandbox" in told
    assert not outside.exists()
    assert "dear diary" not in done.stdout


def test_the_doctor_says_what_was_held_back(confined):
    shown = confined.run("doctor").stdout
    line = next(line for line in shown.splitlines() if " sandbox " in line)
    assert "holds writes, secrets" in line and "network, sockets" in line and "(on)" in line


def test_where_nothing_confines_no_conversation_is_opened(agent):
    assert agent.run("config", "set", "sandbox.enabled", "true").returncode == 0
    # Not this machine's bwrap but one that fails; and Landlock is a stranger to a 32-bit name.
    stub = agent.root / "bin" / "bwrap"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    setarch = ["setarch", "linux32"]
    script = agent.script([{"text": "hello"}])
    env = {**script, "PATH": f"{stub.parent}:{agent.env()['PATH']}"}
    done = subprocess.run(
        [*setarch, sys.executable, "-m", "letta_cli", "run", "hi"],
        env=agent.env(**env), cwd=agent.project, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "nothing here confines commands" in done.stderr
    assert "sandbox.enabled false" in done.stderr
