"""`agent memory`: blocks made, renamed, deleted; their history; and their way to files and back."""

import json
from pathlib import Path

import pytest
from cli_machine import Machine

from letta_cli.core.memory import Origin


def labels(machine: Machine) -> set[str]:
    return {block["label"] for block in machine.json("memory", "--json")}


def test_a_block_is_made_described_limited_renamed_deleted_and_brought_back(
    machine: Machine,
) -> None:
    machine.ok("memory", "create", "deploy", "--text", "Fridays are off.", "--about", "releases")
    machine.ok("memory", "describe", "deploy", "how we release")
    assert machine.json("memory", "limit", "deploy", "20", "--json")["limit"] == 20
    assert machine.run("memory", "edit", "deploy", "--text", "x" * 21).returncode == 1
    machine.ok("memory", "rename", "deploy", "release")
    shown = machine.json("memory", "show", "release", "--json")
    assert (shown["description"], shown["value"]) == ("how we release", "Fridays are off.")
    assert machine.run("memory", "delete", "release").returncode == 2
    machine.ok("memory", "delete", "release", "--yes")
    assert labels(machine) == {"persona", "human"}
    assert "Fridays are off." in machine.ok("memory", "undo", "release")
    assert labels(machine) == {"persona", "human", "release"}


def test_blocks_have_the_scope_they_were_made_for(machine: Machine) -> None:
    machine.ok("memory", "create", "build", "--scope", "project", "--text", "make")
    assert machine.ok("memory", "show", "build") == "make\n"
    elsewhere = machine.root / "elsewhere"
    elsewhere.mkdir()
    assert machine.run("memory", "show", "build", "-C", str(elsewhere)).returncode == 1
    store = machine.store()
    conversation = store.conversations.default(store.agents.current().id)
    store.close()
    own = ("--conversation", conversation.id)
    machine.ok("memory", "create", "plan", "--scope", "conversation", *own, "--text", "one")
    assert machine.run("memory", "show", "plan").returncode == 1
    machine.ok("memory", "edit", "plan", *own, "--text", "two")
    assert machine.ok("memory", "show", "plan", *own) == "two\n"
    for wrong in (("--scope", "world"), ("--scope", "conversation"), own):
        assert machine.run("memory", "create", "x", *wrong).returncode == 2
    assert machine.run("memory", "create", "build", "--scope", "project").returncode == 1


@pytest.mark.slow
def test_versions_are_shown_compared_and_traced_to_their_writers(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada\nlikes tests")
    store = machine.store()
    block = store.blocks.find(store.agents.current().id, "human")
    store.blocks.insert(block.id, "writes Python", origin=Origin("model", "conv-0123456789"))
    store.close()
    machine.ok("memory", "edit", "human", "--text", "Ada\nlikes proofs\nwrites Python")
    assert machine.ok("memory", "show", "human", "--at", "2") == "Ada\nlikes tests\n"
    assert machine.ok("memory", "show", "human", "--at", "1") == "\n"
    assert machine.run("memory", "show", "human", "--at", "9").returncode == 1
    newest = machine.ok("memory", "diff", "human").splitlines()
    assert {"-likes tests", "+likes proofs"} <= set(newest)
    assert "+writes Python" in machine.ok("memory", "diff", "human", "2", "3")
    assert "reads the same" in machine.ok("memory", "diff", "human", "3", "3")
    lines = machine.json("memory", "blame", "human", "--json")
    assert [(each["version"], each["actor"]) for each in lines] == [
        (2, "person"), (4, "person"), (3, "model"),
    ]  # fmt: skip
    assert "model in conv-01234567" in machine.ok("memory", "blame", "human")


def test_memory_goes_to_files_and_edits_of_them_come_back_as_versions(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada\n\n---\nwith: colons")
    machine.ok("memory", "create", "build", "--scope", "project", "--text", "make")
    machine.ok("memory", "export", "out")
    folder = machine.project / "out"
    file = folder / "human.md"
    assert file.read_text().endswith("---\nAda\n\n---\nwith: colons\n")
    assert len(list(folder.rglob("build.md"))) == 1
    states = {
        each["label"]: each["state"] for each in machine.json("memory", "import", "out", "--json")
    }
    assert states == {"human": "unchanged", "persona": "unchanged", "build": "unchanged"}
    file.write_text(file.read_text().replace("Ada", "Grace"))
    assert "changed: human" in machine.ok("memory", "import", "out/human.md")
    assert machine.ok("memory", "show", "human").startswith("Grace\n")
    newest = machine.json("memory", "log", "human", "--json")[0]
    assert (newest["actor"], newest["note"]) == ("person", "agent memory import")
    (folder / "new.md").write_text("---\nlabel: new\ndescription: made by hand\n---\nfresh\n")
    assert "created: new" in machine.ok("memory", "import", "out/new.md")
    assert machine.ok("memory", "show", "new") == "fresh\n"
    assert 'label: "human"' in machine.ok("memory", "export", "-")


def test_an_import_never_overwrites_what_was_remembered_meanwhile(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada")
    machine.ok("memory", "export", "out")
    file = machine.project / "out" / "human.md"
    machine.ok("memory", "edit", "human", "--text", "Ada likes tests")
    [told] = machine.json("memory", "import", str(file), "--json")
    assert told["state"] == "older"
    file.write_text(file.read_text().replace("\nAda\n", "\nAda likes proofs\n"))
    done = machine.run("memory", "import", str(file))
    assert done.returncode == 1
    assert "-Ada likes tests" in done.stdout
    assert "+Ada likes proofs" in done.stdout
    assert machine.ok("memory", "show", "human") == "Ada likes tests\n"
    kept = machine.run("memory", "export", "out")
    assert (kept.returncode, "kept: human" in kept.stdout) == (1, True)
    assert "proofs" in file.read_text()


def test_files_that_are_no_blocks_are_refused_beside_those_that_are(machine: Machine) -> None:
    folder = machine.project / "out"
    folder.mkdir()
    (folder / "a.md").write_text("no head")
    (folder / "b.md").write_bytes(b"---\nlabel: b\n---\n\xff\xfe")
    (folder / "c.md").write_text(f"---\nlabel: c\nlimit: 5\n---\n{'x' * 9}\n")
    (folder / "d.md").write_text("---\nlabel: d\n---\ngood\n")
    done = machine.run("memory", "import", "out", "--json")
    assert done.returncode == 1
    states = [each["state"] for each in json.loads(done.stdout)]
    assert states == ["refused", "refused", "refused", "created"]
    assert machine.run("memory", "import", str(Path("nowhere"))).returncode == 2


def test_the_setting_chooses_which_memory_tools_a_model_is_offered(machine: Machine) -> None:
    record = machine.root / "requests.jsonl"
    machine.environ["AGENT_SCRIPT_RECORD"] = str(record)
    call = {
        "name": "memory",
        "arguments": {"command": "create", "path": "deploy", "file_text": "x"},
    }
    machine.script({"tool_calls": [call]}, {"text": "done"})
    machine.ok("config", "set", "memoryTools", "omni")
    machine.ok("run", "remember x")
    assert machine.ok("memory", "show", "deploy") == "x\n"
    first = json.loads(record.read_text().splitlines()[0])
    names = [each if isinstance(each, str) else each["name"] for each in first["tools"]]
    assert [name for name in names if name.startswith("memory")] == ["memory"]
    assert "memory_insert" not in first["system"]
    machine.ok("config", "set", "memoryTools", "single")
    machine.script({"text": "one"}, {"text": "two"}, {"text": "three"})
    machine.ok("run", "-c", "and now?")
    last = json.loads(record.read_text().splitlines()[-1])
    assert "memory_insert" in last["system"]
    assert machine.run("config", "set", "memoryTools", "many").returncode == 2
