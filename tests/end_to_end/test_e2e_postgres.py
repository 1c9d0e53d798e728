"""The same program on a PostgreSQL server that several people share."""

import json
import subprocess
import sys
import time
from collections import Counter

import pytest
from command import Command
from postgres_server import Server, running

from letta_cli.core.message import Text
from letta_cli.store import open_store
from letta_cli.store.catalog import tables

pytestmark = pytest.mark.slow

psycopg = pytest.importorskip("psycopg")


@pytest.fixture(scope="module")
def server():
    with running() as started:
        yield started


@pytest.fixture
def database(server: Server):
    url = server.new()
    yield url
    server.drop(url)


def remember(number: int) -> list:
    arguments = {"label": "human", "new_string": f"fact number {number}."}
    return [
        {"tool_calls": [{"name": "memory_insert", "arguments": arguments}]},
        {"text": f"answer {number}"},
    ]


def test_eight_runs_at_once_on_one_server_lose_nothing(agent: Command, database: str):
    agent.environment["AGENT_DATABASE_URL"] = database
    started = [
        agent.start("run", f"question {n}", "--output-format", "json",
                    env=agent.script(remember(n), f"s{n}"))
        for n in range(8)
    ]  # fmt: skip
    results = []
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        results.append(json.loads(out))
    assert Counter(r["result"] for r in results) == Counter(f"answer {n}" for n in range(8))
    assert len({r["agent_id"] for r in results}) == 1
    shown = agent.run("memory", "show", "human").stdout
    assert all(f"fact number {n}." in shown for n in range(8))
    assert len(agent.json("sessions", "list", "--json")) == 8
    found = agent.json("sessions", "search", "question 3", "--json")
    assert found
    assert not agent.database.exists()


def test_everything_moves_to_the_server_and_back(agent: Command, database: str, server: Server):
    learned = agent.run("run", "hello", env=agent.script(remember(7)))
    assert learned.returncode == 0, learned.stderr
    moved = agent.json("db", "migrate-to", database, "--json")
    assert moved["verified"] is True
    assert {each["table"]: each["rows"] for each in moved["tables"]}["message"] > 2
    assert "fact number 7." in agent.run("memory", "show", "human", "--db", database).stdout
    again = agent.run("db", "migrate-to", database)
    assert again.returncode == 2
    assert "not empty" in again.stderr
    back = agent.run("db", "migrate-to", f"sqlite:///{agent.root}/back.db", "--db", database)
    assert back.returncode == 0, back.stderr
    for each in moved["tables"]:
        assert each["sha256"][:16] in back.stdout
    assert "Copied and verified" in back.stdout


@pytest.mark.slow
def test_a_move_that_is_killed_leaves_the_target_empty_and_can_be_repeated(
    agent: Command, database: str, server: Server
):
    learned = agent.run("run", "hello", env=agent.script(remember(7)))
    assert learned.returncode == 0, learned.stderr
    open_store(database).close()
    name = database.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(database) as blocker:
        # It comes as far as this table, with others filled already, and no further.
        blocker.execute("LOCK TABLE step IN SHARE MODE")
        moving = agent.start("db", "migrate-to", database)
        deadline = time.monotonic() + 30
        while not server.run(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            f" AND datname = '{name}' AND query LIKE 'INSERT INTO step%'"
        ):
            assert time.monotonic() < deadline and moving.poll() is None
            time.sleep(0.05)
        moving.kill()
        moving.communicate()
    there = open_store(database)
    assert [row for table in tables(there.database)
            for row in there.database.query(f"SELECT 1 FROM {table.name}")] == []  # fmt: skip
    there.close()
    again = agent.json("db", "migrate-to", database, "--json")
    assert again["verified"] is True
    assert "fact number 7." in agent.run("memory", "show", "human", "--db", database).stdout


@pytest.mark.slow
def test_sessions_on_two_machines_see_each_other(agent: Command, database: str):
    elsewhere = ["unshare", "-u", "sh", "-c", 'hostname other-machine && exec "$@"', "sh"]
    if subprocess.run([*elsewhere, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody have a host name of their own")
    agent.environment["AGENT_DATABASE_URL"] = database
    env = agent.script([{"text": "thinking", "hang": True}], "there")
    there = subprocess.Popen(
        [*elsewhere, sys.executable, "-m", "letta_cli", "run", "hello", "-n", "far"],
        env=agent.env(**env), cwd=agent.project, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while not (
            running := [each for each in agent.json("sessions", "list", "--json")
                        if each["sessions"] and each["sessions"][0]["state"] == "running"]
        ):  # fmt: skip
            assert time.monotonic() < deadline
        (session,) = running[0]["sessions"]
        assert (session["host"], session["pid"]) == ("other-machine", there.pid)
        assert "at other-machine" in agent.run("sessions", "list").stdout
        refused = agent.run("run", "-c", "me too", env=agent.script([{"text": "no"}]))
        assert refused.returncode == 75
        assert f"in use by pid {there.pid} at other-machine" in refused.stderr
    finally:
        there.kill()
        there.wait()
    # The lease ends with the connection, not with the heartbeat.
    deadline = time.monotonic() + 30
    while agent.run("run", "-c", "me", env=agent.script([{"text": "free"}])).returncode == 75:
        assert time.monotonic() < deadline


def test_the_conversation_goes_on_there(agent: Command, database: str):
    script = agent.script([{"text": "one"}, {"text": "two"}])
    first = agent.json("run", "hello", "--db", database, "--output-format", "json", env=script)
    done = agent.json("run", "again", "--db", database, "-c", "--output-format", "json", env=script)
    assert done["conversation_id"] == first["conversation_id"]
    doctor = agent.run("doctor", "--db", database)
    assert "PostgreSQL" in doctor.stdout


def test_what_is_only_for_files_says_what_to_do_on_a_server(agent: Command, database: str):
    agent.environment["AGENT_DATABASE_URL"] = database
    agent.run("run", "hello", env=agent.script([{"text": "hi"}]))
    for command in (("backup",), ("backup", "list"), ("restore",)):
        refused = agent.run(*command)
        assert refused.returncode != 0, refused.stdout
        assert "pg_dump" in refused.stderr
        assert "agent db migrate-to sqlite:///" in refused.stderr
    checks = {each["name"]: each for each in agent.json("doctor", "--json")["checks"]}
    assert checks["backups"]["state"] == "ok"
    assert "pg_dump" in checks["backups"]["detail"]
    repaired = agent.run("doctor", "--repair", "--yes")
    assert "error" not in repaired.stderr
    copy = f"sqlite:///{agent.root}/copy.db"
    copied = agent.run("db", "migrate-to", copy)
    assert copied.returncode == 0, copied.stderr
    assert "hello" in agent.run("sessions", "list", "--db", copy).stdout


# Every background process notes how it was called instead of working.
SPY = """#!/bin/sh
echo "$*" >> "$SPY_NOTES"
echo "DATABASE=$AGENT_DATABASE_URL" >> "$SPY_NOTES"
"""
WATCHED = """
import sys
from letta_cli.__main__ import main
sys.executable = sys.argv.pop(1)
main()
"""


def test_background_work_gets_the_address_where_others_cannot_read_it(
    agent: Command, database: str
):
    secret = database.replace("postgresql:///", "postgresql://postgres:s3cret@/")
    secret = secret.replace("&user=postgres", "")
    spy, notes = agent.root / "spy", agent.root / "notes"
    spy.write_text(SPY)
    spy.chmod(0o755)
    for key, value in (
        ("reflection.everyTurns", "1"),
        ("reflection.headless", "true"),
        ("memoryMirror", str(agent.root / "mirror")),
    ):
        agent.run("config", "set", key, value)
    store = open_store(secret)
    store.messages.append(
        store.conversations.default(store.agents.current().id).id, "user", [Text("old")]
    )
    with store.database.transaction():
        store.indexing.queue_everything()
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(spy), "run", "hello", "--db", secret],
        env=agent.env(**agent.script(remember(1)), SPY_NOTES=str(notes)),
        cwd=agent.project, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wanted = ("reflect now --background", "db index --background", "memory mirror --once")
    deadline = time.monotonic() + 30
    while not (
        notes.exists()
        and all(each in notes.read_text() for each in wanted)
        and notes.read_text().count("DATABASE=") >= len(wanted)
    ):
        assert time.monotonic() < deadline, notes.read_text() if notes.exists() else "nothing"
        time.sleep(0.1)
    lines = notes.read_text().splitlines()
    given = [line for line in lines if line.startswith("DATABASE=")]
    assert given.count(f"DATABASE={secret}") >= len(wanted)
    called = [line for line in lines if not line.startswith("DATABASE=")]
    assert not [line for line in called if "s3cret" in line or "postgresql" in line]


def test_the_database_in_use_is_no_target(agent: Command):
    done = agent.run("db", "migrate-to", f"sqlite:///{agent.database}")
    assert done.returncode == 2
    assert "in use" in done.stderr


def test_a_password_in_the_settings_is_not_shown_when_it_is_set(agent: Command):
    done = agent.run("config", "set", "database", "postgresql://ada:s3cret@127.0.0.1:1/x")
    assert 'database = "postgresql://ada:…@127.0.0.1:1/x"' in done.stdout
    assert "s3cret" not in done.stdout + done.stderr + agent.run("config").stdout


def test_a_wrong_password_is_never_printed(agent: Command):
    done = agent.run("sessions", "list", "--db", "postgresql://ada:s3cret@127.0.0.1:1/x")
    assert done.returncode == 1
    assert "ada@127.0.0.1:1" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
