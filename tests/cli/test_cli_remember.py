"""`agent remember`: one thing into memory, without a model."""

from cli_machine import Machine


def test_it_says_where_it_went_what_changed_and_how_to_undo_it(machine: Machine) -> None:
    told = machine.ok("remember", "My name is Ada and I like short answers.").splitlines()
    assert told == [
        "human (all conversations), because it is about you:",
        "  + My name is Ada and I like short answers.",
        "undo: agent memory undo human",
    ]
    assert machine.ok("remember", "my name is Ada and I like short answers") == (
        "human says that already (version 2); nothing was stored\n"
    )
    machine.ok(*told[-1].removeprefix("undo: agent ").split())
    assert machine.ok("memory", "show", "human").strip() == ""


def test_the_block_can_be_named_and_the_text_piped(machine: Machine) -> None:
    done = machine.run("remember", "--block", "project", stdin="I am\nnot about you\n")
    assert done.returncode == 0 and "+ not about you" in done.stdout
    assert machine.ok("memory", "show", "project") == "I am\nnot about you\n"
    refused = machine.run("remember", "--block", "nowhere", "x y")
    assert refused.returncode == 1 and "Blocks: persona, human, project" in refused.stderr
    empty = machine.run("remember")
    assert empty.returncode == 2 and "nothing to remember" in empty.stderr


def test_machines_get_the_revision(machine: Machine) -> None:
    first = machine.json("remember", "--json", "We", "deploy", "on", "Thursdays")
    assert first["stored"] and first["label"] == "project" and first["actor"] == "person"
    assert first["after"] == "We deploy on Thursdays"
    again = machine.json("remember", "--json", "We deploy on Thursdays")
    assert not again["stored"] and again["version"] == first["version"]


def test_running_conversations_are_told(machine: Machine) -> None:
    machine.environ["AGENT_SCRIPT_RECORD"] = str(machine.root / "requests")
    machine.script({"text": "hello"}, {"text": "again"})
    machine.ok("run", "-n", "talk", "hi")
    machine.ok("remember", "I like tea")
    machine.ok("run", "-r", "talk", "and now?")
    last = (machine.root / "requests").read_text().splitlines()[-1]
    assert "I like tea" in last
