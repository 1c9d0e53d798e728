"""What the store's tests share: a store in a fresh folder, and one conversation in it."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from store_children import url_of

from letta_cli.core.agent import Agent, Conversation
from letta_cli.store import Store, open_store

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path):
    """A home that does not exist yet; in memory where there is such a place.

    On a busy disk most of the time would be spent waiting for it. What these tests show does not
    depend on the disk: they end processes, they do not cut the power.
    """
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path / "home"
        return
    with tempfile.TemporaryDirectory(prefix="store-test-", dir=MEMORY) as made:
        yield Path(made) / "home"


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
