import asyncio
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from letta_cli.core.clock import now
from letta_cli.core.errors import ModelNotFound, NoModelConfigured, Retryable
from letta_cli.core.message import Message, Text
from letta_cli.core.provider import Completed, Delta, ProviderSettings, Request, TextChunk
from letta_cli.core.tool import ToolSpec
from letta_cli.providers.local import provider as module
from letta_cli.providers.local.manifest import DEFAULT, installed
from letta_cli.providers.local.provider import LocalProvider
from letta_cli.providers.small import ChatDoor

sys.path.insert(0, str(Path(__file__).parent))
from local_fixtures import RUNTIME, WEIGHTS, tiny_model

pytestmark = pytest.mark.slow


READ = ToolSpec(
    "Read",
    "Read a file.",
    {
        "type": "object",
        "properties": {"file_path": {"type": "string"}},
        "required": ["file_path"],
    },
    "read",
)


def request(text: str, model: str = "tiny") -> Request:
    message = Message("message-1", "conv-1", 1, "user", (Text(text),), now())
    return Request(model, "You help.", (READ,), (message,), "conv-1")


def settings(folder: Path) -> ProviderSettings:
    return ProviderSettings("local", cache_dir=str(folder), options=(("linger_seconds", "0.5"),))


async def answer(provider: LocalProvider, asked: Request) -> list[Delta]:
    return [delta async for delta in provider.stream(asked)]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    (runtime / "xllamacpp.py").write_text(RUNTIME)
    monkeypatch.setenv("PYTHONPATH", str(runtime))
    monkeypatch.syspath_prepend(str(runtime))
    monkeypatch.setattr(module, "DEFAULT", tiny_model())
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(WEIGHTS)
    yield folder


async def test_an_answer_streams_from_a_server_that_was_started_for_it(models: Path) -> None:
    provider = LocalProvider(settings(models))
    deltas = await answer(provider, request("hello"))
    assert "".join(d.text for d in deltas if isinstance(d, TextChunk)) == "Hello there"
    end = deltas[-1]
    assert isinstance(end, Completed)
    assert end.parts == (Text("Hello there"),)
    await provider.aclose()


async def test_a_crash_of_the_server_is_a_pause_and_not_an_end(models: Path) -> None:
    provider = LocalProvider(settings(models))
    (models / "tiny.gguf.crash").touch()
    with pytest.raises(Retryable, match="restarting"):
        await answer(provider, request("hello"))
    deltas = await answer(provider, request("hello"))
    assert isinstance(deltas[-1], Completed)
    await provider.aclose()


async def test_without_weights_the_first_request_says_what_to_type(tmp_path: Path) -> None:
    provider = LocalProvider(settings(tmp_path))
    await provider.warm()
    with pytest.raises(NoModelConfigured, match="agent models pull"):
        await answer(provider, request("hello", DEFAULT.name))
    (listed,) = await provider.models()
    assert listed.handle == f"local/{DEFAULT.name}"
    assert "not installed" in listed.note


async def test_the_model_is_listed_as_small_free_and_installed(models: Path) -> None:
    provider = LocalProvider(settings(models))
    (listed,) = await provider.models()
    assert listed.small
    assert listed.prices is not None
    assert listed.prices.input == 0
    assert listed.note.startswith("installed")
    assert not isinstance(provider, ChatDoor), "it has its small profile already"


async def test_another_name_is_refused(models: Path) -> None:
    provider = LocalProvider(settings(models))
    with pytest.raises(ModelNotFound, match="local/tiny"):
        await answer(provider, request("hello", "gigantic"))


REAL = Path.home() / ".agent" / "models"


@pytest.mark.model
@pytest.mark.skipif(
    installed(DEFAULT, REAL) is None, reason="the embedded model is not on disk: agent models pull"
)
async def test_the_real_model_is_held_to_a_tool_or_words(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="the runtime is not installed")
    provider = LocalProvider(settings(REAL))
    deltas = await answer(provider, request("Say hello in one word.", DEFAULT.name))
    end = deltas[-1]
    assert isinstance(end, Completed)
    assert len(end.parts) == 1
    assert end.usage.context < 1200
    await provider.aclose()


@pytest.mark.model
@pytest.mark.skipif(
    installed(DEFAULT, REAL) is None, reason="the embedded model is not on disk: agent models pull"
)
async def test_what_was_read_is_kept_when_the_server_ends(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="the runtime is not installed")
    (tmp_path / DEFAULT.file_name).symlink_to(REAL / DEFAULT.file_name)
    read: list[int] = []
    for _ in range(2):
        provider = LocalProvider(settings(tmp_path))
        end = (await answer(provider, request("Say hello.", DEFAULT.name)))[-1]
        assert isinstance(end, Completed)
        read.append(end.usage.input)
        await provider.aclose()
        slots = next(tmp_path.glob("server-*/slots"))
        for _ in range(100):
            if not list(slots.glob("../state.json")) and list(slots.glob("*.prefix")):
                break
            await asyncio.sleep(0.2)
    assert read[0] > 100
    assert read[1] <= 5
    (kept,) = slots.glob("*.prefix")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
