"""Many processes at once, and processes that die: nothing is lost, doubled or torn."""

import os
import random
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest
from store_children import finish, kill, run, start, url_of, wait_for_line

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import Busy
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text
from letta_cli.store import Store, open_store

INSERT_LINES = """
block, name = args
store = open_store(url)
for number in range(25):
    store.blocks.insert(block, f"{name}-{number}", origin=Origin("model", note=name))
"""

TALK = """
conversation, name = args
store = open_store(url)
for number in range(15):
    store.messages.append(conversation, "user", [Text(f"{name}-{number}")])
"""


def test_eight_processes_insert_into_one_block_and_no_line_is_lost(
    store: Store, folder: Path, agent: Agent
):
    block = store.blocks.create(agent.id, "log", limit=100_000, origin=Origin("person"))
    finish([start(folder, INSERT_LINES, block.id, name) for name in "abcdefgh"])
    after = store.blocks.find(agent.id, "log")
    lines = after.value.split("\n")
    assert sorted(lines) == sorted(f"{name}-{n}" for name in "abcdefgh" for n in range(25))
    for name in "abcdefgh":
        assert [line for line in lines if line[0] == name] == [f"{name}-{n}" for n in range(25)]
    revisions = store.blocks.since(block.id, 1)
    assert [revision.version for revision in revisions] == list(range(2, 202))
    assert after.version == 201
    for earlier, later in pairwise(revisions):
        assert later.before == earlier.after


def test_processes_append_to_one_conversation_without_holes(
    store: Store, folder: Path, agent: Agent, conversation: Conversation
):
    finish([start(folder, TALK, conversation.id, name) for name in "bcde"])
    messages = store.messages.read(conversation.id)
    assert [message.seq for message in messages] == list(range(1, 61))
    assert {m.text for m in messages} == {f"{name}-{n}" for name in "bcde" for n in range(15)}
    assert len(store.search.messages(agent.id, "b c d e", limit=100)) == 60


def test_twenty_processes_on_a_fresh_path_make_one_agent(folder: Path):
    code = "print(open_store(url).agents.current().id)"
    agents = finish([start(folder, code) for _ in range(20)])
    assert len(set(agents)) == 1
    store = open_store(url_of(folder))
    assert [agent.id for agent in store.agents.list()] == agents[:1]
    assert len(store.blocks.list(agents[0])) == 2
    assert store.health()["counts"]["conversation"] == 1
    store.close()


def test_twenty_processes_make_twenty_conversations(store: Store, folder: Path, agent: Agent):
    code = """
store = open_store(url)
made = store.conversations.create(args[0], cwd="/a", project="/a")
run, _ = store.runs.start(made.id, "m", [Text("hello")], expected_head=0)
store.blocks.ensure_project(args[0], "/a")
store.runs.add_reply(run.id, [Text("hi")], Usage(1, 1), expected_head=1)
store.runs.finish(run.id, "end_turn")
print(made.id)
store.close()
"""
    made = finish([start(folder, code, agent.id) for _ in range(20)])
    assert len(set(made)) == 20
    assert all([m.text for m in store.messages.read(each)] == ["hello", "hi"] for each in made)
    labels = [block.label for block in store.blocks.list(agent.id)]
    assert labels == ["persona", "human", "project"]


def test_an_edit_is_seen_by_another_open_process_at_once(
    store: Store, folder: Path, agent: Agent, conversation: Conversation
):
    code = """
agent, conversation = args
store = open_store(url)
seen = store.conversations.get(conversation)
store.conversations.set_prompt(conversation, "P", {
    block.id: block.version for block in store.blocks.visible(seen)})
seen = store.conversations.get(conversation)
print(len(store.blocks.changed(seen)), flush=True)
sys.stdin.readline()
print(*[block.value for block in store.blocks.changed(seen)], flush=True)
"""
    child = start(folder, code, agent.id, conversation.id)
    assert wait_for_line(child) == "0"
    human = store.blocks.find(agent.id, "human")
    store.blocks.insert(human.id, "Ada", origin=Origin("model"))
    child.stdin.write("look\n")
    child.stdin.flush()
    assert wait_for_line(child) == "Ada"
    kill(child)


WRITE_UNTIL_KILLED = """
store = open_store(url)
agent = store.agents.current()
made = store.conversations.create(agent.id, cwd="/a", project="/a")
human = store.blocks.find(agent.id, "human")
print("writing", flush=True)
number = 0
while True:
    number += 1
    run, _ = store.runs.start(made.id, "m", [Text(f"go {number}")], expected_head=3 * number - 3)
    with store._database.transaction():
        store.runs.add_reply(run.id, [ToolCall(f"c{number}", "Read", {})], Usage(1, 1),
                             expected_head=3 * number - 2)
        store.blocks.rethink(human.id, f"{made.id} {number}", origin=Origin("model"))
        store.runs.add_returns(run.id, [ToolReturn(f"c{number}", "Read", "ok", "x" * 3000)],
                               expected_head=3 * number - 1)
    store.runs.finish(run.id, "end_turn")
    print(number, flush=True)
"""


def test_writers_killed_in_mid_load_leave_a_whole_database(store: Store, folder: Path):
    agent = store.agents.current()
    dice = random.Random(3)
    children = [start(folder, WRITE_UNTIL_KILLED) for _ in range(3)]
    acknowledged: list[int] = []
    for child in children:
        wait_for_line(child)
    for _ in range(9):
        time.sleep(dice.uniform(0, 0.05))
        child = children.pop(0)
        child.kill()
        out, _ = child.communicate(timeout=30)
        acknowledged.append(int(out.split()[-1]) if out.split() else 0)
        # The next writer must not find a lock that was left behind.
        began = time.monotonic()
        store.agents.update(agent.id, system="next")
        assert time.monotonic() - began < 2
        children.append(start(folder, WRITE_UNTIL_KILLED))
        if len(acknowledged) < 7:
            wait_for_line(children[-1])
    for child in children:
        kill(child)
    health = store.health()
    assert (health["quick_check"], health["integrity"]) == ("ok", "ok")
    assert sum(acknowledged) > 0
    stored = 0
    for conversation in store.conversations.list(agent.id):
        store.runs.recover(conversation.id)
        messages = store.messages.read(conversation.id)
        assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
        asked = [m for m in messages if m.tool_calls]
        stored += len(asked)
        for message in asked:
            assert messages[message.seq].role == "tool"
    # One turn a writer may be stored whose acknowledgement never got out.
    assert sum(acknowledged) <= stored


def test_a_writer_killed_while_it_holds_the_lock_leaves_nothing_behind(
    store: Store, folder: Path, agent: Agent, conversation: Conversation
):
    code = """
store = open_store(url)
with store._database.transaction():
    store.messages.append(args[0], "user", [Text("half")])
    print("inside", flush=True)
    sys.stdin.read()
"""
    child = start(folder, code, conversation.id)
    wait_for_line(child)
    kill(child)
    began = time.monotonic()
    store.messages.append(conversation.id, "user", [Text("whole")])
    assert time.monotonic() - began < 2
    assert [m.text for m in store.messages.read(conversation.id)] == ["whole"]
    assert [h.snippet for h in store.search.messages(agent.id, "half whole")] == ["whole"]


def test_readers_do_not_wait_for_a_writer_and_a_writer_waits_in_line(
    folder: Path, store: Store, conversation: Conversation
):
    code = """
store = open_store(url, reason="agent chat")
with store._database.transaction():
    store.conversations.rename(args[0], "new")
    print("inside", flush=True)
    sys.stdin.readline()
print("done", flush=True)
sys.stdin.read()
"""
    child = start(folder, code, conversation.id)
    wait_for_line(child)
    assert store.conversations.get(conversation.id).title == ""
    hasty = open_store(url_of(folder), lock_wait_seconds=0.2)
    with pytest.raises(Busy, match="agent chat") as caught:
        hasty.conversations.rename(conversation.id, "mine")
    assert caught.value.holder is not None
    assert caught.value.holder.pid == child.pid
    assert str(child.pid) in str(caught.value)
    child.stdin.write("go\n")
    child.stdin.flush()
    wait_for_line(child)
    hasty.conversations.rename(conversation.id, "mine")
    assert store.conversations.get(conversation.id).title == "mine"
    hasty.close()
    kill(child)


def test_who_waits_in_vain_is_told_which_command_of_which_process_writes_since_when(
    store: Store, folder: Path, conversation: Conversation
):
    code = """
sys.argv = ["/usr/bin/agent", "run", "a secret wish"]
store = open_store(url)
with store.database.transaction():
    store.conversations.rename(args[0], "new")
    print("inside", flush=True)
    sys.stdin.readline()
"""
    child = start(folder, code, conversation.id)
    wait_for_line(child)
    hasty = open_store(url_of(folder), lock_wait_seconds=0.2)
    with pytest.raises(Busy, match=rf"agent run \(pid {child.pid}\b.*, since 20") as caught:
        hasty.conversations.rename(conversation.id, "mine")
    assert "secret" not in str(caught.value)
    hasty.close()
    kill(child)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_gets_its_own_connection_and_lock(folder: Path):
    # In a process of its own, because this one has threads.
    code = """
store = open_store(url)
agent = store.agents.current()
made = store.conversations.create(agent.id, cwd="/", project="/")
with store._database.transaction():
    if (pid := os.fork()) == 0:
        # The parent is inside its transaction: the child must wait for it.
        try:
            other = open_store(url, lock_wait_seconds=0.2)
            other.messages.append(made.id, "user", [Text("too early")])
        except Busy:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    store.messages.append(made.id, "user", [Text("parent")])
if (pid := os.fork()) == 0:
    store.messages.append(made.id, "user", [Text("child")])
    store.close()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
store.messages.append(made.id, "user", [Text("parent again")])
print(*[m.text for m in store.messages.read(made.id)], sep="|")
"""
    assert run(folder, code) == "parent|child|parent again"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_does_not_keep_its_dead_parents_lock(
    store: Store, folder: Path, agent: Agent
):
    code = """
store = open_store(url)
with store._database.transaction():
    if (pid := os.fork()) == 0:
        time.sleep(60)
        os._exit(0)
    print(pid, flush=True)
    sys.stdin.read()
"""
    parent = start(folder, code)
    forked = int(wait_for_line(parent))
    try:
        parent.kill()
        parent.wait(30)
        began = time.monotonic()
        store.agents.update(agent.id, system="next")
        assert time.monotonic() - began < 2
    finally:
        os.kill(forked, signal.SIGKILL)
        parent.communicate(timeout=30)


@pytest.mark.sqlite
def test_a_writer_that_knows_nothing_of_our_lock_is_waited_for(
    store: Store, folder: Path, agent: Agent
):
    # In a process of its own: two SQLite libraries in one process undo each other's locks.
    code = """
import sqlite3
other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
other.execute("BEGIN IMMEDIATE")
other.execute("UPDATE block SET value = 'theirs', version = 2 WHERE id = ?", args)
print("inside", flush=True)
time.sleep(0.3)
other.execute("COMMIT")
"""
    human = store.blocks.find(agent.id, "human")
    other = start(folder, code, human.id)
    wait_for_line(other)
    store.blocks.insert(human.id, "ours", origin=Origin("model"))
    finish([other])
    after = store.blocks.find(agent.id, "human")
    assert (after.value, after.version) == ("theirs\nours", 3)
