"""The same program on a PostgreSQL server that several people share."""

import json
from collections import Counter

import pytest
from command import Command
from postgres_server import Server, running


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


def test_the_conversation_goes_on_there(agent: Command, database: str):
    script = agent.script([{"text": "one"}, {"text": "two"}])
    first = agent.json("run", "hello", "--db", database, "--output-format", "json", env=script)
    done = agent.json("run", "again", "--db", database, "-c", "--output-format", "json", env=script)
    assert done["conversation_id"] == first["conversation_id"]
    doctor = agent.run("doctor", "--db", database)
    assert "PostgreSQL" in doctor.stdout


def test_the_database_in_use_is_no_target(agent: Command):
    done = agent.run("db", "migrate-to", f"sqlite:///{agent.database}")
    assert done.returncode == 2
    assert "in use" in done.stderr


def test_a_wrong_password_is_never_printed(agent: Command):
    done = agent.run("sessions", "list", "--db", "postgresql://ada:s3cret@127.0.0.1:1/x")
    assert done.returncode == 1
    assert "ada@127.0.0.1:1" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
