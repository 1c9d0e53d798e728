"""The file: private, created whole, refused untouched when it is not ours."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path

import apsw
import pytest
from store_children import run, url_of

from letta_cli.core.errors import (
    AgentError,
    ConfigError,
    DatabaseDamaged,
    DatabaseTooNew,
    DiskFull,
    StoreError,
)
from letta_cli.core.message import Text
from letta_cli.store import Store, open_store
from letta_cli.store.migrations import steps
from letta_cli.store.sqlite import SqliteDatabase

pytestmark = pytest.mark.sqlite


@pytest.fixture
def database(folder: Path) -> Path:
    """A closed database with something in it."""
    store = open_store(url_of(folder))
    conversation = store.conversations.default(store.agents.current().id)
    for number in range(40):
        store.messages.append(conversation.id, "user", [Text(f"{number} " + "words " * 300)])
    store.close()
    return folder / "agent.db"


def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refused(path: Path, kind: type[StoreError]) -> str:
    """The message of the refusal; the file must be as it was."""
    before = fingerprint(path)
    with pytest.raises(kind) as caught:
        open_store(url_of(path.parent))
    assert fingerprint(path) == before
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_files_and_folders_are_private_whatever_the_umask(tmp_path: Path):
    for number, umask in enumerate((0o000, 0o022, 0o777)):
        folder = tmp_path / f"{number}" / "deep" / "home"
        (tmp_path / f"{number}").mkdir(mode=0o755)
        code = f"os.umask({umask}); s = open_store(url); s.agents.current(); s.close()"
        if umask == 0o777:
            code = f"os.umask({umask}); s = open_store(url); s.agents.current(); os._exit(0)"
        run(folder, code)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.parent.stat().st_mode & 0o777 == 0o700
        assert (tmp_path / f"{number}").stat().st_mode & 0o777 == 0o755
        for file in folder.iterdir():
            assert file.stat().st_mode & 0o777 == 0o600, file.name


def test_journal_files_are_private_while_they_are_there(store: Store, folder: Path):
    store.agents.current()
    modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    assert modes.keys() >= {"agent.db", "agent.db-wal", "agent.db-shm", "agent.lock"}
    assert set(modes.values()) == {0o600}


def test_a_database_that_others_could_read_is_made_private(database: Path):
    database.chmod(0o644)
    open_store(url_of(database.parent)).close()
    assert database.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path):
    tmp_path.chmod(0o755)
    open_store(f"sqlite:///{tmp_path}/agent.db").close()
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_closing_leaves_one_whole_file(database: Path):
    assert sorted(file.name for file in database.parent.iterdir()) == [
        "agent.db", "agent.lock", "agent.lock.queue",
    ]  # fmt: skip
    copy = database.with_name("copy.db")
    shutil.copy(database, copy)
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM message").fetchone() == (40,)


def test_a_database_from_the_future_is_refused_untouched(database: Path):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    message = refused(database, DatabaseTooNew)
    assert "newer version" in message
    assert "99" in message
    assert sorted(p.name for p in database.parent.glob("*.before-*")) == []


def test_a_future_database_with_an_unfinished_log_is_refused_untouched(tmp_path: Path, folder):
    code = """
store = open_store(url)
store.agents.current()
with store._database.transaction():
    store._database._session().connection.pragma("user_version", 99)
os._exit(0)
"""
    run(folder, code)
    database, log = folder / "agent.db", folder / "agent.db-wal"
    assert log.stat().st_size > 0
    before = fingerprint(database), fingerprint(log)
    refused(database, DatabaseTooNew)
    assert (fingerprint(database), fingerprint(log)) == before


@pytest.mark.parametrize("size", [1, 100, 4096, 100_000])
def test_a_file_that_is_no_database_is_refused_untouched(folder: Path, size: int):
    folder.mkdir()
    path = folder / "agent.db"
    path.write_bytes(b"not a database, just a long text. " * (size // 34 + 1))
    message = refused(path, DatabaseDamaged)
    assert "mv " in message


def test_a_file_of_zero_bytes_is_refused_untouched(folder: Path):
    folder.mkdir()
    path = folder / "agent.db"
    path.touch()
    assert "0 bytes" in refused(path, DatabaseDamaged)


def test_a_database_of_another_program_is_refused_untouched(folder: Path):
    folder.mkdir()
    path = folder / "agent.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    assert "not one of agent's" in refused(path, DatabaseDamaged)


def overwritten_header(data: bytearray) -> bytearray:
    data[:100] = b"\xff" * 100
    return data


def zeroed_schema(data: bytearray) -> bytearray:
    data[100:4096] = bytes(3996)
    return data


def cut_to_half(data: bytearray) -> bytearray:
    return data[: len(data) // 2 // 4096 * 4096 + 17]


def cut_to_a_piece_of_a_page(data: bytearray) -> bytearray:
    return data[:1000]


@pytest.mark.parametrize(
    "damage", [overwritten_header, zeroed_schema, cut_to_half, cut_to_a_piece_of_a_page]
)
def test_a_damaged_database_is_refused_untouched(database: Path, damage):
    database.write_bytes(damage(bytearray(database.read_bytes())))
    assert "damaged" in refused(database, DatabaseDamaged)


def test_damage_that_shows_only_later_is_told_and_not_made_worse(database: Path):
    data = bytearray(database.read_bytes())
    data[4096 * 8 : -4096] = os.urandom(len(data) - 4096 * 9)
    database.write_bytes(data)
    with pytest.raises(DatabaseDamaged, match="backup"):
        store = open_store(url_of(database.parent))
        agent = store.agents.current()
        for conversation in store.conversations.list(agent.id):
            store.messages.read(conversation.id)
            store.search.messages(agent.id, "words")


def test_a_log_without_its_database_is_refused(folder: Path):
    run(folder, "s = open_store(url); s.agents.current(); os._exit(0)")
    log = folder / "agent.db-wal"
    (folder / "agent.db").unlink()
    before = fingerprint(log)
    with pytest.raises(DatabaseDamaged, match="gone"):
        open_store(url_of(folder))
    assert fingerprint(log) == before
    assert not (folder / "agent.db").exists()


def test_a_folder_in_place_of_the_file_is_refused(folder: Path):
    (folder / "agent.db").mkdir(parents=True)
    with pytest.raises(StoreError, match="not a file"):
        open_store(url_of(folder))


def test_a_file_in_place_of_the_folder_is_refused(folder: Path):
    folder.write_text("in the way")
    with pytest.raises(StoreError, match=r"home"):
        open_store(url_of(folder))


def test_a_draft_left_by_a_crash_is_no_obstacle(folder: Path):
    folder.mkdir()
    (folder / "agent.db.new").write_bytes(b"half a database")
    store = open_store(url_of(folder))
    store.agents.current()
    store.close()
    assert not (folder / "agent.db.new").exists()


def test_a_killed_creation_leaves_no_database(folder: Path, tmp_path: Path):
    code = """
import letta_cli.store.sqlite_file as file
def die(*args): os._exit(9)
file.set_journal = die
open_store(url)
"""
    with pytest.raises(AssertionError):
        run(folder, code)
    assert not (folder / "agent.db").exists()
    open_store(url_of(folder)).close()


def test_writing_into_a_replaced_file_is_refused(store: Store, folder: Path):
    agent = store.agents.current()
    (folder / "agent.db").rename(folder / "moved.db")
    with pytest.raises(StoreError, match="moved"):
        store.agents.update(agent.id, name="new")
    (folder / "moved.db").rename(folder / "agent.db")
    store.agents.update(agent.id, name="new")


def test_a_removed_lock_file_does_not_split_the_writers(store: Store, folder: Path):
    agent = store.agents.current()
    (folder / "agent.lock").unlink()
    code = """
store = open_store(url, lock_wait_seconds=0.2)
try:
    store.agents.use(args[0])
except Busy:
    print("busy")
"""
    with store._database.transaction():
        assert run(folder, code, agent.id) == "busy"


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "none", str(place)],
        capture_output=True, check=False,
    ) if os.getuid() == 0 and shutil.which("mount") else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_keeps_what_was_stored_and_says_what_is_free(small_disk: Path):
    store = open_store(url_of(small_disk))
    agent = store.agents.current()
    conversation = store.conversations.default(agent.id)
    stored = 0
    with pytest.raises(DiskFull, match="bytes free") as caught:
        for stored in range(2_000):  # noqa: B007 - the number is wanted after the failure
            store.messages.append(conversation.id, "user", [Text(os.urandom(4_000).hex())])
    assert str(small_disk) in str(caught.value)
    assert stored > 20
    messages = store.messages.read(conversation.id)
    assert [message.seq for message in messages] == list(range(1, stored + 1))
    health = store.health()
    assert (health["quick_check"], health["integrity"]) == ("ok", "ok")
    assert any("bytes are free" in warning for warning in health["warnings"])
    store.close()


def test_a_disk_that_is_full_from_the_start(small_disk: Path):
    with contextlib.suppress(OSError), (small_disk / "ballast").open("ab") as ballast:
        while True:
            ballast.write(bytes(4096))
            ballast.flush()
    with pytest.raises(DiskFull):
        open_store(url_of(small_disk))
    assert not (small_disk / "agent.db").exists()
    (small_disk / "ballast").unlink()
    open_store(url_of(small_disk)).close()


def test_a_read_only_folder_is_told(small_disk: Path):
    run(small_disk, "open_store(url).agents.current()")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match="AGENT_HOME") as caught:
        open_store(url_of(small_disk)).agents.current()
    assert not isinstance(caught.value, DatabaseDamaged)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://user:p@secret@host/db", "percent-encoded"),
        ("postgres://user:p/secret@host/db", "percent-encoded"),
        ("postgresql://user:secret@[host/db", "percent-encoded"),
        ("postgresql://user:secret@host:port/db", "percent-encoded"),
        ("mysql://root:secret@host", "'mysql'"),
        ("sqlite:///", "sqlite"),
        ("", "sqlite"),
        ("/home/me/agent.db", "sqlite"),
    ],
)
def test_urls_that_name_no_database_are_refused_without_their_secrets(url: str, says: str):
    with pytest.raises(ConfigError, match=says) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_drivers_are_imported_when_they_are_opened(folder: Path):
    code = """
print("apsw" in sys.modules)
open_store(url).agents.current()
print("apsw" in sys.modules, "filelock" in sys.modules, "ctypes" in sys.modules)
"""
    assert run(folder, code).split() == ["False", "True", "False", "False"]


@pytest.mark.parametrize("name", ["sp ace", "ünï", "a?b#c%20d", "'quote'", "[x]*"])
def test_paths_with_odd_characters(tmp_path: Path, name: str):
    store = open_store(f"sqlite:///{tmp_path}/{name}/agent.db")
    store.agents.current()
    store.close()
    assert (tmp_path / name / "agent.db").stat().st_size > 0
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_settings_of_every_connection(store: Store, folder: Path):
    connection = store._database._session().connection
    wanted = {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0,
        "cell_size_check": 1, "journal_size_limit": 64 << 20, "busy_timeout": 30_000,
    }  # fmt: skip
    assert {name: connection.pragma(name) for name in wanted} == wanted
    with store._database.transaction(durable=False):
        assert connection.pragma("synchronous") == 1
    assert connection.pragma("synchronous") == 2


def test_connections_of_ended_threads_are_closed(store: Store):
    def look() -> None:
        store.agents.list()

    for _ in range(12):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(10)
    assert len(store._database._all) <= 3
    store.agents.current()


def test_writes_outside_a_transaction_are_a_bug(store: Store):
    for call in (store._database.query, store._database.execute):
        with pytest.raises(RuntimeError, match="transaction"):
            call("DELETE FROM agent")


def test_an_error_inside_a_transaction_undoes_all_of_it(store: Store):
    agent = store.agents.current()
    with pytest.raises(KeyError), store._database.transaction():
        store.agents.update(agent.id, name="new")
        with store._database.transaction():
            store.agents.create("second")
        raise KeyError
    assert [each.name for each in store.agents.list()] == ["agent"]
    store.agents.update(agent.id, name="free")


def test_errors_are_for_people(store: Store):
    assert issubclass(DatabaseDamaged, AgentError)
    assert not issubclass(DatabaseDamaged, apsw.Error)


def test_health_of_a_good_database(store: Store, folder: Path):
    store.agents.current()
    health = store.health()
    assert (health["driver"], health["schema_version"]) == ("sqlite", len(steps("sqlite")))
    assert (health["quick_check"], health["integrity"]) == ("ok", "ok")
    assert (health["file_mode"], health["folder_mode"]) == ("0600", "0700")
    assert health["path"] == str(folder / "agent.db")
    assert health["counts"]["agent"] == 1
    assert health["size_bytes"] > 0
    assert health["journal_mode"] == "wal"


def test_a_network_file_system_gets_a_rollback_journal_and_a_warning(folder: Path):
    path = folder / "agent.db"
    database = SqliteDatabase(path, filesystem="nfs4")
    store = Store(database, folder / "leases", "test")
    store.agents.current()
    health = store.health()
    assert health["journal_mode"] == "truncate"
    assert any("nfs4" in warning for warning in health["warnings"])
    assert not (folder / "agent.db-wal").exists()
    store.close()


def test_a_database_moved_to_a_network_file_system_and_back(database: Path, folder: Path):
    for filesystem, journal in (("cifs", "truncate"), ("ext4", "wal"), ("nfs", "truncate")):
        first, second = (SqliteDatabase(database, filesystem=filesystem) for _ in range(2))
        for each in (first, second):
            store = Store(each, folder / "leases", "test")
            assert store.health()["journal_mode"] == journal
            store.agents.create(f"{filesystem}{each is second}")
        first.close()
        second.close()
