"""What only PostgreSQL has: a server that refuses, ends, cuts connections, and other machines."""

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from postgres_server import Server
from store_children import finish, kill, run, start, url_of, wait_for_line

from letta_cli.core.errors import (
    AgentError,
    Busy,
    ConfigError,
    DatabaseDamaged,
    DatabaseTooNew,
    DiskFull,
    StoreError,
)
from letta_cli.core.message import Text
from letta_cli.store import Store, open_store, postgres_schema
from letta_cli.store.migrations import steps

PASSWORD = "s3cret-walrus"


pytestmark = pytest.mark.postgres


def say(store: Store, text: str) -> None:
    conversation = store.conversations.default(store.agents.current().id)
    store.messages.append(conversation.id, "user", [Text(text)])


def name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def cut_connections(server: Server, url: str) -> None:
    server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = '{name_of(url)}' AND pid <> pg_backend_pid()"
    )


def test_an_idle_connection_that_was_cut_is_made_anew(store: Store, server: Server, folder: Path):
    say(store, "one")
    cut_connections(server, url_of(folder))
    assert len(store.agents.list()) == 1
    cut_connections(server, url_of(folder))
    say(store, "two")
    conversation = store.conversations.default(store.agents.current().id)
    assert [m.text for m in store.messages.read(conversation.id)] == ["one", "two"]


def test_a_connection_cut_in_a_write_keeps_nothing_and_the_next_write_works(
    store: Store, server: Server, folder: Path
):
    say(store, "one")
    with pytest.raises(StoreError, match="Nothing of the last change was kept"):  # noqa: SIM117
        with store.database.transaction():
            say(store, "half")
            cut_connections(server, url_of(folder))
            say(store, "never")
    say(store, "two")
    conversation = store.conversations.default(store.agents.current().id)
    assert [m.text for m in store.messages.read(conversation.id)] == ["one", "two"]


def test_a_connection_cut_at_the_commit_is_told_as_unknown(
    store: Store, server: Server, folder: Path
):
    with pytest.raises(StoreError, match="may or may not"), store.database.transaction():
        say(store, "half")
        cut_connections(server, url_of(folder))


def test_a_wrong_password_is_told_and_never_shown(server: Server, folder: Path):
    server.run(
        "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'ada')"
        " THEN CREATE ROLE ada LOGIN PASSWORD 'right'; END IF; END $$"
    )
    for url in (
        f"postgresql://ada:{PASSWORD}@/postgres?host={server.folder}",
        f"postgresql:///postgres?host={server.folder}&user=ada&password={PASSWORD}",
    ):
        with pytest.raises(ConfigError, match="password of postgresql://ada@") as caught:
            open_store(url)
        assert PASSWORD not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "kind", "says"),
    [
        ("postgresql://ada:s3cret-walrus@127.0.0.1:1/agent", StoreError, "ada@127.0.0.1:1/agent"),
        ("postgresql:///agent?host=/nowhere&password=s3cret-walrus", StoreError, "Check that the"),
        ("postgresql:///agent?host=/nowhere&port=s3cret-walrus", ConfigError, "percent-encoded"),
        ("postgresql:///agent?s3cret-walrus=1", ConfigError, "percent-encoded"),
    ],
)
def test_a_server_that_is_not_there_is_told_without_the_password(url: str, kind: type, says: str):
    with pytest.raises(kind, match=says) as caught:
        open_store(url)
    assert PASSWORD not in str(caught.value)


def test_a_database_or_a_user_that_is_not_there_is_told(server: Server):
    with pytest.raises(ConfigError, match=r"no database .*/missing"):
        open_store(server.url("missing"))
    with pytest.raises(ConfigError, match="does not know the user"):
        open_store(f"postgresql:///postgres?host={server.folder}&user=nobody_at_all")


def test_a_user_without_rights_is_told_which_to_ask_for(server: Server, request):
    url = server.new()
    request.addfinalizer(lambda: server.drop(url))
    server.run(
        "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'guest')"
        " THEN CREATE ROLE guest LOGIN; END IF; END $$"
    )
    guest = url.replace("user=postgres", "user=guest")
    with pytest.raises(StoreError, match=r"permission denied for schema public.*GRANT ALL ON"):
        open_store(guest)
    assert not server.run("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", name_of(url))
    open_store(url).close()
    with pytest.raises(StoreError, match=r"permission denied for table .*ALL TABLES"):
        open_store(guest)
    server.run(f"REVOKE CONNECT ON DATABASE {name_of(url)} FROM PUBLIC")
    with pytest.raises(ConfigError, match="GRANT CONNECT ON DATABASE"):
        open_store(guest)


def test_a_server_that_is_too_old_is_refused_untouched(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(postgres_schema, "OLDEST", 99)
    with pytest.raises(ConfigError, match=r"is PostgreSQL \d+.*agent needs 99 or newer"):
        open_store(url_of(folder))
    url = name_of(url_of(folder))
    assert not server.run("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", url)


def test_a_database_from_the_future_is_refused_untouched(server: Server, folder: Path):
    url = url_of(folder)
    open_store(url).close()
    server.run("INSERT INTO migration VALUES (99, 'later', '')", name_of(url))
    with pytest.raises(DatabaseTooNew, match="schema 99"):
        open_store(url)
    assert server.run("SELECT count(*) FROM agent", name_of(url)) == [(0,)]


def test_a_database_of_another_history_is_left_as_it_is(server: Server, folder: Path):
    url = url_of(folder)
    open_store(url).close()
    newest = len(steps("postgres"))
    server.run(f"DELETE FROM migration WHERE version = {newest}", name_of(url))
    server.run("UPDATE migration SET name = 'other' WHERE version = 2", name_of(url))
    with pytest.raises(StoreError, match="schema step 2 'other'"):
        open_store(url)
    assert server.run("SELECT max(version) FROM migration", name_of(url)) == [(newest - 1,)]


def test_tables_of_another_program_are_left_alone(server: Server, folder: Path):
    url = url_of(folder)
    server.run("CREATE TABLE message (body text)", name_of(url))
    with pytest.raises(StoreError, match="another program"):
        open_store(url)
    found = server.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name_of(url))
    assert found == [(1,)]


def test_a_database_that_cannot_hold_every_text_is_refused(server: Server):
    server.run("CREATE DATABASE old TEMPLATE template0 ENCODING 'SQL_ASCII'")
    try:
        with pytest.raises(StoreError, match="UTF8"):
            open_store(server.url("old"))
    finally:
        server.drop(server.url("old"))


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("53100", DiskFull, "no space left"),
        ("XX001", DatabaseDamaged, "damaged"),
        ("25006", StoreError, "only be read"),
        ("42501", StoreError, "lacks a right"),
        ("40P01", Busy, "take turns"),
    ],
)
def test_what_the_server_reports_is_explained_and_nothing_is_kept(
    store: Store, server: Server, folder: Path, code: str, kind: type[AgentError], says: str
):
    say(store, "before")
    server.run(
        "CREATE FUNCTION fail() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'as a test'"
        f" USING ERRCODE = '{code}'; END $$ LANGUAGE plpgsql;"
        "CREATE TRIGGER fail BEFORE INSERT ON search_index EXECUTE FUNCTION fail()",
        name_of(url_of(folder)),
    )
    with pytest.raises(kind, match=says):
        say(store, "lost")
    server.run("DROP TRIGGER fail ON search_index", name_of(url_of(folder)))
    say(store, "after")
    conversation = store.conversations.default(store.agents.current().id)
    assert [m.text for m in store.messages.read(conversation.id)] == ["before", "after"]


def test_a_session_of_another_machine_is_live_though_no_such_process_is_here(
    store: Store, folder: Path
):
    conversation = store.conversations.default(store.agents.current().id)
    child = start(
        folder,
        """
from letta_cli.store import machine
machine.host_name, machine.mark = lambda: "other-machine", lambda: "0badcafe"
store = open_store(url)
store.sessions.open(conversation_id=args[0], cwd="/a", branch="main", terminal="/dev/pts/7")
print("open", flush=True)
sys.stdin.read()
""",
        conversation.id,
    )
    wait_for_line(child)
    kill(child)
    (there,) = store.sessions.live()
    assert (there.host, there.pid) == ("other-machine", child.pid)


def test_a_lease_held_on_another_machine_names_it(store: Store, folder: Path):
    conversation = store.conversations.default(store.agents.current().id)
    child = start(
        folder,
        """
from letta_cli.store import machine
machine.host_name, machine.mark = lambda: "other-machine", lambda: "0badcafe"
store = open_store(url, reason="agent chat")
lease = store.leases.acquire(args[0])
print("held", flush=True)
sys.stdin.read()
""",
        conversation.id,
    )
    wait_for_line(child)
    with pytest.raises(Busy, match="at other-machine since 20") as caught:
        store.leases.acquire(conversation.id)
    assert caught.value.holder is not None
    assert (caught.value.holder.pid, caught.value.holder.reason) == (child.pid, "agent chat")
    kill(child)


def test_a_waiter_that_is_killed_leaves_the_queue(store: Store, folder: Path):
    holder = start(
        folder,
        """
store = open_store(url)
with store.database.transaction():
    print("inside", flush=True)
    sys.stdin.readline()
print("done", flush=True)
sys.stdin.read()
""",
    )
    wait_for_line(holder)
    waiter = start(folder, "s = open_store(url)\nprint('x', flush=True)\ns.agents.create('late')")
    wait_for_line(waiter)
    time.sleep(0.3)
    kill(waiter)
    time.sleep(2.5)
    holder.stdin.write("go\n")
    holder.stdin.flush()
    wait_for_line(holder)
    store.agents.current()
    assert [agent.name for agent in store.agents.list()] == ["agent"]
    kill(holder)


def test_threads_have_connections_of_their_own_which_end_with_them(
    store: Store, server: Server, folder: Path
):
    store.agents.current()
    name = name_of(url_of(folder))
    count = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    for _ in range(5):
        threads = [threading.Thread(target=say, args=(store, "x")) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    conversation = store.conversations.default(store.agents.current().id)
    assert len(store.messages.read(conversation.id)) == 20
    assert server.run(count)[0][0] <= 10
    store.close()
    for _ in range(50):
        if server.run(count) == [(0,)]:
            break
        time.sleep(0.1)
    assert server.run(count) == [(0,)]


def test_a_write_that_need_not_be_durable_says_so_for_itself_only(store: Store):
    database = store.database
    with database.transaction(durable=False):
        assert database.query("SELECT current_setting('synchronous_commit')") == [("off",)]
    with database.transaction():
        assert database.query("SELECT current_setting('synchronous_commit')") == [("on",)]


def test_the_doctor_is_told_of_the_server(store: Store):
    store.agents.current()
    facts = store.health()
    assert facts["driver"] == "postgresql"
    assert facts["counts"]["block"] == 2
    assert facts["path"].startswith("postgresql://postgres@/")
    assert any("fsync off" in warning for warning in facts["warnings"])


def test_without_vectors_on_the_server_nobody_begins_to_make_them(
    store: Store, server: Server, folder: Path
):
    class Embedder:
        model = "some:1"

        def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
            raise AssertionError("embedded in vain")

    say(store, "one")
    server.run(
        "ALTER TABLE search_vector ALTER COLUMN value TYPE bytea USING NULL",
        name_of(url_of(folder)),
    )
    store.vectors.embedder = Embedder()
    assert not store.vectors.behind()
    assert store.vectors.add_some() == 0
    assert len(store.search.find(store.agents.current().id, "one")) == 1


def test_a_missing_psycopg_is_explained(folder: Path):
    code = """
sys.modules["psycopg"] = None
try:
    open_store(url)
except ConfigError as error:
    print(error)
"""
    assert "letta-cli[postgres]" in run(folder, code)


def test_psycopg_is_not_loaded_for_sqlite(tmp_path: Path):
    code = (
        "import sys; from letta_cli.store import open_store;"
        f"open_store('sqlite:///{tmp_path}/agent.db').agents.current();"
        "print([m for m in sys.modules if 'psycopg' in m or 'postgres' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_two_processes_that_make_the_schema_at_once_make_it_once(folder: Path, server: Server):
    finish([start(folder, "open_store(url).close()") for _ in range(6)])
    made = server.run("SELECT version FROM migration ORDER BY 1", name_of(url_of(folder)))
    assert made == [(step.version,) for step in steps("postgres")]
