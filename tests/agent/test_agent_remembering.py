"""One thing is stored whole, once, and where it belongs."""

from pathlib import Path

import pytest

from letta_cli.agent.remembering import changed_lines, choose_block, remember
from letta_cli.core.errors import LimitExceeded, NotFound, UsageError
from letta_cli.core.memory import Origin
from letta_cli.store import Store, open_store

PERSON = Origin("person")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path}/agent.db")


def said(store: Store, text: str, **options):
    agent = store.agents.current()
    options = {"project": "/shop", "origin": PERSON, **options}
    return remember(store, agent.id, text, **options)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("My name is Ada and I like short answers.", "human"),
        ("I write my tests with pytest", "human"),
        ("Ada's birthday is in May", "human"),
        ("Ich trinke gern Tee", "human"),
        ("You are called Robin.", "persona"),
        ("Always answer in German", "persona"),
        ("Be brief.", "persona"),
        ("The tests run with `make check`", "project"),
        ("We deploy on Thursdays", "project"),
        ("You must run the tests with `pytest -q` before a commit", "project"),
        ("src/api/server.py holds the routes", "project"),
    ],
)
def test_the_block_is_read_from_the_words(text: str, label: str) -> None:
    assert choose_block(text)[0] == label


def test_it_is_stored_whole_as_it_was_said(store: Store) -> None:
    text = "That I like tea; not coffee!\nAnd <b>no</b> sugar: 0 g, ÄÖÜ 茶."
    done = said(store, text)
    assert done.block.label == "human" and done.block.value == text.removeprefix("That ")
    assert done.revision is not None
    assert changed_lines(done.revision)[0] == "+ I like tea; not coffee!"
    store.blocks.undo(done.block.id, origin=PERSON)
    assert said(store, "x y").block.value == "x y"


def test_what_is_known_is_not_stored_twice(store: Store) -> None:
    said(store, "I like tea. I live in Bonn.")
    for again in ("I like tea.", "i like TEA", "- I live in Bonn", "I live in Bonn. I like tea."):
        assert said(store, again).revision is None
    assert said(store, "I like tea no more.").revision is not None


def test_a_fuller_statement_takes_the_place_of_the_line_that_says_less(store: Store) -> None:
    said(store, "I like tea.")
    said(store, "I have a dog.")
    done = said(store, "I like tea. I take it black.")
    assert done.block.value == "I like tea. I take it black.\nI have a dog."
    assert list(changed_lines(done.revision)) == ["- I like tea.", "+ I like tea. I take it black."]


def test_scopes_are_respected(store: Store) -> None:
    agent = store.agents.current()
    here = said(store, "We deploy on Thursdays")
    there = said(store, "We deploy on Thursdays", project="/other")
    assert here.block.id != there.block.id and here.block.scope_key == "/shop"
    conversation = store.conversations.create(agent.id, cwd="/shop", project="/shop")
    own = store.blocks.create(
        agent.id, "plan", scope="conversation", scope_key=conversation.id, origin=PERSON
    )
    with pytest.raises(NotFound):
        said(store, "first the tests", label="plan")
    done = said(store, "first the tests", label="plan", conversation_id=conversation.id)
    assert done.block.id == own.id
    assert said(store, "human: the port is 80").block.label == "human"
    assert said(store, "TODO: the port is 80").block.value.startswith("We deploy")


def test_what_cannot_be_stored_is_refused_and_nothing_is_lost(store: Store) -> None:
    with pytest.raises(UsageError, match="nothing to remember"):
        said(store, "  ... ")
    said(store, "I like tea.")
    with pytest.raises(LimitExceeded, match="Make room"):
        said(store, "I " + "talk " * 2_000)
    human = store.blocks.find(store.agents.current().id, "human")
    assert human.value == "I like tea."
