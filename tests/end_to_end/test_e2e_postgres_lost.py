"""A PostgreSQL server that goes away in mid-run: no two writers, and the work goes on or says so."""

import threading
import time

import pytest
from postgres_server import Server, running

from letta_cli.core.message import Text
from letta_cli.store import open_store

pytestmark = pytest.mark.slow

SECONDS = 40


@pytest.fixture(scope="module")
def server():
    with running() as started:
        yield started


@pytest.fixture
def database(server: Server, agent):
    url = server.new()
    agent.environment["AGENT_DATABASE_URL"] = url
    yield url
    server.drop(url)


def until(condition):
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


class Gated:
    """A run whose tool waits until the test lets it go on."""

    def __init__(self, agent, name="gated"):
        self.agent = agent
        self.gate, self.inside = agent.root / "gate", agent.root / "inside"
        command = f"touch {self.inside}; while [ ! -e {self.gate} ]; do sleep 0.05; done; echo ok"
        call = {"name": "Bash", "arguments": {"command": command, "timeout": 60_000}}
        script = [{"tool_calls": [call]}, {"text": "It went on."}]
        self.process = agent.start(
            "run", "work", "--permission-mode", "bypassPermissions", "--output-format",
            "stream-json", env=agent.script(script, name),
        )  # fmt: skip
        until(lambda: self.inside.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.end()
        (self.listed,) = agent.json("sessions", "list", "--json")
        self.conversation = self.listed["id"]

    def end(self):
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err


def cut(server, pids):
    for pid in pids:
        server.run(f"SELECT pg_terminate_backend({pid})")


def test_a_lease_whose_connection_is_cut_is_taken_again_before_anybody_comes(
    agent, server: Server, database: str
):
    run = Gated(agent)
    (held,) = server.leases(database)
    cut(server, [held])
    again = until(lambda: [pid for pid in server.leases(database) if pid != held])
    assert len(again) == 1
    refused = agent.run("run", "-c", "me too", env=agent.script([{"text": "no"}], "second"))
    assert refused.returncode == 75 and "in use by pid" in refused.stderr
    run.gate.touch()
    code, out, err = run.end()
    assert code == 0, err
    assert "It went on." in out
    assert "broke and is back" in out + err
    assert not server.leases(database)


def test_a_run_whose_conversation_another_session_took_over_ends_at_once_and_adds_nothing(
    agent, server: Server, database: str
):
    run = Gated(agent)
    store = open_store(database)
    taken = threading.Event()
    told = []

    def take_over():
        with store.leases.acquire(run.conversation, wait_seconds=SECONDS):
            taken.set()
            # The gate stays shut: the first run has to end by itself, or this one never would.
            told.append(run.end())
            told.append(store.runs.recover(run.conversation))
            store.messages.append(run.conversation, "user", [Text("I am here now.")])

    other = threading.Thread(target=take_over)
    other.start()
    first, _ = until(lambda: (found := server.leases(database))[1:] and found)
    cut(server, [first])
    other.join(SECONDS)
    assert taken.is_set() and not other.is_alive()
    (code, out, err), recovered = told
    assert code == 75
    assert "another session took over" in out + err and "Traceback" not in err
    assert "Bash was running, and its outcome is unknown" in recovered[0]
    messages = store.messages.read(run.conversation)
    assert [m.role for m in messages] == ["user", "assistant", "tool", "notice", "user"]
    store.close()


def test_what_was_continued_while_the_server_was_away_is_not_written_over(
    agent, server: Server, database: str
):
    run = Gated(agent)
    store = open_store(database)
    # As one does who came and went between the cut and the moment that the run looked.
    store.messages.append(run.conversation, "notice", [Text("somebody else")])
    cut(server, server.leases(database))
    code, out, err = run.end()
    assert code == 75
    assert "another session went on with conversation" in out + err
    assert [m.role for m in store.messages.read(run.conversation)][-1] == "notice"
    store.close()


def test_a_server_that_restarts_in_mid_run_is_waited_for(agent, server: Server, database: str):
    run = Gated(agent)
    server.stop()
    run.gate.touch()
    time.sleep(1.5)
    assert run.process.poll() is None
    server.start()
    code, out, err = run.end()
    assert code == 0, err
    assert "It went on." in out
    store = open_store(database)
    messages = store.messages.read(run.conversation)
    assert [m.role for m in messages] == ["user", "assistant", "tool", "assistant"]
    assert [part.status for part in messages[2].parts] == ["ok"]
    store.close()


def test_the_work_connection_may_be_cut_as_well(agent, server: Server, database: str):
    run = Gated(agent)
    name = database.partition("?")[0].rpartition("/")[2]
    server.run(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        " AND pid <> pg_backend_pid()"
    )
    run.gate.touch()
    code, out, err = run.end()
    assert code == 0, err
    assert "It went on." in out


def test_a_chat_goes_on_after_the_server_restarted_between_two_turns(
    agent, terminal, server: Server, database: str
):
    chat = terminal([{"text": "first answer"}, {"text": "second answer"}], "chat")
    chat.wait_for("Ask").enter("one").wait_for("first answer")
    server.stop()
    server.start()
    chat.enter("two").wait_for("second answer")
    assert chat.end() == 0
