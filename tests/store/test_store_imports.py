"""Conversations from elsewhere are stored whole, once, and continued when they grew."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from letta_cli.core.agent import Agent
from letta_cli.core.errors import Busy
from letta_cli.core.message import Text
from letta_cli.store import Store
from letta_cli.store.imports import Brought, Heading, Imported, Incoming

BEGAN = datetime(2026, 3, 4, tzinfo=UTC)


def take(
    store: Store, agent: Agent, texts: Sequence[str], *, settled: int | None = None
) -> Brought:
    """Bring in a history that consists of these texts."""

    def messages(start: int) -> Iterator[Incoming]:
        for number, text in enumerate(texts[start:], start=start):
            yield Incoming("user", (Text(text),), BEGAN + timedelta(minutes=number))

    def beginning(count: int) -> str:
        return "|".join(texts[:count]) if count <= len(texts) else ""

    count = len(texts) if settled is None else settled
    new = Imported(
        "pi", "one", "/x.jsonl", 1, 2**60, "", len(texts), count, beginning(count),
        beginning(len(texts)),
    )  # fmt: skip
    heading = Heading("A title", "/srv", "/srv", BEGAN, (0, 1))
    return store.imports.take(agent.id, new, heading, messages, beginning)


def texts_of(store: Store, conversation_id: str) -> list[str]:
    return [each.text for each in store.messages.read(conversation_id)]


def test_what_is_new_comes_in_with_its_dates(store: Store, agent: Agent) -> None:
    brought = take(store, agent, ["a", "b"])
    conversation = store.conversations.get(brought.conversation_id)
    assert (brought.outcome, brought.added, conversation.title) == ("new", 2, "A title")
    assert conversation.created_at == BEGAN
    assert conversation.updated_at == BEGAN + timedelta(minutes=1)
    assert store.imports.origins(agent.id) == {conversation.id: "pi"}
    known = store.imports.at_path(agent.id, "pi", "/x.jsonl")
    assert known is not None
    assert known.modified_ns == 2**60


def test_only_what_is_more_than_last_time_is_added(store: Store, agent: Agent) -> None:
    first = take(store, agent, ["a", "b"])
    assert take(store, agent, ["a", "b"]).outcome == "unchanged"
    second = take(store, agent, ["a", "b", "c"])
    assert (second.outcome, second.added) == ("continued", 1)
    assert texts_of(store, first.conversation_id) == ["a", "b", "c"]


def test_another_end_takes_the_place_of_the_first_under_the_same_id(
    store: Store, agent: Agent
) -> None:
    first = take(store, agent, ["a", "open"], settled=1)
    store.conversations.archive(first.conversation_id, True)
    second = take(store, agent, ["a", "closed", "c"])
    assert (second.outcome, second.conversation_id) == ("rewritten", first.conversation_id)
    assert texts_of(store, first.conversation_id) == ["a", "closed", "c"]
    assert store.conversations.get(first.conversation_id).archived
    assert store.search.messages(agent.id, "open") == []


def test_a_conversation_that_is_in_use_is_left_for_the_next_time(
    store: Store, agent: Agent
) -> None:
    first = take(store, agent, ["a"])
    with store.leases.acquire(first.conversation_id), pytest.raises(Busy):
        take(store, agent, ["a", "b"])
    assert texts_of(store, first.conversation_id) == ["a"]
    assert take(store, agent, ["a", "b"]).outcome == "continued"


def test_what_is_new_is_indexed_after_it_was_stored(store: Store, agent: Agent) -> None:
    brought = take(store, agent, ["the heron", "the ocelot"])
    assert store.search.waiting() == 1
    (hit,) = store.search.messages(agent.id, "ocelot")
    assert hit.citation == f"{brought.conversation_id}:2"
    take(store, agent, ["the heron", "the ocelot", "the walrus"])
    while store.indexing.catch_up():
        pass
    assert store.search.waiting() == 0
    assert [each.seq for each in store.search.messages(agent.id, "walrus")] == [3]
    assert len(store.search.messages(agent.id, "heron")) == 1


def test_a_failure_on_the_way_leaves_nothing(store: Store, agent: Agent) -> None:
    def messages(start: int) -> Iterator[Incoming]:
        yield Incoming("user", (Text("a"),), BEGAN)
        raise OSError("the disk is gone")

    new = Imported("pi", "one", "/x.jsonl", 1, 1, "", 2, 2, "x", "x")
    with pytest.raises(OSError, match="the disk is gone"):
        store.imports.take(agent.id, new, Heading("", "", "", BEGAN), messages, str)
    assert store.conversations.list(agent.id) == []
    assert store.imports.find(agent.id, "pi", "one") is None
