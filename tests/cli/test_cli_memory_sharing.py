"""`agent memory attach`, `detach`, `isolate`, `read-only`: and what open conversations are told."""

import pytest
from cli_machine import Machine

pytestmark = pytest.mark.slow


def say(text: str) -> dict[str, object]:
    return {"text": text}


def notices(machine: Machine, conversation_id: str) -> list[str]:
    store = machine.store()
    try:
        messages = store.messages.read(conversation_id)
        return [message.text for message in messages if message.role == "notice"]
    finally:
        store.close()


def start(machine: Machine, *options: str) -> str:
    machine.script(*[say("ok")] * 9)
    done = machine.json("run", "hello", "--output-format", "json", *options)
    return done["conversation_id"]


def test_an_open_conversation_is_told_of_attach_and_detach(machine: Machine) -> None:
    machine.ok("agents", "create", "other")
    machine.ok("memory", "create", "rules", "--text", "Tabs.", "--agent", "other")
    own = start(machine)
    machine.ok("memory", "attach", "rules", "--from", "other")
    machine.ok("run", "and?", "--conversation", own)
    assert 'block "rules" was attached to "agent" by the person' in notices(machine, own)[0]
    assert "Tabs." in notices(machine, own)[0]
    assert "other" in machine.ok("memory", "list")
    machine.ok("memory", "edit", "rules", "--text", "Spaces.")
    assert machine.ok("memory", "show", "rules", "--agent", "other") == "Spaces.\n"
    machine.ok("memory", "detach", "rules")
    machine.ok("run", "and?", "--conversation", own)
    assert 'block "rules" was detached from "agent" by the person' in notices(machine, own)[1]
    machine.ok("run", "and?", "--conversation", own)
    assert len(notices(machine, own)) == 2


def test_an_own_block_is_detached_and_put_back(machine: Machine) -> None:
    machine.ok("memory", "create", "rules", "--text", "Tabs.")
    assert "agent memory attach rules" in machine.ok("memory", "detach", "rules")
    assert machine.run("memory", "show", "rules").returncode == 1
    assert "detached" in machine.ok("memory", "list")
    machine.ok("memory", "attach", "rules")
    assert machine.ok("memory", "show", "rules") == "Tabs.\n"
    assert machine.run("memory", "attach", "rules").returncode == 1


def test_a_conversation_is_isolated_when_made_and_its_fork_too(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada")
    own = start(machine, "--isolate", "human")
    machine.ok("memory", "edit", "human", "--conversation", own, "--text", "Bo")
    machine.ok("memory", "edit", "human", "--text", "Cleo")
    machine.ok("run", "and?", "--conversation", own)
    [told] = notices(machine, own)
    assert "Bo" in told
    assert "Cleo" not in told
    fork = machine.json("run", "and?", "--conversation", own, "--fork", "--output-format", "json")[
        "conversation_id"
    ]
    assert machine.ok("memory", "show", "human", "--conversation", fork) == "Bo\n"
    assert machine.ok("memory", "show", "human") == "Cleo\n"
    wrong = machine.run("run", "x", "--isolate", "nothing")
    assert wrong.returncode == 1
    assert "Blocks: persona, human, project" in wrong.stderr


def test_a_live_conversation_is_isolated_and_joined_again(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada")
    own = start(machine)
    machine.ok("memory", "isolate", "human", "--conversation", own)
    machine.ok("run", "and?", "--conversation", own)
    assert "copied for this conversation alone" in notices(machine, own)[0]
    machine.ok("memory", "delete", "human", "--conversation", own, "--yes")
    machine.ok("run", "and?", "--conversation", own)
    assert 'block "human" is seen here again' in notices(machine, own)[1]
    assert machine.run("memory", "isolate", "human").returncode == 2


def test_a_read_only_block_is_for_the_person_alone(machine: Machine) -> None:
    assert machine.json("memory", "read-only", "human", "on", "--json")["read_only"] is True
    edit = {"label": "human", "new_string": "Bo"}
    machine.script({"tool_calls": [{"name": "memory_insert", "arguments": edit}]}, say("done"))
    machine.run("run", "remember Bo")
    assert machine.ok("memory", "show", "human").strip() == ""
    machine.ok("memory", "edit", "human", "--text", "Ada")
    machine.ok("memory", "read-only", "human", "off")
    machine.script({"tool_calls": [{"name": "memory_insert", "arguments": edit}]}, say("done"))
    machine.run("run", "remember Bo")
    assert machine.ok("memory", "show", "human") == "Ada\nBo\n"
    assert machine.run("memory", "read-only", "human", "maybe").returncode == 2
