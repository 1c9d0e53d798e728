"""Migrations, with a history of the tests' own on top of the real first step."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import apsw
import pytest
from store_children import finish, start

from letta_cli.core.errors import DatabaseTooNew, StoreError
from letta_cli.store import Store
from letta_cli.store.migrations import FOLDER, steps
from letta_cli.store.sqlite import SqliteDatabase

pytestmark = pytest.mark.sqlite


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """The real first step, and a second one."""
    folder = tmp_path / "history"
    folder.mkdir()
    shutil.copy(FOLDER / "0001_initial.sqlite.sql", folder)
    (folder / "0002_color.sqlite.sql").write_text(
        "ALTER TABLE agent ADD COLUMN color TEXT NOT NULL DEFAULT 'blue';\n"
        "CREATE TABLE paint (name TEXT);"
    )
    (folder / "0001_initial.postgresql.sql").write_text("another driver's")
    return folder


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """The real first step alone."""
    folder = tmp_path / "first"
    folder.mkdir()
    shutil.copy(FOLDER / "0001_initial.sqlite.sql", folder)
    return folder


@pytest.fixture
def old(folder: Path, first: Path) -> Path:
    """A database of version 1 with an agent in it, written as that version wrote."""
    database = SqliteDatabase(folder / "agent.db", migrations=first)
    moment = "2026-01-02T03:04:05.000000Z"
    with database.transaction():
        database.execute("INSERT INTO agent VALUES ('agent-1', 'Ada', '', '', ?)", moment)
        database.execute(
            "INSERT INTO conversation VALUES ('conv-1', 'agent-1', 'default', '', '', '', '{}', 0,"
            " 1, NULL, NULL, NULL, 1, 0, ?, ?)",
            moment, moment,
        )  # fmt: skip
    database.close()
    return folder / "agent.db"


def test_a_new_database_records_its_steps(store: Store):
    rows = store._database.query("SELECT version, name FROM migration ORDER BY version")
    assert rows == [(step.version, step.name) for step in steps("sqlite")]
    assert store.health()["schema_version"] == len(rows)


def test_an_old_database_is_upgraded_with_a_backup(old: Path, history: Path, first: Path):
    database = SqliteDatabase(old, migrations=history)
    assert database.query("SELECT name, color FROM agent") == [("Ada", "blue")]
    assert database.query("SELECT version, name FROM migration") == [(1, "initial"), (2, "color")]
    database.close()
    [backup] = (old.parent / "backups").glob("agent-migration-*.db")
    assert backup.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name FROM agent").fetchall() == [("Ada",)]
    with pytest.raises(DatabaseTooNew):
        SqliteDatabase(old, migrations=first)


def test_a_step_that_fails_changes_nothing(old: Path, history: Path, first: Path):
    (history / "0002_color.sqlite.sql").write_text(
        "CREATE TABLE paint (name TEXT); INSERT INTO nowhere VALUES (1);"
    )
    with pytest.raises(apsw.SQLError):
        SqliteDatabase(old, migrations=history)
    store = Store(SqliteDatabase(old, migrations=first), old.parent / "leases", "test")
    assert [agent.name for agent in store.agents.list()] == ["Ada"]
    assert store.health()["schema_version"] == 1
    tables = store._database.query("SELECT name FROM sqlite_schema WHERE name = 'paint'")
    assert tables == []
    store.close()


def test_a_database_of_another_history_is_left_as_it_is(old: Path, history: Path):
    SqliteDatabase(old, migrations=history).close()
    before = old.read_bytes()
    (history / "0002_color.sqlite.sql").rename(history / "0003_color.sqlite.sql")
    (history / "0002_shape.sqlite.sql").write_text("CREATE TABLE shape (name TEXT);")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"step 2 'color', which is 'shape' here"):
            SqliteDatabase(old, migrations=history)
    assert old.read_bytes() == before
    assert len(list((old.parent / "backups").iterdir())) == 1


def test_processes_that_upgrade_at_once_apply_each_step_once(old: Path, history: Path):
    code = """
from pathlib import Path
from letta_cli.store.sqlite import SqliteDatabase
database = SqliteDatabase(Path(args[0]), migrations=Path(args[1]))
print(database.query("SELECT count(*) FROM migration")[0][0])
"""
    assert finish([start(old.parent, code, old, history) for _ in range(6)]) == ["2"] * 6


@pytest.mark.parametrize("names", [["0002_b"], ["0001_a", "0003_c"], ["0001_a", "0001_b"]])
def test_a_history_with_holes_is_refused(tmp_path: Path, names: list[str]):
    for name in names:
        (tmp_path / f"{name}.sqlite.sql").touch()
    with pytest.raises(ValueError, match="not numbered"):
        steps("sqlite", tmp_path)
