"""What the store's tests share: a store in a fresh folder, and one conversation in it."""

from pathlib import Path

import pytest
from store_children import url_of

from letta_cli.core.agent import Agent, Conversation
from letta_cli.store import Store, open_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(folder: Path):
    store = open_store(url_of(folder))
    yield store
    store.close()


@pytest.fixture
def agent(store: Store) -> Agent:
    return store.agents.current()


@pytest.fixture
def conversation(store: Store, agent: Agent) -> Conversation:
    return store.conversations.create(agent.id, cwd="/work/shop", project="/work/shop")
