"""The permission modes, as a script and a person at a terminal meet them."""

import json
import time

import pytest
from command import Command

from letta_cli.frontends.interactive.approval import GRACE_SECONDS

pytestmark = pytest.mark.slow


def call(name, **arguments):
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


WORK = [
    call("Read", file_path="app.py"),
    call("Bash", command="ls"),
    call("Write", file_path="new.txt", content="x\n"),
    call("Bash", command="python3 -c 'print(1)'"),
    call("ExitPlanMode", plan="1. Write new.txt"),
    {"text": "done"},
]
MODES = {
    "default": (["ok", "ok", "denied", "denied", "ok"], 55),
    "acceptEdits": (["ok", "ok", "ok", "denied", "ok"], 55),
    "plan": (["ok", "ok", "denied", "denied", "ok"], 55),
    "dontAsk": (["ok", "ok", "denied", "denied", "ok"], 55),
    "bypassPermissions": (["ok", "ok", "ok", "ok", "ok"], 0),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_script_in_each_mode_is_refused_what_nobody_can_be_asked_and_counts_it(
    agent: Command, mode: str
) -> None:
    (agent.project / "app.py").write_text("print(1)\n")
    statuses, code = MODES[mode]
    done = agent.run(
        "run", "go", "--permission-mode", mode, "--output-format", "json", env=agent.script(WORK)
    )
    told = [
        part
        for message in agent.requests()[-1]["messages"]
        for part in message["parts"]
        if part["type"] == "tool_return"
    ]
    assert [part["status"] for part in told] == statuses
    result = json.loads(done.stdout)
    assert (done.returncode, result["exit_code"]) == (code, code)
    assert len(result["permission_denials"]) == statuses.count("denied")
    assert result["is_error"] == (code != 0)
    assert (agent.project / "new.txt").exists() == (statuses[2] == "ok")
    refused = [part["content"] for part in told if part["status"] == "denied"]
    words = {"plan": "Plan mode", "dontAsk": "Nobody is asked in this mode"}
    assert all(words.get(mode, "nobody is here to give it") in content for content in refused)
    if mode == "plan":
        assert "Nobody is here to agree to the plan" in told[4]["content"]


def test_an_unknown_mode_is_refused_with_the_names_of_those_there_are(agent: Command) -> None:
    done = agent.run("run", "go", "--permission-mode", "yes", env=agent.script([{"text": "x"}]))
    assert done.returncode == 2
    for mode in MODES:
        assert mode in done.stderr


def answer(chat, key: str):
    """Press `key` once the panel takes keys: at first it leaves them to who is still typing."""
    chat.wait_for("tell the model why")
    time.sleep(GRACE_SECONDS + 0.1)
    return chat.type(key)


def test_shift_tab_goes_through_the_modes_and_plan_mode_ends_in_a_plan_to_agree_to(
    agent: Command, terminal
) -> None:
    write = call("Write", file_path="new.txt", content="x\n")
    script = [
        write,
        call("ExitPlanMode", plan="1. Guess the name"),
        call("ExitPlanMode", plan="1. Write new.txt"),
        write,
        {"text": "all done"},
    ]
    chat = terminal(script, "plan")
    chat.wait_for("❯")
    for mode in ("acceptEdits", "plan", "default", "acceptEdits", "plan"):
        chat.type("\x1b[Z").wait_for(mode)
    chat.enter("write it").wait_for("Guess the name")
    answer(chat, "4").wait_for("Why not?").type("look first\r")
    answer(chat.wait_for("1. Write new.txt"), "1")
    answer(chat.wait_for("Write changes new.txt"), "1")
    chat.wait_for("all done")
    assert chat.end() == 0
    assert (agent.project / "new.txt").read_text() == "x\n"
    told = [
        part
        for message in agent.requests("plan")[-1]["messages"]
        for part in message["parts"]
        if part["type"] == "tool_return"
    ]
    assert [part["status"] for part in told] == ["denied", "denied", "ok", "ok"]
    assert "They said: look first" in told[1]["content"]
