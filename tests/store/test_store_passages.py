"""Archival memory: what is kept is found again by its words and its tags."""

from datetime import UTC, datetime

import pytest

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import LimitExceeded, NotFound, UsageError
from letta_cli.core.memory import Origin
from letta_cli.store import Store
from letta_cli.store.passages import TEXT_MAX

ME = Origin("person")


def test_a_passage_comes_back_as_it_was_kept(
    store: Store, agent: Agent, conversation: Conversation
):
    origin = Origin("reflection", conversation.id, "run-1", "from a review")
    born = datetime(2024, 5, 1, tzinfo=UTC)
    made = store.passages.insert(
        agent.id, "  the staging\0 server is walrus  ", tags=["ops", " ops ", "", "hosts"],
        origin=origin, created_at=born,
    )  # fmt: skip
    assert made.id.startswith("passage-")
    assert (made.text, made.tags) == ("the staging server is walrus", ("ops", "hosts"))
    assert store.passages.get(made.id) == made
    store.conversations.delete(conversation.id)
    assert store.passages.get(made.id).origin == origin


def test_they_are_listed_newest_first_by_page_and_by_all_of_their_tags(store: Store, agent: Agent):
    made = [
        store.passages.insert(agent.id, f"fact {n}", tags=["all", f"t{n % 2}"], origin=ME)
        for n in range(5)
    ]
    listed = store.passages.list(agent.id)
    assert listed == made[::-1]
    assert store.passages.list(agent.id, limit=2, offset=1) == listed[1:3]
    assert store.passages.list(agent.id, offset=3) == listed[3:]
    odd = store.passages.list(agent.id, tags=["all", "t1"])
    assert [each.text for each in odd] == ["fact 3", "fact 1"]
    assert store.passages.list(agent.id, tags=["none"]) == []


def test_one_is_found_by_its_id_or_the_beginning_of_it(store: Store, agent: Agent):
    made = store.passages.insert(agent.id, "a fact", tags=["t"], origin=ME)
    for which in (made.id, made.id[:16], made.id.removeprefix("passage-")[:8]):
        assert store.passages.find(agent.id, which) == made
    theirs = store.passages.insert(store.agents.create("other").id, "another", origin=ME)
    for which in ("", "passage-", "%", "passage-zz", theirs.id):
        with pytest.raises(NotFound):
            store.passages.find(agent.id, which)
    for number in range(16):
        store.passages.insert(agent.id, f"fact {number}", origin=ME)
    begins = [each.id[:9] for each in store.passages.list(agent.id)]
    twice = next(each for each in begins if begins.count(each) > 1)
    with pytest.raises(UsageError, match="Several"):
        store.passages.find(agent.id, twice)


def test_they_are_found_by_words_within_tags_and_only_by_their_agent(store: Store, agent: Agent):
    insert = store.passages.insert
    insert(agent.id, "the walrus sings", tags=["sea"], origin=ME)
    insert(agent.id, "the pelican flies", tags=["sea", "sky"], origin=ME)
    insert(store.agents.create("other").id, "their walrus", origin=ME)

    def found(words: str, **options) -> list[str]:
        return [hit.passage.text for hit in store.passages.search(agent.id, words, **options)]

    assert found("walrus") == ["the walrus sings"]
    assert found("walrus sings pelican")[0] == "the walrus sings"
    assert found("walrus pelican", tags=["sky"]) == ["the pelican flies"]
    assert found("walrus pelican", limit=1).__len__() == 1
    assert found("zebra") == found("") == found('"\0(') == []


def test_what_is_deleted_is_gone_and_what_was_never_there_is_said(store: Store, agent: Agent):
    made = store.passages.insert(agent.id, "the walrus", tags=["sea"], origin=ME)
    store.passages.delete(made.id)
    assert store.passages.search(agent.id, "walrus") == []
    for call in (store.passages.get, store.passages.delete):
        with pytest.raises(NotFound, match=made.id):
            call(made.id)
    with pytest.raises(NotFound, match="no agent"):
        store.passages.insert("agent-x", "text", origin=ME)


def test_an_empty_and_an_endless_text_are_refused(store: Store, agent: Agent):
    with pytest.raises(UsageError):
        store.passages.insert(agent.id, " \n", origin=ME)
    with pytest.raises(LimitExceeded, match="several pieces"):
        store.passages.insert(agent.id, "x" * (TEXT_MAX + 1), origin=ME)
    assert store.passages.list(agent.id) == []


def test_they_go_with_their_agent(store: Store, agent: Agent):
    other = store.agents.create("other")
    made = store.passages.insert(other.id, "the walrus", tags=["sea"], origin=ME)
    store.agents.delete(other.id)
    with pytest.raises(NotFound):
        store.passages.get(made.id)
