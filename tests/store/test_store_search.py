import random

import pytest

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.message import Role, Text, ToolCall, ToolReturn
from letta_cli.store import Store


def say(store: Store, conversation: Conversation, *texts: str, role: Role = "user") -> None:
    for text in texts:
        store.messages.append(conversation.id, role, [Text(text)])


def found(store: Store, agent: Agent, query: str, **options) -> list[str]:
    return [hit.snippet for hit in store.search.messages(agent.id, query, **options)]


def test_finds_over_all_conversations_of_the_agent_and_cites(
    store: Store, agent: Agent, conversation: Conversation
):
    other = store.conversations.create(agent.id, cwd="/o", project="/o", title="Shop")
    say(store, conversation, "we deploy with terraform")
    say(store, other, "nothing here", "the terraform state is broken")
    hits = store.search.messages(agent.id, "terraform state")
    assert [hit.citation for hit in hits] == [f"{other.id}:2", f"{conversation.id}:1"]
    best = hits[0]
    assert (best.title, best.role, best.seq) == ("Shop", "user", 2)
    assert best.score > hits[1].score
    conversation_id, _, seq = best.citation.rpartition(":")
    (message,) = store.messages.read(conversation_id, start=int(seq), end=int(seq))
    assert message.text == "the terraform state is broken"


def test_does_not_find_what_another_agent_said(store: Store, agent: Agent):
    other = store.agents.create("other")
    say(store, store.conversations.default(other.id), "the terraform state")
    assert found(store, agent, "terraform") == []


def test_words_are_found_in_other_forms(store: Store, agent: Agent, conversation: Conversation):
    say(store, conversation, "The tests were failing after migrations")
    assert found(store, agent, "failed migration test")


def test_stop_words_alone_do_not_flood_the_answer(store, agent, conversation):
    say(store, conversation, "what is the plan", "deploy on friday")
    assert found(store, agent, "when is the deploy") == ["deploy on friday"]
    assert found(store, agent, "what is the") == ["what is the plan"]


def test_tool_calls_and_returns_are_found_reasoning_and_notices_are_not(
    store: Store, agent: Agent, conversation: Conversation
):
    append = store.messages.append
    append(conversation.id, "assistant", [ToolCall("c1", "Bash", {"command": "pytest -k walrus"})])
    append(conversation.id, "tool", [ToolReturn("c1", "Bash", "ok", "3 pelicans passed")])
    append(conversation.id, "notice", [Text("zebra")])
    append(conversation.id, "summary", [Text("zebra")])
    assert found(store, agent, "walrus") == ["Bash command: pytest -k walrus"]
    assert found(store, agent, "pelicans") == ["3 pelicans passed"]
    assert len(found(store, agent, "bash")) == 2
    assert found(store, agent, "zebra") == []


def test_filters_by_conversation_role_and_limit(store, agent, conversation):
    other = store.conversations.create(agent.id, cwd="/o", project="/o")
    say(store, conversation, "apple pie", "apple tart")
    say(store, conversation, "apple cake", role="assistant")
    say(store, other, "apple juice")
    assert len(found(store, agent, "apple")) == 4
    assert len(found(store, agent, "apple", limit=2)) == 2
    assert found(store, agent, "apple", limit=0) == []
    assert found(store, agent, "apple", role="assistant") == ["apple cake"]
    assert found(store, agent, "apple", conversation_id=other.id) == ["apple juice"]


GARBAGE = [
    "", " ", '"', "'", "*", "AND OR NOT", "NEAR(a b)", "body:apple", "(((", "a\0b", "\ud800",
    "apple*", "-apple", "apple AND", '"unclosed', "{}[]^:;", "%s ? :x", "😀", "__", "x" * 10_000,
    "apple " * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("query", GARBAGE, ids=range(len(GARBAGE)))
def test_any_text_is_a_valid_query(store, agent, conversation, query: str):
    say(store, conversation, "apple body near")
    assert isinstance(store.search.messages(agent.id, query), list)


def test_random_text_is_a_valid_query(store: Store, agent: Agent, conversation: Conversation):
    say(store, conversation, "apple")
    dice = random.Random(7)
    for _ in range(200):
        query = "".join(chr(dice.choice([34, 39, 40, 42, 58, 94, 97, 45, 32, 65, 0x300, 0xD801]))
                        for _ in range(dice.randint(1, 12)))  # fmt: skip
        store.search.messages(agent.id, query)


def test_snippet_shows_the_place_in_a_long_message(store, agent, conversation):
    text = (
        "filler words go here. " * 200
        + "The password of the\nstaging server rotates. "
        + "z " * 900
    )
    say(store, conversation, text)
    (snippet,) = found(store, agent, "staging rotation")
    assert "staging server rotates" in snippet
    assert len(snippet) <= 242
    assert "\n" not in snippet


def test_the_end_of_a_long_tool_output_is_found(store, agent, conversation):
    output = "\n".join(f"line {number}" for number in range(20_000)) + "\nFAILED test_walrus"
    store.messages.append(conversation.id, "tool", [ToolReturn("c", "Bash", "error", output)])
    (snippet,) = found(store, agent, "walrus")
    assert "FAILED test_walrus" in snippet


def test_forked_messages_are_found_once_where_they_were_said_first(
    store: Store, agent: Agent, conversation: Conversation
):
    say(store, conversation, "the walrus sings")
    fork = store.conversations.fork(conversation.id)
    say(store, fork, "the walrus dances")
    hits = store.search.messages(agent.id, "walrus")
    assert {hit.citation for hit in hits} == {f"{conversation.id}:1", f"{fork.id}:2"}
    inside = store.search.messages(agent.id, "walrus", conversation_id=fork.id)
    assert {hit.citation for hit in inside} == {f"{fork.id}:1", f"{fork.id}:2"}


def test_a_fork_keeps_its_words_when_the_origin_is_deleted(
    store: Store, agent: Agent, conversation: Conversation
):
    say(store, conversation, "the walrus sings")
    fork = store.conversations.fork(conversation.id)
    store.conversations.delete(conversation.id)
    assert [hit.citation for hit in store.search.messages(agent.id, "walrus")] == [f"{fork.id}:1"]
    store.conversations.delete(fork.id)
    assert store.search.messages(agent.id, "walrus") == []


def test_a_refused_append_leaves_nothing_in_the_index(store, agent, conversation):
    with pytest.raises(Exception, match="went on elsewhere"):
        store.messages.append(conversation.id, "user", [Text("walrus")], expected_head=5)
    assert found(store, agent, "walrus") == []


def test_what_another_agent_said_often_does_not_hide_our_own(
    store: Store, agent: Agent, conversation: Conversation
):
    other = store.agents.create("other")
    theirs = store.conversations.default(other.id)
    with store._database.transaction():
        say(store, theirs, *["walrus"] * 450)
    say(store, conversation, "once, in a much longer sentence than theirs, there was a walrus")
    assert len(found(store, agent, "walrus")) == 1


def test_common_words_give_way_to_rare_ones_in_a_large_store(
    store: Store, agent: Agent, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("letta_cli.store.search._POSTINGS", 10)
    other = store.conversations.create(agent.id, cwd="/o", project="/o")
    say(store, other, "zebra walrus")
    say(store, conversation, *["walrus"] * 20, "pelican")
    best = found(store, agent, "walrus zebra pelican")
    assert {"pelican", "zebra walrus"} < set(best)
    # The walruses beside the pelican are found as its neighbours, the others not at all.
    assert len(best) == 4
    assert len(found(store, agent, "walrus", limit=30)) == 21
