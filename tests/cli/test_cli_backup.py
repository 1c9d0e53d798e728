"""`agent backup`, `agent restore`, `agent doctor --repair`, and the day's backup by itself."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path

import pytest
from cli_machine import Machine

from letta_cli.core.message import Text

pytestmark = pytest.mark.slow


def remember(machine: Machine, text: str) -> None:
    machine.ok("memory", "edit", "human", "--text", text)


def ruin(machine: Machine) -> None:
    path = machine.home / "agent.db"
    path.write_bytes(b"\xff" * path.stat().st_size)


def test_a_backup_is_made_listed_and_put_back(machine: Machine) -> None:
    remember(machine, "Ada")
    assert "verified" in machine.ok("backup")
    remember(machine, "Grace")
    [listed] = machine.json("backup", "list", "--json")
    assert (listed["kind"], listed["verified"]) == ("manual", True)
    assert machine.ok("backup", "list").splitlines()[1].endswith("ok")
    told = machine.json("restore", "--yes", "--json")
    assert told["restored_from"] == listed["path"]
    assert machine.ok("memory", "show", "human") == "Ada\n"
    machine.ok("restore", told["set_aside"], "--yes")
    assert machine.ok("memory", "show", "human") == "Grace\n"


def test_a_backup_goes_where_the_person_says(machine: Machine) -> None:
    remember(machine, "Ada")
    target = machine.root / "copy.db"
    assert machine.json("backup", str(target), "--json")["path"] == str(target)
    assert machine.run("backup", str(target)).returncode == 2
    assert machine.ok("memory", "show", "human", "--db", f"sqlite:///{target}") == "Ada\n"


def test_without_a_word_of_consent_nothing_is_restored(machine: Machine) -> None:
    remember(machine, "Ada")
    machine.ok("backup")
    remember(machine, "Grace")
    done = machine.run("restore")
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    assert machine.ok("memory", "show", "human") == "Grace\n"


@pytest.mark.parametrize("arguments", [("backup",), ("restore", "--yes"), ("restore", "no.db")])
def test_where_there_is_nothing_it_is_said(machine: Machine, arguments: tuple[str, ...]) -> None:
    done = machine.run(*arguments)
    assert done.returncode == 1
    assert "There is no" in done.stderr
    assert machine.ok("backup", "list").startswith("No backup")


def test_a_damaged_database_is_mended_from_the_newest_good_backup(machine: Machine) -> None:
    remember(machine, "Ada")
    machine.ok("backup")
    good = machine.json("backup", "list", "--json")[0]["path"]
    machine.ok("backup")
    Path(machine.json("backup", "list", "--json")[0]["path"]).write_bytes(b"torn" * 5000)
    ruin(machine)
    assert "agent doctor --repair" in machine.run("memory").stderr
    assert machine.run("doctor", "--repair").returncode == 1
    done = machine.run("doctor", "--repair", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mended" in done.stdout
    assert machine.ok("memory", "show", "human") == "Ada\n"
    assert Path(good).exists()
    assert len(list(machine.home.glob("agent.db.replaced-*"))) == 1


def test_a_damaged_search_index_alone_costs_nothing_but_the_index(machine: Machine) -> None:
    remember(machine, "Ada")
    machine.ok("backup")
    machine.ok("run", "-m", "scripted/echo", "the walrus sings")
    remember(machine, "Grace")
    with contextlib.closing(sqlite3.connect(machine.home / "agent.db")) as connection:
        connection.execute("DELETE FROM search_index_data WHERE id > 100")
        connection.commit()
    assert "search index" in machine.ok("doctor", "--repair", "--yes")
    assert machine.ok("memory", "show", "human") == "Grace\n"
    assert "walrus" in machine.ok("sessions", "search", "walrus")


def test_without_a_backup_what_can_be_read_is_saved(machine: Machine) -> None:
    remember(machine, "Ada")
    path = machine.home / "agent.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        [(page,)] = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'setting'"
        ).fetchall()
    data = bytearray(path.read_bytes())
    data[4096 * (page - 1) : 4096 * page] = b"\xff" * 4096
    path.write_bytes(data)
    told = machine.run("doctor", "--repair", "--yes")
    assert "what can be read of it: 0 messages and 1 edits" in told.stdout, (
        told.stdout + told.stderr
    )
    assert machine.ok("memory", "show", "human") == "Ada\n"


def lose_the_page_with(path: Path, text: bytes) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    page = data.rindex(text) // 4096 * 4096  # earlier ones may be left over from a split
    data[page : page + 4096] = b"\xff" * 4096
    path.write_bytes(data)


def tell(machine: Machine, text: str) -> None:
    """A conversation of one message."""
    with contextlib.closing(machine.store()) as store:
        agent = store.agents.current()
        made = store.conversations.create(agent.id, cwd="/", project="/", title=text[:20])
        store.messages.append(made.id, "user", [Text(text)])


def test_what_is_readable_is_put_over_the_backup_and_both_are_told(machine: Machine) -> None:
    tell(machine, "the first words " * 200)
    machine.ok("backup")
    tell(machine, "the second words " * 200)
    lose_the_page_with(machine.home / "agent.db", b"the first words the first words the")
    asked = machine.run("doctor", "--repair")
    assert asked.returncode == 1
    assert "Nothing was replaced" in asked.stderr
    told = machine.ok("doctor", "--repair", "--yes")
    assert "over the backup of" in told
    assert ": 2 messages" in told
    assert len(machine.json("sessions", "list", "--json")) == 2
    for words in ("first", "second"):
        assert words in machine.ok("sessions", "search", words)


def test_a_backup_alone_is_taken_when_the_damaged_file_adds_nothing(machine: Machine) -> None:
    tell(machine, "the first words " * 200)
    machine.ok("backup")
    lose_the_page_with(machine.home / "agent.db", b"the first words the first words the")
    assert "UTC alone: 1 messages" in machine.ok("doctor", "--repair", "--yes")


def test_modes_and_old_outputs_are_put_right(machine: Machine) -> None:
    remember(machine, "Ada")
    output = machine.home / "output"
    output.mkdir(mode=0o755)
    output.chmod(0o755)
    old, draft, fresh = (output / name for name in ("a.txt", "memory-x-draft-1.txt", "b.txt"))
    for path in (old, draft, fresh):
        path.write_text("long")
    for path in (old, draft):
        os.utime(path, (time.time() - 31 * 86_400,) * 2)
    machine.home.chmod(0o755)
    told = machine.json("doctor", "--repair", "--json")
    assert told["ok"]
    assert len(told["repairs"]) >= 3
    assert sorted(path.name for path in output.iterdir()) == ["b.txt", draft.name]
    assert machine.home.stat().st_mode & 0o777 == 0o700
    assert output.stat().st_mode & 0o777 == 0o700
    assert machine.json("doctor", "--repair", "--json")["repairs"] == []


def test_sessions_that_died_without_a_word_are_no_longer_listed(machine: Machine) -> None:
    store = machine.store()
    conversation = store.conversations.default(store.agents.current().id)
    store.sessions.open(conversation_id=conversation.id, cwd="/", branch="", terminal="")
    with store._database.transaction():
        store._database.execute("UPDATE session SET heartbeat_at = '2026-01-01T00:00:00.000000Z'")
    store.close()
    assert any(
        "1 sessions" in line for line in machine.json("doctor", "--repair", "--json")["repairs"]
    )


def backups(machine: Machine) -> list[str]:
    return sorted(path.name for path in (machine.home / "backups").glob("agent-*.db"))


def test_the_first_session_that_ends_on_a_later_day_leaves_a_backup(machine: Machine) -> None:
    machine.script({"text": "hello"})
    machine.ok("run", "hi")
    assert backups(machine) == []
    with contextlib.closing(sqlite3.connect(machine.home / "agent.db")) as connection:
        connection.execute("UPDATE migration SET applied_at = '2026-01-01T00:00:00.000000Z'")
        connection.commit()
    machine.ok("run", "hi")
    deadline = time.monotonic() + 20
    while not backups(machine) and time.monotonic() < deadline:
        time.sleep(0.05)
    [made] = backups(machine)
    assert "daily" in made
    machine.ok("run", "hi")
    assert backups(machine) == [made]
    assert "there already" in machine.ok("backup", "--daily")
