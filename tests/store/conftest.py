"""What the store's tests share: a store in a fresh folder, and one conversation in it."""

import shutil
from pathlib import Path

import pytest
from store_children import url_of

from letta_cli.core.agent import Agent, Conversation
from letta_cli.store import Store, open_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once and copied for each test, which saves most of the waiting for the disk."""
    folder = tmp_path_factory.mktemp("empty")
    open_store(url_of(folder)).close()
    return folder / "agent.db"


@pytest.fixture
def store(folder: Path, empty_database: Path):
    folder.mkdir(mode=0o700)
    shutil.copy(empty_database, folder)
    store = open_store(url_of(folder))
    yield store
    store.close()


@pytest.fixture
def agent(store: Store) -> Agent:
    return store.agents.current()


@pytest.fixture
def conversation(store: Store, agent: Agent) -> Conversation:
    return store.conversations.create(agent.id, cwd="/work/shop", project="/work/shop")
