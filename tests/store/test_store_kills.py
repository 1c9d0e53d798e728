"""Writers that are killed at any moment: nothing torn, nothing lost that was acknowledged."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from store_children import kill, start, wait_for_line

from letta_cli.core.memory import Origin
from letta_cli.core.message import ToolReturn
from letta_cli.store import Store

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]

KILLS = 160
WRITERS = 4

# Forks writers that have everything imported and nothing opened, which spares most of their start.
NURSERY = """
import signal
folder = args[0]
signal.signal(signal.SIGCHLD, signal.SIG_IGN)

def write():
    store = open_store(url, reason="writer")
    agent = store.agents.current()
    made = store.conversations.create(agent.id, cwd="/a", project="/a")
    block = store.blocks.find(agent.id, "log")
    acknowledged = os.open(f"{folder}/{made.id}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    number = 0
    while True:
        number += 1
        run, asked = store.runs.start(made.id, "m", [Text(f"go {number}")], expected_head=None)
        store.runs.save_partial(run.id, "I am on my")
        call = ToolCall(f"c{number}", "Bash", {"command": "true"})
        store.runs.add_reply(run.id, [call], Usage(1, 1), expected_head=asked.seq)
        store.runs.mark_call(call.id, "running", run_id=run.id)
        os.write(acknowledged, f"ran {number}\\n".encode())
        store.runs.finish_call(ToolReturn(call.id, "Bash", "ok", "x" * 3000), run_id=run.id)
        store.blocks.insert(block.id, f"{made.id} {number}", origin=Origin("model"))
        os.write(acknowledged, f"noted {number}\\n".encode())
        store.runs.finish(run.id, "end_turn")
        os.write(acknowledged, f"done {number}\\n".encode())

while sys.stdin.readline():
    if (pid := os.fork()) == 0:
        write()
    print(pid, flush=True)
"""


class Nursery:
    """Gives birth to writers, one after the other, in a process that has no threads."""

    def __init__(self, folder: Path, acknowledged: Path) -> None:
        self.process: subprocess.Popen[str] = start(folder, NURSERY, acknowledged)

    def writer(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write("another\n")
        self.process.stdin.flush()
        return int(wait_for_line(self.process))


def test_no_kill_of_a_writer_loses_tears_or_doubles_anything(
    store: Store, folder: Path, tmp_path: Path
):
    agent = store.agents.current()
    store.blocks.create(agent.id, "log", limit=10_000_000, origin=Origin("person"))
    acknowledged = tmp_path / "acknowledged"
    acknowledged.mkdir()
    nursery, dice = Nursery(folder, acknowledged), random.Random(11)
    writers = [nursery.writer() for _ in range(WRITERS)]
    waits: list[float] = []
    for _ in range(KILLS):
        time.sleep(dice.uniform(0, 0.08))
        os.kill(writers.pop(dice.randrange(WRITERS)), signal.SIGKILL)
        began = time.monotonic()
        store.agents.update(agent.id, system=f"{began}")
        waits.append(time.monotonic() - began)
        writers.append(nursery.writer())
    for pid in writers:
        os.kill(pid, signal.SIGKILL)
    kill(nursery.process)

    # The next writer does not find a lock that a dead one has left.
    assert sorted(waits)[KILLS * 19 // 20] < 2
    assert max(waits) < 10
    assert store.database.query("SELECT * FROM pragma_integrity_check") == [("ok",)]
    health = store.health()
    assert (health["quick_check"], health["integrity"]) == ("ok", "ok")

    block = store.blocks.find(agent.id, "log")
    lines = block.value.split("\n")
    assert len(set(lines)) == len(lines) == block.version - 1
    done = 0
    for file in acknowledged.iterdir():
        told = [line.split() for line in file.read_text().splitlines()]
        store.runs.recover(file.name)
        check(store, file.name, told)
        noted = {f"{file.name} {number}" for what, number in told if what == "noted"}
        assert noted <= set(lines)
        done += sum(what == "done" for what, _ in told)
    assert done > KILLS / 4


def check(store: Store, conversation_id: str, told: list[list[str]]) -> None:
    """A thread that any provider takes, with all that was acknowledged."""
    messages = store.messages.read(conversation_id)
    assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
    assert store.conversations.get(conversation_id).head == len(messages)
    returns: dict[str, ToolReturn] = {}
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolReturn):
                assert part.call_id not in returns
                returns[part.call_id] = part
    for message in messages:
        if message.tool_calls:
            after = messages[message.seq]
            assert [call.id for call in message.tool_calls] == [
                part.call_id for part in after.parts if isinstance(part, ToolReturn)
            ]
    for what, number in told:
        result = returns[f"c{number}"]
        assert result.status in (("ok",) if what != "ran" else ("ok", "unknown"))
    assert all(run.state == "closed" for run in store.runs.list(conversation_id))
