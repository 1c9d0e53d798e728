"""Damaged databases: all that can be read is saved, together with what a backup has."""

import contextlib
import random
import re
import sqlite3
import time
from pathlib import Path

import pytest
from store_children import run, start, url_of

from letta_cli.core.errors import DatabaseDamaged
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text, ToolCall
from letta_cli.core.run import Usage
from letta_cli.store import Store, backup, open_store
from letta_cli.store.coherence import make_coherent
from letta_cli.store.migrations import FOLDER
from letta_cli.store.salvage import holding, salvage
from letta_cli.store.sqlite import SqliteDatabase

pytestmark = pytest.mark.sqlite

PAGE = 4096


def words(number: int) -> str:
    return f"walrus{number} " + "words " * 300


def talk(store: Store, first: int, last: int) -> None:
    conversation = store.conversations.default(store.agents.current().id)
    for number in range(first, last):
        store.messages.append(conversation.id, "user", [Text(words(number))])


@pytest.fixture
def database(folder: Path) -> Path:
    """A closed database with forty messages and one edit of memory."""
    with contextlib.closing(open_store(url_of(folder))) as store:
        talk(store, 0, 40)
        human = store.blocks.find(store.agents.current().id, "human")
        store.blocks.insert(human.id, "Ada", origin=Origin("model"))
    return folder / "agent.db"


def lose(database: Path, *numbers: int) -> set[int]:
    """Overwrite the pages that hold these messages; the numbers of all that are lost with them."""
    data = bytearray(database.read_bytes())
    page_of = {n: data.index(words(n)[:60].encode()) // PAGE for n in range(40)}
    pages = {page_of[number] for number in numbers}
    for page in pages:
        data[page * PAGE : (page + 1) * PAGE] = b"\xff" * PAGE
    database.write_bytes(data)
    return {number for number, page in page_of.items() if page in pages}


def said(database: Path) -> list[str]:
    """The first words of all messages of the default conversation."""
    with contextlib.closing(open_store(f"sqlite:///{database}")) as store:
        conversation = store.conversations.default(store.agents.current().id)
        return [m.text.split()[0] for m in store.messages.read(conversation.id)]


def test_everything_but_the_lost_pages_is_read_wherever_they_are(database: Path):
    lost = lose(database, 3, 11, 12, 25, 38)
    assert len(lost) < 20
    made = salvage(database)
    assert said(made.draft) == [f"walrus{n}" for n in range(40) if n not in lost]
    assert (made.readable.messages, made.readable.revisions) == (40 - len(lost), 1)


def test_lost_rows_come_from_the_backup_and_younger_ones_from_the_damaged_file(database: Path):
    copy = backup.back_up(database)
    with contextlib.closing(open_store(f"sqlite:///{database}")) as store:
        talk(store, 40, 50)
        human = store.blocks.find(store.agents.current().id, "human")
        store.blocks.insert(human.id, "and Grace", origin=Origin("model"))
    lost = lose(database, 5, 30)
    made = salvage(database, copy.path)
    assert holding(copy.path).messages == 40
    assert made.readable.messages == 50 - len(lost)
    assert (made.together.messages, made.together.revisions) == (50, 2)
    assert made.together.newest == made.readable.newest > holding(copy.path).newest
    assert said(made.draft) == [f"walrus{n}" for n in range(50)]
    with contextlib.closing(open_store(f"sqlite:///{made.draft}")) as store:
        agent = store.agents.current()
        assert store.blocks.find(agent.id, "human").value == "Ada\nand Grace"
        assert len(store.search.messages(agent.id, "walrus5")) == 1
        conversation = store.conversations.default(agent.id)
        store.runs.start(conversation.id, "m", [Text("on it goes")], expected_head=50)


def test_a_backup_of_an_older_schema_is_merged_as_well(folder: Path, tmp_path: Path):
    early = tmp_path / "migrations"
    early.mkdir()
    for file in FOLDER.glob("0001_*.sql"):
        (early / file.name).write_text(file.read_text())
    old = SqliteDatabase(folder / "agent.db", migrations=early)
    old.close()
    with contextlib.closing(sqlite3.connect(folder / "agent.db")) as connection:
        connection.execute(
            "INSERT INTO agent VALUES ('agent-1', 'Ada', '', '', '2026-01-01T00:00:00.000000Z')"
        )
        connection.commit()
    copy = backup.back_up(folder / "agent.db")
    with contextlib.closing(open_store(url_of(folder))) as store:
        store.agents.create("Grace")
    made = salvage(folder / "agent.db", copy.path)
    with contextlib.closing(open_store(f"sqlite:///{made.draft}")) as store:
        assert [agent.name for agent in store.agents.list()] == ["Ada", "Grace"]
    assert [file.name for file in folder.glob("agent.db.*backup*")] == []


def test_rows_of_garbage_are_left_out(database: Path):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE message SET parts = '[{\"type\":' WHERE seq = 7")
        connection.execute("UPDATE message SET created_at = 'soon' WHERE seq = 9")
        connection.execute("UPDATE message SET parts = CAST(x'ff22' AS TEXT) WHERE seq = 11")
        connection.commit()
    made = salvage(database)
    assert said(made.draft) == [f"walrus{n}" for n in range(40) if n not in (6, 8, 10)]


def test_a_block_whose_row_is_older_than_its_history_gets_its_newest_text(store: Store):
    agent = store.agents.current()
    human = store.blocks.find(agent.id, "human")
    store.blocks.insert(human.id, "Ada", origin=Origin("model"))
    with store.database.transaction():
        store.database.execute("UPDATE block SET value = '', version = 1 WHERE id = ?", human.id)
        make_coherent(store.database)
    after = store.blocks.find(agent.id, "human")
    assert (after.value, after.version) == ("Ada", 2)


def test_the_window_begins_after_a_hole_and_never_with_half_a_step(store: Store):
    conversation = store.conversations.default(store.agents.current().id)
    talk(store, 0, 6)
    with store.database.transaction():
        store.database.execute("DELETE FROM message WHERE seq = 3")
        make_coherent(store.database)
    opened = store.conversations.get(conversation.id)
    assert [m.seq for m in store.messages.window(opened)] == [4, 5, 6]
    run, _ = store.runs.start(conversation.id, "m", [Text("go")], expected_head=6)
    store.runs.add_reply(run.id, [ToolCall("c", "Read", {})], Usage(), expected_head=7)
    with store.database.transaction():
        make_coherent(store.database)
    assert store.conversations.get(conversation.id).context_start == 4
    with store.database.transaction():
        store.database.execute("DELETE FROM run")
        make_coherent(store.database)
    opened = store.conversations.get(conversation.id)
    assert store.messages.window(opened) == []
    store.runs.start(conversation.id, "m", [Text("anew")], expected_head=8)


def test_nothing_readable_is_told_and_leaves_nothing(database: Path):
    before = sorted(file.name for file in database.parent.iterdir())
    database.write_bytes(b"\xff" * 50_000)
    with pytest.raises(DatabaseDamaged):
        salvage(database)
    assert sorted(file.name for file in database.parent.iterdir()) == before


BACK_UP = """
from pathlib import Path
from letta_cli.store import backup
print("begun", flush=True)
backup.back_up(Path(args[0]))
"""

RESTORE = """
from pathlib import Path
from letta_cli.store.restore import restore
print("begun", flush=True)
restore(Path(args[0]), Path(args[1]))
"""

SALVAGE = """
from pathlib import Path
from letta_cli.store.restore import put_in_place
from letta_cli.store.salvage import salvage
print("begun", flush=True)
made = salvage(Path(args[0]), Path(args[1]))
put_in_place(Path(args[0]), made.draft)
"""


def killed_after(folder: Path, seconds: float, code: str, *args: Path) -> None:
    child = start(folder, code, *args)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(seconds)
    child.kill()
    child.communicate(timeout=30)


def set_aside(database: Path) -> list[Path]:
    pattern = re.compile(r"agent\.db\.replaced-\w+Z(-\w{4})?")
    return [file for file in database.parent.iterdir() if pattern.fullmatch(file.name)]


@pytest.mark.slow
def test_a_backup_a_restore_or_a_repair_that_is_killed_makes_nothing_worse(
    database: Path, tmp_path: Path
):
    copy = backup.copy_to(database, tmp_path / "copy.db")
    with contextlib.closing(open_store(f"sqlite:///{database}")) as store:
        talk(store, 40, 50)
    dice = random.Random(5)
    everything = [f"walrus{n}" for n in range(50)]
    for _ in range(12):
        killed_after(database.parent, dice.uniform(0, 0.04), BACK_UP, database)
        assert said(database) == everything
        for each in backup.backups_of(database):
            backup.verify(each.path)
    for _ in range(12):
        killed_after(database.parent, dice.uniform(0, 0.05), RESTORE, database, copy)
        now = said(database)
        assert now in (everything, everything[:40])
        asides = set_aside(database)
        assert all(said(aside) == everything for aside in asides)
        for aside in asides:
            aside.replace(database)
            aside.unlink(missing_ok=True)  # a second name of the same file stays
        assert said(database) == everything
    lost = lose(database, 5, 30)
    damaged = database.read_bytes()
    left = [f"walrus{n}" for n in range(50) if n not in lost]
    for _ in range(12):
        killed_after(database.parent, dice.uniform(0, 0.12), SALVAGE, database, copy)
        if whole := salvage(database).readable.messages == 50:
            assert said(database) == everything
        else:
            assert said(salvage(database).draft) == left
        asides = set_aside(database)
        assert bool(asides) or not whole
        assert all(said(salvage(aside).draft) == left for aside in asides)
        for aside in asides:
            aside.unlink()
        database.write_bytes(damaged)
    run(database.parent, SALVAGE, database, copy)
    assert said(database) == everything
