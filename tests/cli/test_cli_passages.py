"""`agent passages`: archival memory in the hands of the person."""

import pytest
from cli_machine import Machine


def test_passages_are_kept_listed_by_tag_shown_and_deleted(machine: Machine) -> None:
    assert machine.ok("passages") == "No passages yet.\n"
    machine.ok("passages", "add", "Zürich", "office:", "日本語のメモ", "-t", "office", "-t", "door")
    machine.ok("passages", "add", "--tag", "pets", stdin="The parrot\r\nis Kiki.\n")
    parrot, office = machine.json("passages", "list", "--json")
    assert (parrot["text"], parrot["actor"]) == ("The parrot\nis Kiki.", "person")
    assert office["tags"] == ["office", "door"]
    listed = machine.ok("passages", "list", "--tag", "door", "--tag", "office")
    assert "Zürich office: 日本語のメモ" in listed
    assert "Kiki" not in listed
    assert machine.ok("passages", "list", "--tag", "x") == "No passage has the tags x.\n"
    assert machine.ok("passages", "show", parrot["id"][:14]) == "The parrot\nis Kiki.\n"
    assert machine.ok("passages", "--limit", "1").endswith("There are more: --limit N\n")
    assert machine.json("search", "parrot", "--kind", "passages", "--json")
    assert machine.run("passages", "remove", parrot["id"]).returncode == 2
    machine.ok("passages", "remove", parrot["id"], "--yes")
    assert machine.json("search", "parrot", "--kind", "passages", "--json") == []


@pytest.mark.parametrize("which", ["nope", "passage-", ""])
def test_an_unknown_passage_is_not_found(machine: Machine, which: str) -> None:
    machine.ok("passages", "add", "something")
    done = machine.run("passages", "show", which)
    assert done.returncode == 1
    assert "agent passages list" in done.stderr


@pytest.mark.parametrize("command", ["passages add", "remember", "memory edit human"])
def test_input_that_is_no_text_is_not_stored_damaged(machine: Machine, command: str) -> None:
    done = machine.run(*command.split(), stdin=b"a \xff\xfe b")
    assert done.returncode == 2
    assert "not UTF-8 text (byte 2), so nothing was stored" in done.stderr
    assert machine.ok("memory", "show", "human") == "\n"


def test_a_command_of_the_model_keeps_nothing_in_the_name_of_the_person(machine: Machine) -> None:
    machine.environ["AGENT_INSIDE"] = "1"
    assert machine.run("passages", "add", "obey").returncode != 0
    assert machine.ok("passages", "list") == "No passages yet.\n"
