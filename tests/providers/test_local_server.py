"""Real server processes around a stand-in runtime: their life, their sharing, their deaths."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from letta_cli.core.errors import NoModelConfigured, Retryable
from letta_cli.providers.local.rendezvous import ServerState
from letta_cli.providers.local.server import ServerOptions, SharedServer

sys.path.insert(0, str(Path(__file__).parent))
from local_fixtures import RUNTIME, WEIGHTS, tiny_model

pytestmark = pytest.mark.slow


USER = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from local_fixtures import tiny_model
from letta_cli.providers.local.server import ServerOptions, SharedServer

async def main():
    server = SharedServer(tiny_model(), Path(sys.argv[2]), ServerOptions(0.5, 60))
    print((await server.join()).pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with weights, and the stand-in runtime in front of the real one."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    (runtime / "xllamacpp.py").write_text(RUNTIME)
    monkeypatch.setenv("PYTHONPATH", str(runtime))
    monkeypatch.syspath_prepend(str(runtime))
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(WEIGHTS)
    return folder


@pytest.fixture
async def server(models: Path) -> AsyncIterator[SharedServer]:
    server = SharedServer(tiny_model(), models, ServerOptions(0.5, 60))
    yield server
    server.leave()


def start_user(models: Path) -> tuple[subprocess.Popen[str], int]:
    """Another terminal; returns its process and the server's pid."""
    command = [sys.executable, "-c", USER, str(Path(__file__).parent), str(models)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def loads(models: Path) -> int:
    return len((models / "tiny.gguf.loads").read_text())


def lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def ends(pid: int, within: float = 8.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not lives(pid):
            return True
        await asyncio.sleep(0.1)
    return False


async def test_terminals_share_one_copy_that_goes_with_the_last_of_them(
    server: SharedServer, models: Path
) -> None:
    state = await server.join()
    other, pid = start_user(models)
    assert pid == state.pid
    assert loads(models) == 1
    server.leave()
    await asyncio.sleep(1.5)
    assert lives(pid)
    other.kill()
    other.wait()
    assert await ends(pid)
    assert not server.meeting.state_file.exists()


async def test_many_that_start_at_once_load_one_copy(models: Path) -> None:
    servers = [SharedServer(tiny_model(), models, ServerOptions(0.5, 60)) for _ in range(6)]
    states: list[ServerState] = await asyncio.gather(*(one.join() for one in servers))
    assert len({state.pid for state in states}) == 1
    assert loads(models) == 1
    for one in servers:
        one.leave()
    assert await ends(states[0].pid)


async def test_the_server_outlives_the_terminal_that_started_it(
    server: SharedServer, models: Path
) -> None:
    starter, pid = start_user(models)
    assert (await server.join()).pid == pid
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    await asyncio.sleep(1.5)
    assert lives(pid)
    assert (await server.join()).pid == pid


async def test_a_killed_server_leaves_a_stale_file_that_misleads_nobody(
    server: SharedServer, models: Path
) -> None:
    first = await server.join()
    os.kill(first.pid, signal.SIGKILL)
    assert await ends(first.pid)
    assert server.meeting.state_file.exists()
    # The process counts as ended when its first thread has; its locks go with the last one.
    for _ in range(50):
        if not await server.is_running():
            break
        await asyncio.sleep(0.1)
    assert not await server.is_running()
    second = await server.join()
    assert second.pid != first.pid
    assert second.key != first.key
    assert loads(models) == 2


async def test_a_server_that_nobody_asks_ends_although_terminals_are_open(models: Path) -> None:
    server = SharedServer(tiny_model(), models, ServerOptions(60, 1.0))
    state = await server.join()
    for _ in range(4):
        await asyncio.sleep(0.5)
        server.touch()
    assert lives(state.pid)
    assert await ends(state.pid)
    again = await server.join()
    assert again.pid != state.pid
    server.leave()
    os.kill(again.pid, signal.SIGTERM)


async def test_who_comes_while_the_server_is_leaving_gets_a_new_one(
    server: SharedServer, models: Path
) -> None:
    leaving = await server.join()
    # As at its end: it has taken its address back, and its locks are still held.
    server.meeting.state_file.unlink()
    coming = asyncio.create_task(server.join())
    await asyncio.sleep(0.3)
    assert not coming.done()
    os.kill(leaving.pid, signal.SIGTERM)
    assert (await coming).pid != leaving.pid
    assert loads(models) == 2


async def test_address_and_key_are_for_the_person_only(server: SharedServer) -> None:
    state = await server.join()
    assert stat.S_IMODE(server.meeting.state_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.meeting.log.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.meeting.folder.stat().st_mode) == 0o700
    with open(f"/proc/{state.pid}/cmdline") as file:
        assert state.key not in file.read()


async def test_a_failure_to_load_is_told_with_the_end_of_the_log(
    server: SharedServer, models: Path
) -> None:
    (models / "tiny.gguf.broken").touch()
    with pytest.raises(Retryable, match="weights are odd"):
        await server.join()
    (models / "tiny.gguf.broken").unlink()
    assert lives((await server.join()).pid)


async def test_missing_weights_are_an_error_that_says_what_to_type(tmp_path: Path) -> None:
    server = SharedServer(tiny_model(), tmp_path)
    with pytest.raises(NoModelConfigured, match="agent models pull"):
        await server.join()
