"""`agent memory mirror`: every edit a commit, and a person's commits and edits back in memory."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from cli_machine import Machine

from letta_cli.agent.mirror import synchronise
from letta_cli.core.memory import Origin
from letta_cli.workspace.memory_repository import MemoryRepository

pytestmark = pytest.mark.slow


BODY = "one\n\ntwo\n\nthree\n\nfour"


@pytest.fixture
def mirror(machine: Machine) -> Path:
    """A mirror with the block ``notes`` in it, and a git identity for the person."""
    machine.user_home.joinpath(".gitconfig").write_text(
        "[user]\nname = Ada Lovelace\nemail = ada@example.org\n[init]\ndefaultBranch = main\n"
    )
    machine.ok("memory", "create", "notes", "--text", BODY)
    folder = machine.root / "mirror"
    sync(machine, folder)
    return folder


def sync(machine: Machine, folder: Path) -> str:
    return machine.ok("memory", "mirror", "--once", str(folder))


def git(machine: Machine, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=machine.env(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def clone(machine: Machine, mirror: Path) -> Path:
    git(machine, machine.root, "clone", "-q", str(mirror), "clone")
    return machine.root / "clone"


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def trailers(machine: Machine, folder: Path) -> list[str]:
    log = git(machine, folder, "log", "main", "--format=%(trailers:key=Memory-Revision,valueonly)")
    return sorted(filter(None, log.splitlines()))


def revisions(machine: Machine) -> list[str]:
    store = machine.store()
    try:
        keys = store.blocks.revision_keys()
    finally:
        store.close()
    return sorted(" ".join(map(str, key)) for key in keys)


def show(machine: Machine, label: str) -> str:
    return machine.ok("memory", "show", label)


def test_every_revision_is_one_commit_by_its_writer_at_its_time(machine: Machine, mirror: Path):
    store = machine.store()
    agent = store.agents.current()
    talk = store.conversations.create(agent.id, cwd="/p", project="/p", title="Fix the login")
    notes = store.blocks.find(agent.id, "notes")
    made = store.blocks.insert(notes.id, "five", origin=Origin("model", talk.id, "run-1", "said"))
    store.blocks.rename(notes.id, "facts", origin=Origin("person"))
    store.close()
    sync(machine, mirror)
    assert trailers(machine, mirror) == revisions(machine)
    log = git(machine, mirror, "log", "--format=%an|%ae|%at|%s", "--", "agent/notes.md")
    assert f"Fix the login|{talk.id}|{int(made.created_at.timestamp())}|notes 2: +1 -0" in log
    body = git(machine, mirror, "log", "-1", "--format=%B", "--grep", "notes 2")
    assert "+ five" in body
    assert "said" in body
    assert not (mirror / "agent/notes.md").exists()
    assert (mirror / "agent/facts.md").read_text().endswith("four\nfive\n")
    assert git(machine, mirror, "status", "--short") == ""
    before = git(machine, mirror, "rev-parse", "main")
    assert "no new commits" in sync(machine, mirror)
    assert git(machine, mirror, "rev-parse", "main") == before


def test_a_push_is_taken_at_once_and_merged_with_newer_edits(machine: Machine, mirror: Path):
    copy = clone(machine, mirror)
    change(copy / "agent/notes.md", "four", "vier")
    git(machine, copy, "commit", "-qam", "German")
    machine.ok("memory", "edit", "notes", "--text", BODY.replace("one", "eins"))
    told = git(machine, copy, "push", "origin", "main")
    assert "changed: agent/notes.md (notes, version 3)" in told
    assert show(machine, "notes") == "eins\n\ntwo\n\nthree\n\nvier\n"
    [newest, *_] = machine.json("memory", "log", "notes", "--json")
    assert newest["actor"] == "person"
    assert newest["note"].startswith("German (Ada Lovelace <ada@example.org>, commit ")
    assert "Ada Lovelace" in git(machine, mirror, "log", "-1", "--format=%an")
    git(machine, copy, "pull", "-q", "--ff-only")
    assert (copy / "agent/notes.md").read_text() == (mirror / "agent/notes.md").read_text()
    assert trailers(machine, mirror) == revisions(machine)


def test_a_conflict_is_shown_and_neither_side_is_lost(machine: Machine, mirror: Path):
    copy = clone(machine, mirror)
    change(copy / "agent/notes.md", "four", "vier")
    git(machine, copy, "commit", "-qam", "German")
    machine.ok("memory", "edit", "notes", "--text", BODY.replace("four", "quatre"))
    told = git(machine, copy, "push", "origin", "main")
    assert "conflict: agent/notes.md" in told
    assert "<<<<<<< memory" in told
    assert show(machine, "notes").endswith("quatre\n")
    [branch] = git(machine, mirror, "branch", "--list", "kept/*").split()
    assert branch in told
    assert "vier" in git(machine, mirror, "show", f"{branch}:agent/notes.md")
    git(machine, copy, "pull", "-q", "--ff-only")
    change(copy / "agent/notes.md", "quatre", "quatre, vier")
    git(machine, copy, "commit", "-qam", "Both")
    git(machine, copy, "push", "origin", "main")
    assert show(machine, "notes").endswith("quatre, vier\n")


def test_files_edited_in_place_come_back_too(machine: Machine, mirror: Path):
    agent = mirror / "agent"
    change(agent / "notes.md", "four", "vier")
    (agent / "plans.md").write_text("Sail to Ithaca.\n")
    (mirror / "README.md").write_text("mine\n")
    (agent / "human.md").rename(agent / "person.md")
    told = sync(machine, mirror)
    assert "created: agent/plans.md" in told
    assert "renamed: agent/human.md (person" in told
    assert show(machine, "notes").endswith("vier\n")
    assert show(machine, "plans") == "Sail to Ithaca.\n"
    assert 'label: "plans"' in (agent / "plans.md").read_text()
    (agent / "plans.md").unlink()
    assert "deleted: agent/plans.md" in sync(machine, mirror)
    assert machine.run("memory", "show", "plans").returncode == 1
    assert (mirror / "README.md").read_text() == "mine\n"
    assert trailers(machine, mirror) == revisions(machine)


def test_an_edit_in_place_that_does_not_merge_is_kept_on_a_branch(machine: Machine, mirror: Path):
    change(mirror / "agent/notes.md", "four", "vier")
    machine.ok("memory", "edit", "notes", "--text", BODY.replace("four", "quatre"))
    done = machine.run("memory", "mirror", "--once", str(mirror))
    assert done.returncode == 1
    assert "conflict: agent/notes.md" in done.stdout
    assert (mirror / "agent/notes.md").read_text().endswith("quatre\n")
    [branch] = git(machine, mirror, "branch", "--list", "kept/*").split()
    assert "vier" in git(machine, mirror, "show", f"{branch}:agent/notes.md")
    assert machine.run("memory", "mirror", "--once", str(mirror)).returncode == 0


def test_what_memory_cannot_hold_is_refused_with_its_reason(machine: Machine, mirror: Path):
    machine.ok("memory", "limit", "notes", "30")
    sync(machine, mirror)
    change(mirror / "agent/notes.md", "four", "x" * 40)
    (mirror / "agent/broken.md").write_text("---\nlimit: many\n---\nx\n")
    (mirror / "agent/bytes.md").write_bytes(b"\xff\xfe")
    done = machine.run("memory", "mirror", "--once", str(mirror))
    assert done.returncode == 1
    assert "its limit is 30" in done.stdout
    assert "refused: agent/broken.md" in done.stdout
    assert "refused: agent/bytes.md" in done.stdout
    assert show(machine, "notes") == BODY + "\n"
    assert (mirror / "agent/bytes.md").read_bytes() == b"\xff\xfe"


def test_switched_on_it_follows_memory_by_itself(machine: Machine):
    folder = machine.root / "mirror"
    machine.ok("memory", "mirror", str(folder))
    machine.ok("memory", "create", "notes", "--text", "soon there")
    wait_for(lambda: (folder / "agent/notes.md").exists())
    edit = {"label": "notes", "new_string": "from a run"}
    machine.script({"tool_calls": [{"name": "memory_insert", "arguments": edit}]}, {"text": "done"})
    machine.ok("run", "remember")
    wait_for(lambda: "from a run" in (folder / "agent/notes.md").read_text())
    wait_for(lambda: trailers(machine, folder) == revisions(machine))
    machine.ok("memory", "mirror", "--off")
    assert machine.run("memory", "mirror").returncode == 2


def test_the_history_that_a_person_rewound_is_told_again(machine: Machine, mirror: Path):
    machine.ok("memory", "edit", "notes", "--text", "new")
    sync(machine, mirror)
    git(machine, mirror, "reset", "-q", "--hard", "HEAD~1")
    sync(machine, mirror)
    assert show(machine, "notes") == "new\n"
    assert trailers(machine, mirror) == revisions(machine)


def test_any_label_has_a_file_inside_the_mirror(machine: Machine, mirror: Path):
    labels = ["../up", ".git", "git", "..", "Ä/ö 😀", 'a"b\\c', "tab\tnew\nline", "x" * 300]
    store = machine.store()
    agent = store.agents.current()
    for label in labels:
        store.blocks.create(agent.id, label, value=label, origin=Origin("model"))
    store.close()
    sync(machine, mirror)
    assert "no new commits" in sync(machine, mirror)
    files = [path for path in (mirror / "agent").rglob("*.md") if path.is_file()]
    assert len(files) == len(labels) + len(("persona", "human", "notes"))
    for file in files:
        file.write_text(file.read_text().rstrip("\n") + "\nedited\n")
    assert sync(machine, mirror).count("changed: ") == len(files)
    assert git(machine, mirror, "status", "--short") == ""


def test_blocks_of_projects_and_removed_agents_and_conversations_follow(
    machine: Machine, mirror: Path
):
    store = machine.store()
    agent, other = store.agents.current(), store.agents.create("other")
    talk = store.conversations.create(agent.id, cwd="/p", project="/p")
    store.blocks.create(
        agent.id, "build", value="make", scope="project", scope_key="/p", origin=Origin("person")
    )
    human = store.blocks.find(agent.id, "human")
    store.sharing.isolate(human.id, talk.id, origin=Origin("person"))
    sync(machine, mirror)
    [build] = mirror.glob("agent/project/p-*/build.md")
    [copy] = mirror.glob("agent/conversation/*/human.md")
    assert (mirror / "other/persona.md").exists()
    build.with_name("test.md").write_text("pytest\n")
    store.conversations.delete(talk.id)
    store.agents.delete(other.id)
    store.agents.update(agent.id, name="renamed")
    sync(machine, mirror)
    assert not copy.exists()
    assert not (mirror / "other").exists()
    moved = mirror / "renamed" / build.relative_to(mirror / "agent")
    assert moved.exists()
    moved.with_name("run.md").write_text("uv run\n")
    assert "created" in sync(machine, mirror)
    found = store.blocks.find(agent.id, "run", project="/p")
    assert (found.value, found.scope) == ("uv run", "project")
    store.close()


def test_a_folder_with_something_else_in_it_is_refused(machine: Machine, mirror: Path):
    machine.project.joinpath("x").write_text("")
    done = machine.run("memory", "mirror", str(machine.project))
    assert done.returncode == 1
    assert "something else" in done.stderr
    other = f"sqlite:///{machine.root}/other/agent.db"
    machine.ok("memory", "create", "x", "--db", other)
    done = machine.run("memory", "mirror", "--once", str(mirror), "--db", other)
    assert done.returncode == 1
    assert "another database" in done.stderr


def wait_for(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


WRAPPER = """#!/bin/sh
count=$(($(cat "{state}") - 1))
echo $count > "{state}"
"{git}" "$@"
code=$?
[ "$count" = 0 ] && kill -9 $PPID
exit $code
"""


@pytest.mark.slow
def test_a_kill_after_any_call_of_git_is_made_good_by_the_next_sync(machine: Machine, mirror: Path):
    folder, state = machine.root / "bin", machine.root / "countdown"
    folder.mkdir()
    wrapper = folder / "git"
    wrapper.write_text(WRAPPER.format(state=state, git=shutil.which("git")))
    wrapper.chmod(0o700)
    copy = clone(machine, mirror)
    mirror.joinpath(".git/hooks/post-receive").write_text("#!/bin/sh\n")
    path = os.environ["PATH"]
    expected: list[str] = []
    for call in range(1, 100):
        # One edit of each kind is waiting: of memory, pushed, and in place.
        git(machine, copy, "pull", "-q", "--ff-only")
        change(copy / "agent/notes.md", "one", f"one\npushed {call}")
        git(machine, copy, "commit", "-qam", f"push {call}")
        git(machine, copy, "push", "-q")
        change(mirror / "agent/human.md", "---\n\n" if call == 1 else "\nstart", "---\nstart\n"
               if call == 1 else f"\nstart\nplaced {call}")  # fmt: skip
        store = machine.store()
        notes = store.blocks.find(store.agents.current().id, "notes")
        store.blocks.insert(notes.id, f"said {call}", origin=Origin("model"))
        expected.insert(0, f"pushed {call}")
        state.write_text(f"{call}\n")
        machine.environ["PATH"] = f"{folder}:{path}"
        done = machine.run("memory", "mirror", "--once", str(mirror))
        machine.environ["PATH"] = path
        synchronise(store, MemoryRepository.open(mirror), wait_seconds=30)
        blocks = {block.label: block.value.splitlines() for block in store.blocks.everything()}
        store.close()
        assert trailers(machine, mirror) == revisions(machine)
        text = blocks["notes"]
        assert [line for line in text if line.startswith("pushed")] == expected
        said = [line for line in text if line.startswith("said")]
        assert said == [f"said {each}" for each in range(1, call + 1)]
        placed = [line for line in blocks["human"] if line != "start"]
        assert placed == [f"placed {each}" for each in range(call, 1, -1)]
        assert git(machine, mirror, "branch", "--list", "kept/*") == ""
        assert git(machine, mirror, "status", "--short") == ""
        if done.returncode == 0:
            break
        assert done.returncode == -9
    assert call > 10  # so many calls of git, and a kill after each
