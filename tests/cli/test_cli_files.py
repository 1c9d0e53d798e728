"""`agent files`, run as a person runs it."""

import json

from cli_machine import Machine


def test_files_are_added_listed_searched_shown_and_removed(machine: Machine) -> None:
    (machine.project / "docs").mkdir()
    (machine.project / "docs" / "tea.md").write_text("# Tea\n\nGreen tea.\n")
    (machine.project / "docs" / "x.bin").write_bytes(b"\0\1")
    (machine.project / "docs" / "old.log").write_text("old")
    (machine.project / "docs" / ".gitignore").write_text("*.log\n")
    told = machine.ok("files", "add", "docs")
    assert "new      tea.md  text, 1 section\n" in told
    assert "1 skipped: binary, not text" in told
    names = [each["name"] for each in machine.json("files", "--json")]
    assert names == [".gitignore", "tea.md"]
    assert machine.json("files", "search", "green", "--json")[0]["citation"] == "tea.md:1-3"
    assert "3\tGreen tea." in machine.ok("files", "show", "tea.md:3")
    assert "2 unchanged, 1 skipped" in machine.ok("files", "add", "docs")

    (machine.project / "docs" / "tea.md").write_text("# Tea\n\nBlack tea.\n")
    (machine.project / "docs" / "coffee.md").write_text("Mocha")
    assert "changed on disk" in machine.ok("files")
    states = {each["path"].rpartition("/")[2]: each["state"]
              for each in machine.json("files", "refresh", "--json")}  # fmt: skip
    assert states == {
        ".gitignore": "unchanged", "tea.md": "changed", "coffee.md": "new", "x.bin": "skipped",
    }  # fmt: skip
    assert machine.json("files", "remove", "docs", "--json") == [
        ".gitignore",
        "coffee.md",
        "tea.md",
    ]
    assert machine.json("files", "--json") == []
    assert (machine.project / "docs" / "tea.md").exists()


def test_what_was_named_and_is_no_document_fails_with_the_reason(machine: Machine) -> None:
    (machine.project / "x.bin").write_bytes(b"\0\1")
    done = machine.run("files", "add", "x.bin")
    assert done.returncode == 1
    assert "x.bin: binary, not text." in done.stderr
    assert "no such file or folder" in machine.run("files", "add", "nowhere").stderr


def test_one_missing_path_keeps_none_of_the_others_out(machine: Machine) -> None:
    for name in ("first.md", "last.md"):
        (machine.project / name).write_text(f"{name}\n")
    done = machine.run("files", "add", "first.md", "nowhere.md", "last.md")
    assert done.returncode == 1
    assert "nowhere.md: there is no such file or folder." in done.stderr
    assert "1 section\n" in done.stdout
    assert [each["name"] for each in machine.json("files", "--json")] == ["first.md", "last.md"]
    done = machine.run("files", "remove", "last.md", "nowhere.md", "first.md")
    assert done.returncode == 1
    assert "There is no file 'nowhere.md'" in done.stderr
    assert machine.json("files", "--json") == []


def test_a_model_searches_the_files_in_a_run(machine: Machine) -> None:
    (machine.project / "tea.md").write_text("Green tea.\n")
    machine.ok("files", "add", "tea.md")
    call = {"name": "search_files", "arguments": {"query": "green"}}
    machine.script({"tool_calls": [call]}, {"text": "See tea.md:1"})
    lines = machine.ok("run", "Which tea?", "--output-format", "stream-json").splitlines()
    assert any("tea.md:1\\n" in line and "tool_result" in line for line in lines)
    assert json.loads(lines[-1])["result"] == "See tea.md:1"


def test_an_agent_moves_out_and_in_by_its_file(machine: Machine) -> None:
    machine.script({"text": "Hello.", "repeat": True})
    machine.ok("run", "Hi there")
    machine.ok("agents", "export", "agent", "a.af", "--conversation", "Hi there")
    assert "there is already an agent" in machine.run("agents", "import", "a.af").stderr.lower()
    (told,) = machine.json("agents", "import", "a.af", "--name", "twin", "--json")
    assert (told["name"], told["conversations"], told["notes"]) == ("twin", 1, [])
    assert "Hi there" in machine.ok("sessions", "list", "--agent", "twin")


def test_a_conversation_is_exported_and_imported_as_json(machine: Machine) -> None:
    machine.script({"text": "Hello.", "repeat": True})
    machine.ok("run", "Hi there")
    machine.ok("sessions", "export", "Hi there", "--format", "json", "-o", "c.json")
    assert "Already here" in machine.ok("sessions", "import", "c.json")
    id_ = json.loads((machine.project / "c.json").read_text())["id"]
    machine.ok("sessions", "delete", id_, "--yes")
    assert f"Imported {id_}" in machine.ok("sessions", "import", "c.json")
    assert "Hello." in machine.ok("sessions", "show", id_)
