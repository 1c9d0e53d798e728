"""Ten processes at one file in one repository, some of which switch branches: no line is lost."""

import time

import pytest

pytestmark = pytest.mark.slow

SESSIONS = 10
COMMANDS = ("git switch dev", "git switch main", "git reset --hard", "git stash", "git checkout .")


def call(name, **arguments):
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


def script(number):
    """Take one's own line, reading again as often as the edit is refused; then touch the tree."""
    edit = call(
        "Edit",
        file_path="lines.txt",
        old_string=f"line {number}: free",
        new_string=f"line {number}: taken by {number}",
    )
    return [
        {"when": "begin|changed on disk", "repeat": True, **call("Read", file_path="lines.txt")},
        {"when": "Edited lines.txt", **call("Bash", command=COMMANDS[number % len(COMMANDS)])},
        {"when": "1\tline 0", "repeat": True, **edit},
        {"when": ".", "repeat": True, "text": "done"},
    ]


def test_ten_sessions_edit_one_file_and_switch_branches_and_lose_no_line(agent):
    lines = "".join(f"line {number}: free\n" for number in range(SESSIONS))
    agent.repository(**{"lines.txt": lines, "other.txt": "on main\n"})
    agent.git("switch", "-q", "-c", "dev")
    (agent.project / "other.txt").write_text("on dev\n")
    agent.git("commit", "-q", "-am", "dev")
    agent.git("switch", "-q", "main")
    # Somebody is here all the time: the last of the ten is not alone in the tree either.
    stays = agent.start(
        "run", "stay", "-n", "stays", env=agent.script([{"text": "x", "hang": True}], "stays")
    )
    deadline = time.monotonic() + 30
    while not any(item["title"] == "stays" for item in agent.json("sessions", "list", "--json")):
        assert time.monotonic() < deadline
    allowed = ("--allowedTools", "Bash(git switch dev) Bash(git switch main)")
    started = [
        agent.start(
            "run", "begin", "-n", f"session {number}", "--permission-mode", "bypassPermissions",
            *allowed, env=agent.script(script(number), f"s{number}"),
        )
        for number in range(SESSIONS)
    ]  # fmt: skip
    told = [process.communicate(timeout=120) for process in started]
    stays.terminate()
    stays.communicate(timeout=20)
    taken = "".join(f"line {number}: taken by {number}\n" for number in range(SESSIONS))
    assert (agent.project / "lines.txt").read_text() == taken
    assert agent.git("diff", "--stat").count("lines.txt") == 1
    for number, (out, err) in enumerate(told):
        assert out == "done\n", err
        refused = "changes the files under another session" in err
        assert refused is not COMMANDS[number % len(COMMANDS)].startswith("git switch"), err
