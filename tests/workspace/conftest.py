"""Sandboxes of this machine to try things in, and a port that answers."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_world import HERE, World


@pytest.fixture(params=[level for level in HERE if level != "none"] or ["none"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param == "none":
        pytest.skip("this machine has no sandbox")
    return World(tmp_path, HERE[request.param])


@pytest.fixture
def inside(world: World) -> World:
    """Only where names inside the tree are held back, too."""
    if not world.sandbox.protects_inside:
        pytest.skip(f"{world.sandbox.level} cannot protect names inside the tree")
    return world


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of this machine that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server,), daemon=True).start()
        yield server.getsockname()[1]


def _answer(server: socket.socket) -> None:
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return
