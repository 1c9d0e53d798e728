"""What the store's tests share: a store in a fresh folder, and one conversation in it."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from postgres_server import Server, running
from store_children import url_of

from letta_cli.core.agent import Agent, Conversation
from letta_cli.store import Store, open_store

MEMORY = Path("/dev/shm")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test with a store on both drivers, but those about SQLite's files.

    On PostgreSQL they count as slow: a server is started, and every test gets a database.
    """
    if "driver" in metafunc.fixturenames:
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        others = {"sqlite": "postgres", "postgresql": "sqlite"}
        drivers = [driver for driver, other in others.items() if other not in marks]
        slow = {"postgresql": pytest.mark.slow}
        marked = [pytest.param(driver, marks=slow.get(driver, ())) for driver in drivers]
        metafunc.parametrize("driver", marked, scope="session")


@pytest.fixture(scope="session")
def server():
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def empty_template(server: Server) -> str:
    """The name of a database with our schema, to be copied for each test."""
    url = server.new()
    open_store(url).close()
    return url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def folder(driver: str, tmp_path: Path, request: pytest.FixtureRequest):
    """A home that does not exist yet; in memory where there is such a place.

    On a busy disk most of the time would be spent waiting for it. What these tests show does not
    depend on the disk: they end processes, they do not cut the power. For PostgreSQL a fresh
    database belongs to it, with our schema when the test asks for a `store`.
    """
    with contextlib.ExitStack() as stack:
        base = tmp_path
        if os.access(MEMORY, os.W_OK):
            made = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="store-test-", dir=MEMORY)
            )
            base = Path(made)
        if driver == "postgresql":
            server: Server = request.getfixturevalue("server")
            template = "template0"
            if "store" in request.fixturenames:
                template = request.getfixturevalue("empty_template")
            url = server.new(template)
            stack.callback(server.drop, url)
            (base / "postgres.url").write_text(url)
        yield base / "home"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once and copied for each test, which saves most of the waiting for the disk."""
    folder = tmp_path_factory.mktemp("empty")
    open_store(url_of(folder)).close()
    return folder / "agent.db"


@pytest.fixture
def store(folder: Path, driver: str, request: pytest.FixtureRequest):
    folder.mkdir(mode=0o700)
    if driver == "sqlite":
        shutil.copy(request.getfixturevalue("empty_database"), folder)
    store = open_store(url_of(folder))
    yield store
    store.close()


@pytest.fixture
def agent(store: Store) -> Agent:
    return store.agents.current()


@pytest.fixture
def conversation(store: Store, agent: Agent) -> Conversation:
    return store.conversations.create(agent.id, cwd="/srv/shop", project="/srv/shop")
