"""Blocks that several agents see, and blocks that only one conversation sees."""

import pytest

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import Conflict, NotFound, UsageError
from letta_cli.core.memory import Origin
from letta_cli.store import Store

PERSON = Origin("person")


@pytest.fixture
def other(store: Store) -> Agent:
    return store.agents.create("other")


def talk(store: Store, agent: Agent, project: str = "/p") -> Conversation:
    return store.conversations.create(agent.id, cwd=project, project=project)


def texts(store: Store, conversation: Conversation) -> dict[str, str]:
    return {block.label: block.value for block in store.blocks.visible(conversation)}


def test_an_attached_block_is_one_block_for_both_agents(store: Store, agent: Agent, other: Agent):
    block = store.blocks.create(agent.id, "rules", value="one", origin=PERSON)
    store.sharing.attach(block.id, other.id, origin=PERSON)
    theirs = talk(store, other)
    assert texts(store, theirs)["rules"] == "one"
    assert store.blocks.find(other.id, "rules").id == block.id
    store.blocks.insert(block.id, "two", origin=Origin("model", theirs.id))
    assert texts(store, talk(store, agent))["rules"] == "one\ntwo"
    notes = [revision.origin.note for revision in store.blocks.since(block.id, 0)]
    assert notes == ["", 'attached to "other"', ""]


def test_attaching_keeps_a_label_unique_for_everybody(store: Store, agent: Agent, other: Agent):
    block = store.blocks.create(agent.id, "rules", value="mine", origin=PERSON)
    theirs = store.blocks.create(other.id, "rules", value="theirs", origin=PERSON)
    with pytest.raises(Conflict) as caught:
        store.sharing.attach(block.id, other.id, origin=PERSON)
    assert caught.value.current == "theirs"
    store.blocks.rename(theirs.id, "own", origin=PERSON)
    store.sharing.attach(block.id, other.id, origin=PERSON)
    with pytest.raises(Conflict):
        store.blocks.create(other.id, "rules", origin=PERSON)
    with pytest.raises(Conflict):
        store.blocks.rename(block.id, "own", origin=PERSON)
    with pytest.raises(Conflict):
        store.sharing.attach(block.id, other.id, origin=PERSON)


def test_a_block_of_a_project_or_conversation_cannot_be_attached(store, agent, other):
    block = store.blocks.ensure_project(agent.id, "/p")
    with pytest.raises(UsageError):
        store.sharing.attach(block.id, other.id, origin=PERSON)
    with pytest.raises(NotFound):
        store.sharing.detach(block.id, other.id, origin=PERSON)


def test_a_detached_block_stays_with_others_and_comes_back(store: Store, agent, other):
    block = store.blocks.create(agent.id, "rules", value="one", origin=PERSON)
    store.sharing.attach(block.id, other.id, origin=PERSON)
    mine, theirs = talk(store, agent), talk(store, other)
    store.sharing.detach(block.id, agent.id, origin=PERSON)
    assert "rules" not in texts(store, mine)
    assert texts(store, theirs)["rules"] == "one"
    assert [each.id for each in store.sharing.detached(agent.id)] == [block.id]
    assert "rules" not in {each.label for each in store.blocks.list(agent.id)}
    # Its place is free, and then it cannot come back under this name.
    new = store.blocks.create(agent.id, "rules", value="new", origin=PERSON)
    with pytest.raises(Conflict):
        store.sharing.attach(block.id, agent.id, origin=PERSON)
    store.blocks.delete(new.id, origin=PERSON)
    store.sharing.attach(block.id, agent.id, origin=PERSON)
    assert texts(store, mine)["rules"] == "one"
    store.sharing.detach(block.id, other.id, origin=PERSON)
    assert "rules" not in texts(store, theirs)


def test_a_deleted_block_is_gone_for_all_and_comes_back_for_all(store: Store, agent, other):
    block = store.blocks.create(agent.id, "rules", value="one", origin=PERSON)
    store.sharing.attach(block.id, other.id, origin=PERSON)
    store.blocks.delete(block.id, origin=PERSON)
    assert "rules" not in texts(store, talk(store, other))
    store.blocks.restore(block.id, origin=PERSON)
    assert texts(store, talk(store, other))["rules"] == "one"


def test_an_agent_that_is_removed_leaves_shared_blocks_to_the_others(store: Store, agent, other):
    store.agents.use(agent.id)
    shared = store.blocks.create(other.id, "rules", value="kept", origin=PERSON)
    store.sharing.attach(shared.id, agent.id, origin=PERSON)
    store.blocks.create(other.id, "own", value="gone", origin=PERSON)
    store.agents.delete(other.id)
    found = store.blocks.find(agent.id, "rules")
    assert (found.id, found.agent_id, found.value) == (shared.id, agent.id, "kept")
    assert len(store.blocks.since(shared.id, 0)) == 2
    with pytest.raises(NotFound):
        store.blocks.find(agent.id, "own")


def test_an_isolated_copy_takes_the_place_of_the_shared_block(store: Store, agent: Agent):
    human = store.blocks.find(agent.id, "human")
    store.blocks.insert(human.id, "Ada", origin=PERSON)
    apart, beside = talk(store, agent), talk(store, agent)
    copy = store.sharing.isolate(human.id, apart.id, origin=PERSON)
    store.blocks.insert(copy.id, "secretly Bo", origin=PERSON)
    assert texts(store, apart)["human"] == "Ada\nsecretly Bo"
    assert [block.label for block in store.blocks.visible(apart)].count("human") == 1
    store.blocks.insert(human.id, "likes tea", origin=PERSON)
    assert texts(store, beside)["human"] == "Ada\nlikes tea"
    assert texts(store, apart)["human"] == "Ada\nsecretly Bo"
    with pytest.raises(Conflict):
        store.sharing.isolate(human.id, apart.id, origin=PERSON)
    store.blocks.delete(copy.id, origin=PERSON)
    assert texts(store, apart)["human"] == "Ada\nlikes tea"


def test_a_fork_keeps_isolation_with_a_copy_of_its_own(store: Store, agent: Agent):
    human = store.blocks.find(agent.id, "human")
    apart = talk(store, agent)
    copy = store.sharing.isolate(human.id, apart.id, origin=PERSON)
    store.blocks.insert(copy.id, "Bo", origin=PERSON)
    seen = {block.id: block.version for block in store.blocks.visible(apart)}
    store.conversations.set_prompt(apart.id, "prompt", seen)
    fork = store.conversations.fork(apart.id)
    assert texts(store, fork)["human"] == "Bo"
    # What the source had seen the fork has seen: nothing is told twice.
    assert store.blocks.changed(fork) == []
    [own] = [block for block in store.blocks.visible(fork) if block.label == "human"]
    store.blocks.insert(own.id, "Cleo", origin=PERSON)
    assert texts(store, apart)["human"] == "Bo"
    assert [block.id for block in store.blocks.changed(store.conversations.get(fork.id))] == [
        own.id
    ]
    store.conversations.delete(apart.id)
    assert texts(store, fork)["human"] == "Bo\nCleo"


def test_what_is_seen_no_more_is_among_the_changes_once(store: Store, agent: Agent, other: Agent):
    block = store.blocks.create(agent.id, "rules", value="one", origin=PERSON)
    store.sharing.attach(block.id, other.id, origin=PERSON)
    theirs = talk(store, other)
    seen = {each.id: each.version for each in store.blocks.visible(theirs)}
    store.conversations.set_prompt(theirs.id, "prompt", seen)
    theirs = store.conversations.get(theirs.id)
    assert store.blocks.changed(theirs) == []
    store.sharing.detach(block.id, other.id, origin=PERSON)
    [gone] = store.blocks.changed(theirs)
    assert (gone.label, gone.detached, gone.deleted) == ("rules", True, False)
    store.conversations.set_prompt(theirs.id, "prompt", {**seen, block.id: -gone.version})
    assert store.blocks.changed(store.conversations.get(theirs.id)) == []
