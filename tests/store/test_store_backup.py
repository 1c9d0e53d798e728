"""Backups: whole or not there, private, kept three of a kind, and put back without a loss."""

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest
from store_children import finish, kill, run, start, url_of, wait_for_line

from letta_cli.core.errors import Busy, DatabaseDamaged, DatabaseTooNew, NotFound, UsageError
from letta_cli.core.message import Text
from letta_cli.store import Store, backup, open_store
from letta_cli.store.restore import chosen, restore
from letta_cli.store.salvage import salvage

pytestmark = pytest.mark.sqlite


@pytest.fixture
def database(folder: Path) -> Path:
    """A closed database with forty messages and an agent called Ada."""
    with contextlib.closing(open_store(url_of(folder))) as store:
        conversation = store.conversations.default(store.agents.create("Ada").id)
        for number in range(40):
            store.messages.append(
                conversation.id, "user", [Text(f"walrus{number} " + "words " * 300)]
            )
    return folder / "agent.db"


def names(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM agent ORDER BY name")]


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xff" * 100)


def test_a_backup_of_a_store_in_use_is_whole_private_and_alone(store: Store, folder: Path):
    store.agents.create("Ada")
    made = backup.back_up(folder / "agent.db")
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert made.path.parent.stat().st_mode & 0o777 == 0o700
    assert "Ada" in names(made.path)
    assert backup.verify(made.path) == store.health()["schema_version"]
    assert [file.name for file in made.path.parent.iterdir()] == [made.path.name]


def test_three_of_each_kind_are_kept(database: Path):
    made = [backup.back_up(database) for _ in range(5)]
    daily = backup.back_up(database, "daily")
    kept = [each.path for each in backup.backups_of(database)]
    assert kept == [daily.path, *(each.path for each in reversed(made[2:]))]


def test_two_that_make_the_daily_backup_at_once_make_one(database: Path):
    code = """
from pathlib import Path
from letta_cli.store import backup
backup.back_up_daily(Path(args[0]))
"""
    finish([start(database.parent, code, database) for _ in range(4)])
    assert [each.kind for each in backup.backups_of(database)] == ["daily"]


def test_a_killed_backup_leaves_no_file_with_the_name_of_one(database: Path):
    code = """
from pathlib import Path
from letta_cli.store import backup
def stop(path):
    print("written", flush=True)
    time.sleep(60)
backup.verify = stop
backup.back_up(Path(args[0]))
"""
    child = start(database.parent, code, database)
    wait_for_line(child)
    kill(child)
    assert backup.backups_of(database) == []
    assert backup.back_up(database).size_bytes > 0


@pytest.mark.slow
def test_backups_beside_writers_hold_whole_turns(database: Path):
    writer = """
from pathlib import Path
store = open_store(url)
agent = store.agents.find("Ada")
conversation = store.conversations.create(agent.id, cwd="/", project="/")
print("ready", flush=True)
end = time.monotonic() + 3
while time.monotonic() < end:
    with store._database.transaction():
        for _ in range(3):
            store.messages.append(conversation.id, "user", [Text("one of three")])
"""
    children = [start(database.parent, writer) for _ in range(2)]
    for child in children:
        wait_for_line(child)
    copies = [backup.back_up(database) for _ in range(3)]
    finish(children)
    for each in copies:
        with contextlib.closing(sqlite3.connect(each.path)) as connection:
            counts = connection.execute(
                "SELECT count(*) FROM message WHERE parts LIKE '%one of three%'"
                " GROUP BY conversation_id"
            ).fetchall()
        assert all(count % 3 == 0 for (count,) in counts)


def test_a_damaged_database_gives_no_backup_and_costs_none(database: Path):
    made = [backup.back_up(database) for _ in range(3)]
    damage(database)
    with pytest.raises(DatabaseDamaged):
        backup.back_up(database)
    assert {each.path for each in backup.backups_of(database)} == {each.path for each in made}


def test_no_backup_of_nothing_and_none_over_a_file(folder: Path, database: Path):
    with pytest.raises(NotFound):
        backup.back_up(folder / "other.db")
    with pytest.raises(UsageError):
        backup.copy_to(database, database)
    assert backup.copy_to(database, folder / "mine.db").stat().st_mode & 0o777 == 0o600
    assert "Ada" in names(folder / "mine.db")


def test_a_backup_is_put_back_and_what_was_there_is_kept(database: Path):
    made = backup.back_up(database)
    with contextlib.closing(open_store(url_of(database.parent))) as store:
        store.agents.create("Grace")
    done = restore(database, chosen(database, "latest"))
    assert names(database) == ["Ada"]
    assert done.aside is not None
    assert names(done.aside) == ["Ada", "Grace"]
    assert made.path.exists()
    with contextlib.closing(open_store(url_of(database.parent))) as store:
        assert store.health()["integrity"] == "ok"
        assert len(store.search.messages(store.agents.find("Ada").id, "walrus7")) == 1


def test_what_was_only_in_the_log_of_a_killed_process_is_set_aside_too(database: Path):
    made = backup.back_up(database)
    run(database.parent, 's = open_store(url); s.agents.create("Grace"); os._exit(0)')
    done = restore(database, made.path)
    assert done.aside is not None
    assert (names(database), names(done.aside)) == (["Ada"], ["Ada", "Grace"])


def test_a_restore_is_refused_while_a_process_has_the_database_open(database: Path):
    made = backup.back_up(database)
    child = start(
        database.parent,
        "s = open_store(url); s.agents.list(); print(1, flush=True); time.sleep(60)",
    )
    wait_for_line(child)
    with pytest.raises(Busy, match="open"):
        restore(database, made.path)
    kill(child)
    restore(database, made.path)


def test_a_restore_is_refused_while_sessions_are_live_and_names_them(database: Path):
    made = backup.back_up(database)
    code = """
store = open_store(url)
conversation = store.conversations.create(store.agents.find("Ada").id, cwd="/shop", project="/")
store.sessions.open(conversation_id=conversation.id, cwd="/shop", branch="", terminal="/dev/pts/7")
print(1, flush=True)
time.sleep(60)
"""
    child = start(database.parent, code)
    wait_for_line(child)
    with pytest.raises(Busy, match=rf"pid {child.pid} on /dev/pts/7 in /shop"):
        restore(database, made.path)
    kill(child)
    assert restore(database, made.path).aside is not None


def test_a_bad_backup_is_refused_and_nothing_is_changed(database: Path, tmp_path: Path):
    made = backup.back_up(database)
    newer = tmp_path / "newer.db"
    newer.write_bytes(made.path.read_bytes())
    with contextlib.closing(sqlite3.connect(newer)) as connection:
        connection.execute("PRAGMA user_version = 99")
    damage(made.path)
    before = sorted(file.name for file in database.parent.iterdir())
    for source, kind in (
        (made.path, DatabaseDamaged),
        (newer, DatabaseTooNew),
        (tmp_path, NotFound),
    ):
        with pytest.raises(kind):
            restore(database, source)
    with pytest.raises(NotFound):
        chosen(database, "latest")
    assert sorted(file.name for file in database.parent.iterdir()) == before
    assert names(database) == ["Ada"]


def test_a_restore_killed_before_the_rename_leaves_the_present_file(database: Path):
    made = backup.back_up(database)
    run(database.parent, 's = open_store(url); s.agents.create("Grace"); os._exit(0)')
    code = """
from pathlib import Path
import letta_cli.store.restore as restore
aside = restore._set_aside
def stop(path):
    aside(path)
    os._exit(0)
restore._set_aside = stop
restore.restore(Path(args[0]), Path(args[1]))
"""
    run(database.parent, code, database, made.path)
    assert names(database) == ["Ada", "Grace"]


def test_a_damaged_or_missing_database_is_replaced_with_its_log(database: Path):
    made = backup.back_up(database)
    run(database.parent, 's = open_store(url); s.agents.create("Grace"); os._exit(0)')
    log = database.with_name("agent.db-wal")
    assert log.stat().st_size > 0
    damage(database)
    restore(database, made.path)
    assert names(database) == ["Ada"]
    run(database.parent, 's = open_store(url); s.agents.create("Grace"); os._exit(0)')
    database.unlink()
    assert restore(database, made.path).aside is None
    assert names(database) == ["Ada"]


def test_what_is_still_readable_is_salvaged_and_can_be_searched(database: Path):
    data = bytearray(database.read_bytes())
    with contextlib.closing(sqlite3.connect(database)) as connection:
        leaves = (
            [
                row[0]
                for row in connection.execute("SELECT pageno FROM dbstat WHERE name = 'message'")
            ]
            if _has_dbstat(connection)
            else [40]
        )
    page = sorted(leaves)[len(leaves) // 2]
    data[4096 * (page - 1) : 4096 * page] = os.urandom(4096)
    database.write_bytes(data)
    made = salvage(database)
    assert made.rows["agent"] == 1
    assert 10 < made.readable.messages < 40
    assert made.together == made.readable
    assert names(made.draft) == ["Ada"]
    assert database.read_bytes() == bytes(data)


def _has_dbstat(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT pageno FROM dbstat LIMIT 1").fetchall()
    except sqlite3.Error:
        return False
    return True


def test_nothing_is_salvaged_from_noise(database: Path):
    before = sorted(file.name for file in database.parent.iterdir())
    database.write_bytes(os.urandom(50_000))
    with pytest.raises(DatabaseDamaged):
        salvage(database)
    assert sorted(file.name for file in database.parent.iterdir()) == before
