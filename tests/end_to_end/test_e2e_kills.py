"""Runs that are killed: in every state, and at every transaction that they make.

What was stored stays, no tool is run twice, each call has one return, and the conversation goes on
in one step with what happened told to the model.
"""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from letta_cli.core.message import ToolReturn
from letta_cli.store import open_store
from letta_cli.store.locks import KernelLock, QueuedLock

pytestmark = pytest.mark.slow
needs_proc_locks = pytest.mark.skipif(
    not Path("/proc/locks").exists(), reason="only Linux tells who waits for a lock"
)

ALLOWED = ("--permission-mode", "bypassPermissions")
PATIENCE_SECONDS = 60


def wait_until(condition, what=""):
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.003)
    return found


def call(name, **arguments):
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


def work(agent, name, number, *, slow=False):
    """Turns that note `number` in a file with a command, edit a file, and answer without end."""
    ran, notes = agent.root / f"{name}.ran", agent.project / f"{name}.txt"
    if not notes.exists():
        notes.write_text("state 0\n" + "unchanged\n" * 2000)
    now = notes.read_text().partition("\n")[0]
    command = f"echo {number} >> {ran}; echo ran {number}" + ("; sleep 60" if slow else "")
    path = str(notes)
    # Each turn answers what was told last, whatever came of the runs before.
    return [
        {**turn, "repeat": True}
        for turn in (
            {"when": f"go {number}", "text": "Let me see. ", **call("Bash", command=command)},
            {"when": f"ran {number}", **call("Read", file_path=path, limit=3)},
            {
                "when": f"{now}\nunchanged|{now}\n.*unchanged",
                **call("Edit", file_path=path, old_string=now, new_string=f"state {number}"),
            },
            {"when": ".", "text": "I was saying that ", "hang": True},
        )
    ]


def thread_of(agent, conversation_id):
    store = open_store(f"sqlite:///{agent.database}")
    try:
        health = store.health()
        assert (health["quick_check"], health["integrity"]) == ("ok", "ok")
        return store.messages.read(conversation_id), store.runs.list(conversation_id)
    finally:
        store.close()


def returns_of(messages):
    """The one return of each call; fails when a call has none or two."""
    assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
    found = {}
    for message in messages:
        for call_ in message.tool_calls:
            [result] = [
                part
                for part in messages[message.seq].parts
                if isinstance(part, ToolReturn) and part.call_id == call_.id
            ]
            found[call_.id] = result
    assert len(found) == sum(isinstance(p, ToolReturn) for m in messages for p in m.parts)
    return found


class Victim(threading.Thread):
    """One conversation whose runs are killed, one after the other, each in another state."""

    STATES = ("start", "stream", "tool", "edit", "end")

    def __init__(self, agent, name, kills):
        super().__init__()
        self.agent, self.name, self.kills = agent, name, kills
        self.dice = random.Random(name)
        self.conversation, self.asked, self.failure = "", [], None

    def run(self):
        try:
            for number in range(1, self.kills + 1):
                self.kill_one(number, self.STATES[number % len(self.STATES)])
        except BaseException as error:  # raised again in the test's own thread
            self.failure = error

    def ran(self):
        file = self.agent.root / f"{self.name}.ran"
        return file.read_text() if file.exists() else ""

    def kill_one(self, number, state):
        script = self.agent.script(
            work(self.agent, self.name, number, slow=state == "tool"), self.name
        )
        where = ("--conversation", self.conversation) if self.conversation else ()
        process = self.agent.start(
            "run", f"go {number}", *where, *ALLOWED, "--output-format", "stream-json",
            "--include-partial-messages", env=script,
        )  # fmt: skip
        try:
            if state != "start" or not self.conversation:
                self.wait_for(process, number, "stream" if state == "start" else state)
                self.asked.append(number)
            time.sleep(self.dice.uniform(0, 0.6 if state == "start" else 0.03))
        finally:
            process.kill()
            process.communicate()

    def wait_for(self, process, number, state):
        for line in process.stdout:
            event = json.loads(line)
            self.conversation = event.get("conversation_id") or self.conversation
            if state == "stream" and event["type"] == "stream_event":
                return
            if state == "tool" and event["type"] == "assistant":
                wait_until(lambda: f"{number}\n" in self.ran(), "the tool")
                return
            if state == "edit" and event["type"] == "assistant" and '"Edit"' in line:
                return
            if state == "end" and "I was saying" in line:
                return
        raise AssertionError(f"ended before it was in {state}: {process.stderr.read()}")


def test_runs_killed_in_every_state_lose_nothing_and_go_on_in_one_step(agent):
    victims = [Victim(agent, name, 11) for name in ("ada", "grace", "edsger", "barbara")]
    for victim in victims:
        victim.start()
    for victim in victims:
        victim.join(600)
        assert victim.failure is None, victim.failure
    for victim in victims:
        last = agent.script(
            [{"when": "go on", "text": "Here I am.", "repeat": True}], f"{victim.name}-last"
        )
        began = time.monotonic()
        done = agent.run("run", "go on", "--conversation", victim.conversation, env=last)
        assert (done.returncode, done.stdout.strip()) == (0, "Here I am."), done.stderr
        assert time.monotonic() - began < 20
        assert "stopped in the middle" in json.dumps(agent.requests(f"{victim.name}-last")[-1])

        messages, runs = thread_of(agent, victim.conversation)
        returns = returns_of(messages)
        assert all(run.state == "closed" for run in runs)
        said = [message.text for message in messages if message.role == "user"]
        assert {f"go {number}" for number in victim.asked} <= set(said)
        assert max(Counter(said).values()) == 1

        ran = Counter(victim.ran().split())
        assert max(ran.values()) == 1
        kept = [part for part in returns.values() if part.name == "Bash"]
        assert sum(part.status == "ok" for part in kept) <= len(ran) <= len(kept)
        assert len(ran) <= sum(part.status in ("ok", "unknown") for part in kept)
        assert any(part.status == "unknown" for part in kept)

        notes = (agent.project / f"{victim.name}.txt").read_text()
        state, _, rest = notes.partition("\n")
        assert state.startswith("state ")
        assert rest == "unchanged\n" * 2000


class Stepper:
    """Holds the database's lock and lets one transaction of another process through at a time."""

    def __init__(self, agent):
        self.path = agent.database.with_name("agent.lock")
        self.probe = KernelLock(self.path.with_name("agent.lock.queue"), "")
        self.lock, self.next = QueuedLock(self.path, "stepper"), QueuedLock(self.path, "stepper")
        assert self.lock.acquire(PATIENCE_SECONDS)

    def someone_waits(self):
        if not self.probe.acquire(0):
            return True
        self.probe.release()
        return False

    def step(self):
        # In the queue before the lock is free: behind who waits now, before what it does next.
        thread = threading.Thread(target=self.next.acquire, args=(PATIENCE_SECONDS,))
        thread.start()
        wait_until(stands_in_a_queue, "our place in the queue")
        self.lock.release()
        thread.join(PATIENCE_SECONDS)
        self.lock, self.next = self.next, self.lock


def stands_in_a_queue():
    """Whether this process waits for a lock, as the kernel has it."""
    locks = Path("/proc/locks").read_text().splitlines()
    return any("->" in line and f" {os.getpid()} " in line for line in locks)


def point_of(agent, conversation_id):
    """Where the newest run stands, in the words of the journal."""
    store = open_store(f"sqlite:///{agent.database}")
    try:
        found = store.database.query(
            "SELECT r.state, r.partial <> '', c.state, c.pgid IS NOT NULL,"
            " (SELECT m.role FROM message m WHERE m.run_id = r.id ORDER BY m.seq DESC LIMIT 1)"
            " FROM run r LEFT JOIN tool_call c ON c.run_id = r.id"
            " WHERE r.conversation_id = ? ORDER BY r.started_at DESC LIMIT 1",
            conversation_id,
        )
    finally:
        store.close()
    state, partial, call_, group, role = found[0]
    if state != "open":
        return "ended"
    if call_ is not None:
        return f"{call_} with its group" if call_ == "running" and group else call_
    if partial:
        return "streaming"
    return {"user": "asked", "tool": "returned", "assistant": "answered"}.get(role, role)


OUTCOMES = {
    "pending": "cancelled",
    "approved": "cancelled",
    "running": "unknown",
    "running with its group": "unknown",
    "done": "ok",
    "returned": "ok",
    "answered": "ok",
}


@needs_proc_locks
def test_a_run_killed_at_each_of_its_transactions_is_settled_by_the_next(agent):
    talk = agent.script([{"text": "hello"}], "talk")
    first = agent.json("run", "hi", "--output-format", "json", env=talk)["conversation_id"]
    points = Counter()
    for number in range(1, 60):
        ran = agent.root / f"ran{number}"
        script = agent.script(
            [
                {
                    "when": f"go {number}$",
                    "text": "One moment. ",
                    **call("Bash", command=f"echo x >> {ran}; echo ran {number}"),
                },
                {"when": f"ran {number}", "text": "Done."},
            ],
            f"step{number}",
        )
        stepper = Stepper(agent)
        process = agent.start("run", f"go {number}", "--conversation", first, *ALLOWED, env=script)

        def waits(process=process, stepper=stepper):
            return process.poll() is not None or stepper.someone_waits()

        for _ in range(number):
            wait_until(waits, "the next transaction")
            stepper.step()
        wait_until(waits, "the next transaction")
        ended = process.poll() is not None
        process.kill()
        process.communicate()
        stepper.lock.release()
        point = point_of(agent, first)
        points[point] += 1
        check_settled(agent, first, number, point, ran)
        if ended:
            break
    assert ended
    assert {"asked", "pending", "running", "running with its group", "done", "returned"} <= set(
        points
    ), points


def check_settled(agent, conversation, number, point, ran):
    """The next run goes on in one step, and the call came to what `point` says."""
    after = agent.script([{"when": "go on", "text": "I see.", "repeat": True}], f"after{number}")
    done = agent.run("run", "go on", "--conversation", conversation, env=after)
    assert (done.returncode, done.stdout.strip()) == (0, "I see."), (point, done.stderr)
    messages, runs = thread_of(agent, conversation)
    returns_of(messages)
    assert all(run.state == "closed" for run in runs)
    asked = [m.seq for m in messages if m.role == "user" and m.text == f"go {number}"]
    times = len(ran.read_text().split()) if ran.exists() else 0
    assert times <= 1
    if not asked:
        assert (point, times) == ("ended", 0)  # killed before its first word was stored
        return
    since = messages[asked[0] :]
    [status] = [part.status for m in since for part in m.parts if isinstance(part, ToolReturn)] or [
        None
    ]
    if point in OUTCOMES:
        assert status == OUTCOMES[point]
    if status == "cancelled":
        assert times == 0
    if status == "ok":
        assert times == 1
    if point not in ("ended", "answered"):
        assert "stopped in the middle" in json.dumps(agent.requests(f"after{number}")[-1])


@needs_proc_locks
def test_killed_between_the_approval_and_the_run_a_call_is_not_run(agent, terminal):
    ran = agent.root / "ran"
    one = terminal([call("Bash", command=f"echo x >> {ran}"), {"text": "Done."}], "one")
    one.wait_for("Ask").enter("go").wait_for("Yes, this once")
    time.sleep(0.7)
    conversation = agent.json("sessions", "list", "--json")[0]["id"]
    stepper = Stepper(agent)
    one.type("1")
    end = time.monotonic() + PATIENCE_SECONDS
    while (point := point_of(agent, conversation)) == "pending":
        assert time.monotonic() < end
        wait_until(stepper.someone_waits, "the approval")
        stepper.step()
    assert point == "approved"
    store = open_store(f"sqlite:///{agent.database}")
    [(sha,)] = store.database.query("SELECT arguments_sha256 FROM tool_call")
    store.close()
    assert len(sha) == 64
    os.kill(one.process.pid, signal.SIGKILL)
    stepper.lock.release()
    after = agent.script([{"when": "go on", "text": "I see.", "repeat": True}], "after")
    done = agent.run("run", "go on", "--conversation", conversation, env=after)
    assert done.returncode == 0, done.stderr
    assert not ran.exists()
    [result] = returns_of(thread_of(agent, conversation)[0]).values()
    assert result.status == "cancelled"
