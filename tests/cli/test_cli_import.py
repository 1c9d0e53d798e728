"""`agent import`, run as a person runs it."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from cli_machine import Machine


def line(kind: str, content: Any, number: int) -> str:
    return json.dumps(
        {
            "type": kind, "uuid": f"u{number}", "parentUuid": None, "sessionId": "s",
            "cwd": "/srv/shop", "isSidechain": False,
            "timestamp": f"2026-03-04T10:00:{number % 60:02}.000Z",
            "message": {"role": kind, "model": "claude", "content": content},
        }
    )  # fmt: skip


def history(machine: Machine, name: str, exchanges: int) -> Path:
    """A history of Claude Code where it keeps them, with two messages for each exchange."""
    path = machine.user_home / ".claude" / "projects" / "-srv-shop" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for number in range(exchanges):
        lines.append(line("user", f"question {number} of {name}", 2 * number))
        lines.append(line("assistant", [{"type": "text", "text": "an answer"}], 2 * number + 1))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_histories_are_found_imported_once_and_searched(machine: Machine) -> None:
    history(machine, "one", 2)
    history(machine, "two", 1).open("a").write("{broken\n")
    told = machine.ok("import", "claude")
    assert "Claude Code: 2 of 2 histories imported, 8 messages." in told
    assert "1 broken line in 1 file skipped" in told
    assert "question 0 of one" in told

    again = machine.json("import", "claude", "--json")
    assert (again["states"], again["messages_added"]) == ({"unchanged": 2}, 0)
    assert "question" in machine.ok("sessions", "search", "question")
    (shown,) = [
        each for each in machine.json("sessions", "list", "--json") if "two" in each["title"]
    ]
    assert shown["imported_from"] == "claude"
    assert shown["cwd"] == "/srv/shop"


def test_a_dry_run_changes_nothing(machine: Machine) -> None:
    history(machine, "one", 2)
    assert "1 of 1 history would be imported, 5 messages" in machine.ok(
        "import", "claude", "--dry-run"
    )
    assert machine.json("sessions", "list", "--json") == []


def test_a_place_without_histories_says_where_it_looked(machine: Machine) -> None:
    done = machine.run("import", "codex")
    assert done.returncode == 1
    assert "There is no history of Codex in ~/.codex/sessions" in done.stderr
    machine.environ["CODEX_HOME"] = str(machine.root / "elsewhere")
    assert "elsewhere/sessions" in machine.run("import", "codex").stderr


def test_an_imported_conversation_goes_on_in_a_run(machine: Machine) -> None:
    path = history(machine, "one", 1)
    path.open("a").write(
        line("assistant", [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}], 5) + "\n"
    )
    machine.script({"text": "Gladly.", "repeat": True})
    made = machine.json("import", "claude", "--json")["histories"][0]["conversation_id"]
    assert "Gladly." in machine.ok("run", "--conversation", made, "Go on")
    path.open("a").write(line("user", "said in the other program", 6) + "\n")
    assert machine.json("import", "claude", "--json")["states"] == {"branched": 1}


@pytest.mark.slow
def test_a_killed_import_leaves_whole_conversations_and_a_second_one_completes_it(
    machine: Machine,
) -> None:
    exchanges, files = 150, 40
    for number in range(files):
        history(machine, f"h{number:02}", exchanges)
    process = machine.start("import", "claude")
    store = machine.store()
    agent_id = store.agents.current().id
    deadline = time.monotonic() + 60
    while len(store.conversations.list(agent_id)) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    there = store.conversations.list(agent_id)
    assert 3 <= len(there) < files, "it was to be killed in the middle"
    assert {each.head for each in there} == {2 * exchanges + 1}

    done = machine.json("import", "claude", "--json")["states"]
    assert done == {"unchanged": len(there), "new": files - len(there)}
    assert {each.head for each in store.conversations.list(agent_id)} == {2 * exchanges + 1}
    store.close()


def test_two_imports_at_once_bring_in_each_history_once(machine: Machine) -> None:
    for number in range(12):
        history(machine, f"h{number:02}", 20)
    machine.json("sessions", "list", "--json")
    both = [machine.start("import", "claude", "--json") for _ in range(2)]
    told = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert sum(each["states"].get("new", 0) for each in told) == 12
    assert sum(each["messages_added"] for each in told) == 12 * 41
    assert len(machine.json("sessions", "list", "--json")) == 12
