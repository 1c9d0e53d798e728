"""What reflections have read, drafts of skills, and how skills did; on both drivers."""

import pytest

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import Busy, NotFound
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text, ToolCall
from letta_cli.core.reflection import Slice
from letta_cli.core.run import Usage
from letta_cli.store import Store


def talk(store: Store, conversation: Conversation, *words: str) -> None:
    """One finished run for each of `words`."""
    for said in words:
        run, _ = store.runs.start(conversation.id, "m", [Text(said)], expected_head=None)
        store.runs.add_reply(run.id, [Text(f"heard {said}")], Usage(), expected_head=None)
        store.runs.finish(run.id, "end_turn")


def new(store: Store, agent: Agent, kind: str = "chat") -> Conversation:
    return store.conversations.create(agent.id, cwd="/p", project="/p", kind=kind)  # type: ignore[arg-type]


def unread(store: Store, agent: Agent) -> list[tuple[str, int, int]]:
    found = store.reflections.unread(agent.id)
    return [(each.conversation_id, each.first, each.last) for each in found]


def test_what_was_read_is_read_with_the_end_of_the_reflection_and_not_before(
    store: Store, agent: Agent, conversation: Conversation
):
    talk(store, conversation, "one", "two")
    own = new(store, agent, "reflection")
    begun = store.reflections.begin(agent.id, own.id, "person", [Slice(conversation.id, 1, 4)])
    assert unread(store, agent) == [(conversation.id, 1, 4)]
    store.reflections.fail(begun.id, "the network is down")
    assert unread(store, agent) == [(conversation.id, 1, 4)]
    assert store.reflections.unread_runs(agent.id) == 2
    again = store.reflections.resume(begun.id)
    assert (again.tries, again.state, again.error) == (2, "open", "")
    done = store.reflections.finish(begun.id)
    assert done.state == "done" and unread(store, agent) == []
    assert store.reflections.unread_runs(agent.id) == 0
    talk(store, conversation, "three")
    assert unread(store, agent) == [(conversation.id, 5, 6)]
    assert store.reflections.unread_runs(agent.id) == 1


def test_a_cursor_never_goes_back(store: Store, agent: Agent, conversation: Conversation):
    talk(store, conversation, "one", "two")
    own = new(store, agent, "reflection")
    early = store.reflections.begin(agent.id, own.id, "person", [Slice(conversation.id, 1, 2)])
    late = store.reflections.begin(agent.id, own.id, "person", [Slice(conversation.id, 1, 4)])
    store.reflections.finish(late.id)
    store.reflections.finish(early.id)
    assert unread(store, agent) == []


def test_own_conversations_and_what_a_fork_took_over_are_not_read_twice(
    store: Store, agent: Agent, conversation: Conversation
):
    talk(store, conversation, "one")
    talk(store, new(store, agent, "reflection"), "thinking")
    fork = store.conversations.fork(conversation.id)
    assert unread(store, agent) == [(conversation.id, 1, 2)]
    talk(store, fork, "two")
    assert (fork.id, 3, 4) in unread(store, agent)
    store.conversations.delete(conversation.id)
    assert unread(store, agent) == [(fork.id, 1, 4)], "nobody else has them any more"


def test_a_run_that_goes_on_is_left_for_later_and_a_dead_one_is_read(
    store: Store, agent: Agent, conversation: Conversation
):
    talk(store, conversation, "one")
    store.runs.start(conversation.id, "m", [Text("two")], expected_head=None)
    assert unread(store, agent) == [(conversation.id, 1, 3)]
    with store.leases.acquire(conversation.id):
        assert unread(store, agent) == [(conversation.id, 1, 2)]


def test_one_process_reflects_for_an_agent_at_a_time(store: Store, agent: Agent):
    other = store.agents.create("Berta")
    with store.reflections.alone(agent.id):
        assert store.reflections.is_going_on(agent.id)
        with pytest.raises(Busy, match="reflects already"):
            store.reflections.alone(agent.id)
        store.reflections.alone(other.id).release()
    store.reflections.alone(agent.id).release()
    assert not store.reflections.is_going_on(agent.id)


def test_how_a_reflection_ended_is_told_once(store: Store, agent: Agent):
    own = new(store, agent, "reflection")
    begun = store.reflections.begin(agent.id, own.id, "turns", [])
    assert store.reflections.take_untold(agent.id) == []
    store.reflections.finish(begun.id)
    store.reflections.refused(agent.id, "idle", "no key")
    assert [each.error for each in store.reflections.take_untold(agent.id)] == ["", "no key"]
    assert store.reflections.take_untold(agent.id) == []
    assert store.reflections.unfinished(agent.id) is None, "what never began cannot go on"


def test_the_edits_of_a_reflection_are_those_of_its_conversation(store: Store, agent: Agent):
    own = new(store, agent, "reflection")
    begun = store.reflections.begin(agent.id, own.id, "person", [])
    human = store.blocks.find(agent.id, "human")
    store.blocks.insert(human.id, "by hand", origin=Origin("person"))
    store.blocks.insert(human.id, "likes tea", origin=Origin("reflection", own.id, "run-1"))
    store.passages.insert(agent.id, "a long story", origin=Origin("reflection", own.id))
    assert [each.after for each in store.reflections.edits(begun)] == ["by hand\nlikes tea"]
    assert [each.text for each in store.reflections.passages(begun)] == ["a long story"]


def test_own_conversations_are_neither_listed_nor_continued_nor_found(
    store: Store, agent: Agent, conversation: Conversation
):
    talk(store, conversation, "the walrus")
    own = new(store, agent, "reflection")
    talk(store, own, "on the walrus")
    conversations = store.conversations
    assert [each.id for each in conversations.list(agent.id)] == [conversation.id]
    assert {each.id for each in conversations.list(agent.id, kind=None)} == {
        conversation.id, own.id,
    }  # fmt: skip
    latest = conversations.latest(agent.id, "/p")
    assert latest is None or latest.id != own.id
    hits = store.search.messages(agent.id, "walrus")
    assert {hit.conversation_id for hit in hits} == {conversation.id}
    with store.database.transaction():
        store.indexing.queue_everything()
    while store.indexing.catch_up():
        pass
    hits = store.search.messages(agent.id, "walrus")
    assert {hit.conversation_id for hit in hits} == {conversation.id}, "nor after a new index"
    assert conversations.get(own.id).kind == "reflection"


def test_a_draft_that_was_improved_takes_the_place_of_the_first(store: Store, agent: Agent):
    store.skill_drafts.add(agent.id, "tie-a-knot", "one", conversation_id="conv-1")
    better = store.skill_drafts.add(agent.id, "tie-a-knot", "two", conversation_id="conv-1")
    assert [each.text for each in store.skill_drafts.list(agent.id)] == ["two"]
    store.skill_drafts.decide(better.id, "accepted", path="/x", replaced="zero")
    found = store.skill_drafts.find(agent.id, "tie-a-knot")
    assert (found.state, found.path, found.replaced) == ("accepted", "/x", "zero")
    assert store.skill_drafts.list(agent.id) == []
    with pytest.raises(NotFound):
        store.skill_drafts.find(agent.id, "sail")


def test_a_skill_counts_once_a_run_and_by_the_end_of_the_run(store: Store, agent: Agent):
    for run_id, outcome in (("run-1", "worked"), ("run-2", "failed"), ("run-3", "unknown")):
        store.skill_uses.add(agent.id, "tie-a-knot", run_id=run_id)
        store.skill_uses.add(agent.id, "tie-a-knot", run_id=run_id)
        store.skill_uses.settle(run_id, outcome)  # type: ignore[arg-type]
    score = store.skill_uses.scores(agent.id)["tie-a-knot"]
    assert (score.uses, score.worked, score.failed) == (3, 1, 1)
    assert score.last_used is not None


def test_what_is_deleted_takes_its_cursor_along(
    store: Store, agent: Agent, conversation: Conversation
):
    talk(store, conversation, "one")
    own = new(store, agent, "reflection")
    begun = store.reflections.begin(agent.id, own.id, "person", [Slice(conversation.id, 1, 2)])
    store.conversations.delete(conversation.id)
    assert store.reflections.finish(begun.id).state == "done"
    store.conversations.delete(own.id)
    with pytest.raises(NotFound):
        store.reflections.get(begun.id)


def test_calls_of_an_open_run_are_settled_before_they_are_read(
    store: Store, agent: Agent, conversation: Conversation
):
    run, _ = store.runs.start(conversation.id, "m", [Text("go")], expected_head=None)
    store.runs.add_reply(run.id, [ToolCall("c", "Bash", {})], Usage(), expected_head=None)
    store.runs.recover(conversation.id)
    assert unread(store, agent) == [(conversation.id, 1, 4)]
