"""Who is there, and who holds a conversation, between real processes."""

import os
import threading
import time
from pathlib import Path

import pytest
from store_children import finish, kill, run, start, wait_for_line

from letta_cli.core.agent import Conversation
from letta_cli.core.errors import Busy, NotFound
from letta_cli.store import Store
from letta_cli.store.machine import host_name

HOLD = """
store = open_store(url)
with store.leases.acquire(args[0]):
    print("held", flush=True)
    sys.stdin.readline()
print("released", flush=True)
sys.stdin.readline()
"""

PRESENT = """
store = open_store(url)
store.sessions.open(conversation_id=args[0], cwd="/a", branch="main", terminal="/dev/pts/7")
print("open", flush=True)
sys.stdin.readline()
"""


def tell(child) -> None:
    child.stdin.write("go\n")
    child.stdin.flush()


def test_a_session_is_live_until_it_closes(store: Store, conversation: Conversation):
    opened = store.sessions.open(
        conversation_id=conversation.id, cwd="/a", branch="main", terminal="/dev/pts/7"
    )
    assert store.sessions.live() == [opened]
    assert (opened.pid, opened.state) == (os.getpid(), "idle")
    store.sessions.beat(opened.session_id, state="running", activity="Bash(pytest)")
    (now,) = store.sessions.live()
    assert (now.state, now.activity, now.branch) == ("running", "Bash(pytest)", "main")
    assert now.heartbeat_at > opened.heartbeat_at
    store.sessions.close(opened.session_id)
    store.sessions.close(opened.session_id)
    assert store.sessions.live() == []
    store.sessions.beat(opened.session_id, state="idle", activity="")
    assert store.sessions.live() == []


def test_a_session_may_move_to_another_conversation(store, agent, conversation):
    opened = store.sessions.open(conversation_id=conversation.id, cwd="/", branch="", terminal="")
    other = store.conversations.create(agent.id, cwd="/", project="/")
    store.sessions.beat(
        opened.session_id, state="idle", activity="", branch="dev", conversation_id=other.id
    )
    (now,) = store.sessions.live()
    assert (now.conversation_id, now.branch) == (other.id, "dev")


def test_a_heart_that_stopped_is_past(store: Store, conversation: Conversation):
    store.sessions.open(conversation_id=conversation.id, cwd="/", branch="", terminal="")
    with store._database.transaction():
        store._database.execute("UPDATE session SET heartbeat_at = '2020-01-01T00:00:00.000000Z'")
    assert store.sessions.live() == []


def test_a_killed_process_is_not_live(store: Store, folder: Path, conversation: Conversation):
    child = start(folder, PRESENT, conversation.id)
    wait_for_line(child)
    (there,) = store.sessions.live()
    assert (there.pid, there.terminal, there.branch) == (child.pid, "/dev/pts/7", "main")
    kill(child)
    assert store.sessions.live() == []


def test_a_lease_keeps_other_processes_out_and_names_the_holder(
    store: Store, folder: Path, conversation: Conversation
):
    store.conversations.rename(conversation.id, "Login bug")
    child = start(folder, HOLD, conversation.id)
    wait_for_line(child)
    with pytest.raises(Busy, match="Login bug") as caught:
        store.leases.acquire(conversation.id)
    assert caught.value.exit_code == 75
    assert str(child.pid) in str(caught.value)
    assert caught.value.holder is not None
    assert caught.value.holder.pid == child.pid
    holder = store.leases.holder(conversation.id)
    assert holder is not None
    assert (holder.pid, holder.reason) == (child.pid, "agent")
    tell(child)
    wait_for_line(child)
    assert store.leases.holder(conversation.id) is None
    with store.leases.acquire(conversation.id):
        pass
    kill(child)


def test_a_lease_ends_with_its_process(store: Store, folder: Path, conversation: Conversation):
    child = start(folder, HOLD, conversation.id)
    wait_for_line(child)
    kill(child)
    began = time.monotonic()
    assert store.leases.holder(conversation.id) is None
    with store.leases.acquire(conversation.id):
        assert time.monotonic() - began < 2


def test_a_lease_does_not_pass_to_the_processes_a_tool_starts(
    store: Store, folder: Path, conversation: Conversation
):
    code = """
import subprocess
store = open_store(url)
lease = store.leases.acquire(args[0])
sleeper = subprocess.Popen(["sleep", "60"])
print(sleeper.pid, flush=True)
sys.stdin.read()
"""
    child = start(folder, code, conversation.id)
    sleeper = int(wait_for_line(child))
    try:
        child.kill()
        child.wait(30)
        with store.leases.acquire(conversation.id):
            pass
    finally:
        os.kill(sleeper, 9)
        child.communicate(timeout=30)


def test_who_waits_gets_the_lease_when_it_is_released(
    store: Store, folder: Path, conversation: Conversation
):
    child = start(folder, HOLD, conversation.id)
    wait_for_line(child)
    release = threading.Timer(0.3, tell, [child])
    release.start()
    with store.leases.acquire(conversation.id, wait_seconds=20) as lease:
        assert lease.conversation_id == conversation.id
    kill(child)


def test_waiting_ends_after_the_time_given(store: Store, folder, conversation: Conversation):
    child = start(folder, HOLD, conversation.id)
    wait_for_line(child)
    began = time.monotonic()
    with pytest.raises(Busy):
        store.leases.acquire(conversation.id, wait_seconds=0.4)
    assert 0.3 < time.monotonic() - began < 5
    tell(child)
    wait_for_line(child)
    # The abandoned wait must not have kept the lock.
    with store.leases.acquire(conversation.id, wait_seconds=5):
        pass
    kill(child)


def test_a_lease_is_not_reentrant_and_release_is_idempotent(store, conversation):
    lease = store.leases.acquire(conversation.id)
    with pytest.raises(Busy):
        store.leases.acquire(conversation.id)
    lease.release()
    lease.release()
    with store.leases.acquire(conversation.id):
        pass


@pytest.mark.sqlite
def test_released_leases_leave_no_files(store: Store, folder: Path, conversation: Conversation):
    with store.leases.acquire(conversation.id):
        (file,) = (folder / "leases").iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
    assert list((folder / "leases").iterdir()) == []


def test_leases_of_two_conversations_do_not_meet(store, agent, conversation):
    other = store.conversations.create(agent.id, cwd="/", project="/")
    with store.leases.acquire(conversation.id), store.leases.acquire(other.id):
        pass


@pytest.mark.parametrize("name", ["", "../escape", "a/b", "conv\0", "ä"])
def test_a_lease_has_a_plain_name(store: Store, name: str):
    with pytest.raises(NotFound):
        store.leases.acquire(name)


def test_many_processes_take_turns_with_one_lease(store, folder, conversation):
    code = """
store = open_store(url)
for _ in range(10):
    with store.leases.acquire(args[0], wait_seconds=30):
        path = args[1]
        number = int(open(path).read())
        time.sleep(0.001)
        open(path, "w").write(str(number + 1))
"""
    counter = folder / "counter"
    counter.write_text("0")
    finish([start(folder, code, conversation.id, counter) for _ in range(4)])
    assert counter.read_text() == "40"
    assert run(folder, "print(open_store(url).leases.holder(args[0]))", conversation.id) == "None"


def test_machines_of_one_name_are_told_apart(
    store: Store, folder: Path, conversation: Conversation
):
    """Its pid is free here or another program's: only its heartbeat tells that it lives."""
    twin = """
from letta_cli.store import machine
machine.mark = lambda: "0badcafe"
store = open_store(url)
store.sessions.open(conversation_id=args[0], cwd="/a", branch="main", terminal="/dev/pts/7")
print("open", flush=True)
sys.stdin.read()
"""
    child = start(folder, twin, conversation.id)
    wait_for_line(child)
    kill(child)
    (there,) = store.sessions.live()
    assert (there.host, there.pid, there.here) == (host_name(), child.pid, False)
    assert store.sessions.forget_gone() == 0
    mine = store.sessions.open(conversation_id=conversation.id, cwd="/a", branch="", terminal="")
    assert [each.here for each in store.sessions.live()] == [False, True]
    assert store.sessions.live()[1].session_id == mine.session_id
