import pytest

from letta_cli.core.errors import Conflict, NotFound, UsageError
from letta_cli.store import Store


def test_new_agent_has_a_default_conversation_and_two_empty_blocks(store: Store):
    agent = store.agents.create("reviewer", model="anthropic/some-model", system="Be brief.")
    default = store.conversations.default(agent.id)
    assert default.is_default
    assert default.head == 0
    blocks = store.blocks.visible(default)
    assert [(block.label, block.value, block.version) for block in blocks] == [
        ("persona", "", 1),
        ("human", "", 1),
    ]
    assert store.agents.get(agent.id) == agent


def test_current_makes_one_agent_and_keeps_it(store: Store):
    first = store.agents.current()
    assert first.name == "agent"
    assert store.agents.current() == first
    assert store.agents.list() == [first]


def test_use_changes_the_agent_in_use(store: Store):
    store.agents.current()
    other = store.agents.create("other")
    store.agents.use(other.id)
    assert store.agents.current() == other


def test_use_of_an_unknown_agent_changes_nothing(store: Store):
    current = store.agents.current()
    with pytest.raises(NotFound):
        store.agents.use("agent-nobody")
    assert store.agents.current() == current


def test_current_takes_an_agent_that_is_there_before_making_one(store: Store):
    made = store.agents.create("mine")
    assert store.agents.current() == made


def test_find_by_id_name_and_case(store: Store):
    agent = store.agents.create("Ada")
    assert store.agents.find(agent.id) == agent
    assert store.agents.find("Ada") == agent
    assert store.agents.find("ada") == agent


def test_find_lists_the_names_there_are(store: Store):
    store.agents.create("Ada")
    store.agents.create("Grace")
    with pytest.raises(NotFound, match="Ada, Grace"):
        store.agents.find("Linus")


def test_a_name_is_given_once(store: Store):
    store.agents.create("Ada")
    other = store.agents.create("Grace")
    with pytest.raises(Conflict, match="Ada"):
        store.agents.create("  Ada ")
    with pytest.raises(Conflict):
        store.agents.update(other.id, name="Ada")
    assert [agent.name for agent in store.agents.list()] == ["Ada", "Grace"]


def test_an_empty_name_is_refused(store: Store):
    with pytest.raises(UsageError):
        store.agents.create(" \n ")


def test_update_changes_only_what_is_given(store: Store):
    agent = store.agents.create("Ada", model="a/b", system="S")
    renamed = store.agents.update(agent.id, name="Countess")
    assert (renamed.name, renamed.model, renamed.system) == ("Countess", "a/b", "S")
    cleared = store.agents.update(agent.id, model="", system="")
    assert (cleared.name, cleared.model, cleared.system) == ("Countess", "", "")
