"""Who waits for whom: writers of different things need not, and nothing is lost by it."""

from itertools import pairwise
from pathlib import Path

import pytest
from store_children import finish, kill, start, url_of, wait_for_line

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import Busy, LimitExceeded
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text
from letta_cli.store import Store, open_store

HOLD_ONE = """
store = open_store(url, reason="agent chat")
with store.database.transaction(only=args[0]):
    store.conversations.rename(args[0], "held")
    print("inside", flush=True)
    sys.stdin.readline()
print("done", flush=True)
sys.stdin.read()
"""

EVERYTHING_AT_ONCE = """
import random
agent, name, *rest = args
conversations, blocks = rest[:3], rest[3:]
dice = random.Random(name)
store = open_store(url)
said = kept = 0
for number in range(40):
    word = f"{name}w{number}"
    match dice.randrange(8):
        case 0:
            store.conversations.create(agent, cwd="/" + word, project="/")
        case 1:
            store.blocks.create(agent, word, value=word, origin=Origin("model"))
        case 2:
            store.passages.insert(agent, word, origin=Origin("model"))
        case 3 | 4:
            store.blocks.insert(dice.choice(blocks), word, origin=Origin("model"))
            kept += 1
        case 5:
            store.messages.extend(
                dice.choice(conversations), [("user", [Text(word)]), ("assistant", [Text("ok")])]
            )
            said += 1
        case _:
            store.messages.append(dice.choice(conversations), "user", [Text(word)])
            said += 1
print(said, kept)
"""


def test_a_transaction_about_one_conversation_writes_no_other(
    store: Store, agent: Agent, conversation: Conversation
):
    other = store.conversations.default(agent.id)
    with store.database.transaction(only=conversation.id):
        store.messages.append(conversation.id, "user", [Text("mine")])
        with pytest.raises(RuntimeError, match=conversation.id):
            store.messages.append(other.id, "user", [Text("another's")])
        with pytest.raises(RuntimeError, match="everything"):
            store.agents.update(agent.id, system="all")
    with store.database.transaction():
        store.messages.append(conversation.id, "user", [Text("again")])
        store.messages.append(other.id, "user", [Text("in a wider one")])
    assert [m.text for m in store.messages.read(conversation.id)] == ["mine", "again"]
    assert [m.text for m in store.messages.read(other.id)] == ["in a wider one"]


@pytest.mark.postgres
def test_a_slow_writer_keeps_only_those_of_its_own_conversation(
    store: Store, folder: Path, agent: Agent, conversation: Conversation
):
    child = start(folder, HOLD_ONE, conversation.id)
    wait_for_line(child)
    hasty = open_store(url_of(folder), lock_wait_seconds=0.3)
    other = hasty.conversations.create(agent.id, cwd="/a", project="/a")
    hasty.messages.append(other.id, "user", [Text("no need to wait")])
    hasty.blocks.insert(hasty.blocks.find(agent.id, "human").id, "x", origin=Origin("model"))
    with pytest.raises(Busy, match=rf"agent chat \(pid {child.pid}\b"):
        hasty.messages.append(conversation.id, "user", [Text("too early")])
    # What may touch everything waits for everybody.
    with pytest.raises(Busy, match=rf"agent chat \(pid {child.pid}\b"):
        hasty.agents.update(agent.id, system="all")
    child.stdin.write("go\n")
    child.stdin.flush()
    wait_for_line(child)
    hasty.agents.update(agent.id, system="all")
    hasty.messages.append(conversation.id, "user", [Text("in turn")])
    assert [m.text for m in hasty.messages.read(conversation.id)] == ["in turn"]
    hasty.close()
    kill(child)


def test_what_many_processes_write_at_once_is_all_there_and_in_order(
    store: Store, folder: Path, agent: Agent
):
    made = [store.conversations.create(agent.id, cwd="/a", project="/a") for _ in range(3)]
    blocks = [
        store.blocks.create(agent.id, label, limit=100_000, origin=Origin("person"))
        for label in ("one", "two")
    ]
    ids = [each.id for each in (*made, *blocks)]
    done = finish([start(folder, EVERYTHING_AT_ONCE, agent.id, name, *ids) for name in "abcdef"])
    said, kept = (sum(map(int, each)) for each in zip(*map(str.split, done), strict=True))
    words: list[str] = []
    for conversation in made:
        messages = store.messages.read(conversation.id)
        assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
        words += [message.text for message in messages if message.role == "user"]
    assert len(words) == len(set(words)) == said
    assert all(len(store.search.messages(agent.id, word)) == 1 for word in words[::7])
    lines: list[str] = []
    for block in blocks:
        revisions = store.blocks.since(block.id, 0)
        assert [each.version for each in revisions] == list(range(1, len(revisions) + 1))
        assert all(later.before == earlier.after for earlier, later in pairwise(revisions))
        assert revisions[-1].after == store.blocks.find(agent.id, block.label).value
        lines += revisions[-1].after.split("\n")
    assert len(lines) == len(set(lines)) == kept


def test_a_transaction_that_fails_late_keeps_nothing_of_what_was_on_its_way(
    store: Store, agent: Agent, conversation: Conversation
):
    small = store.blocks.create(agent.id, "small", limit=5, origin=Origin("person"))
    with pytest.raises(LimitExceeded), store.database.transaction():
        store.conversations.rename(conversation.id, "half")
        store.database.execute("UPDATE agent SET system = 'half' WHERE id = ?", agent.id)
        store.blocks.insert(small.id, "too long for it", origin=Origin("model"))
    assert store.conversations.get(conversation.id).title == ""
    assert store.agents.get(agent.id).system == agent.system
    store.conversations.rename(conversation.id, "whole")
    assert store.conversations.get(conversation.id).title == "whole"
