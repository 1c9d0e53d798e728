"""A store of its own for every test of what comes from other programs and goes to them."""

from pathlib import Path

import pytest

from letta_cli.core.agent import Agent
from letta_cli.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path):
    opened = open_store(f"sqlite:///{tmp_path / 'agent.db'}")
    yield opened
    opened.close()


@pytest.fixture
def agent(store: Store) -> Agent:
    return store.agents.current()
