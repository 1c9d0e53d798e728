"""The order in which a model is chosen, as far as nobody needs to be asked over the network."""

from pathlib import Path
from typing import Any

import pytest

from letta_cli.cli import model_choice
from letta_cli.config import Config, load_config
from letta_cli.core.errors import NoModelConfigured
from letta_cli.providers import split_handle
from letta_cli.providers.detection import Found

KEYS = {"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "o", "OPENROUTER_API_KEY": "r"}


@pytest.fixture(autouse=True)
def nothing_on_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens to run or lie on the machine of the tests must not decide."""

    async def detect() -> list[Found]:
        return []

    monkeypatch.setattr(model_choice, "detect", detect)
    monkeypatch.setattr(model_choice, "installed", lambda model, folder: None)
    monkeypatch.setattr(model_choice, "runtime_missing", lambda: False)


def config(tmp_path: Path, *keys: str, **environ: str) -> Config:
    given = {name: KEYS[name] for name in keys}
    return load_config(cwd=tmp_path, environ={"HOME": str(tmp_path), **given, **environ})


@pytest.mark.parametrize(
    ("keys", "provider"),
    [
        (tuple(KEYS), "anthropic"),
        (("OPENAI_API_KEY", "OPENROUTER_API_KEY"), "openai"),
        (("OPENROUTER_API_KEY",), "openrouter"),
    ],
)
async def test_the_first_key_decides(tmp_path: Path, keys: tuple[str, ...], provider: str) -> None:
    chosen = await model_choice.choose_without_asking(config(tmp_path, *keys))
    assert split_handle(chosen.model)[0] == provider
    assert chosen.origins["model"] == f"default: environment {keys[0]}"


async def test_a_named_model_beats_every_key(tmp_path: Path) -> None:
    chosen = await model_choice.choose_without_asking(
        config(tmp_path, *KEYS, AGENT_MODEL="ollama/mine")
    )
    assert chosen.model == "ollama/mine"


async def test_a_detected_server_comes_before_the_embedded_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_choice, "installed", lambda model, folder: tmp_path)
    assert (await model_choice.choose_without_asking(config(tmp_path))).model.startswith("local/")

    async def detect() -> list[Found]:
        return [
            Found("lmstudio", "http://127.0.0.1:1234/v1", ("text-embedding-x",)),
            Found("ollama", "http://127.0.0.1:11434/v1", ("qwen3:8b",)),
        ]

    monkeypatch.setattr(model_choice, "detect", detect)
    chosen = await model_choice.choose_without_asking(config(tmp_path))
    assert chosen.model == "ollama/qwen3:8b"
    assert chosen.origins["model"] == "default: found at http://127.0.0.1:11434/v1"


async def test_weights_without_their_runtime_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_choice, "installed", lambda model, folder: tmp_path)
    monkeypatch.setattr(model_choice, "runtime_missing", lambda: True)
    assert (await model_choice.choose_without_asking(config(tmp_path))).model == ""
    assert "pip install" in str(model_choice.no_model())


async def test_consent_fetches_the_embedded_model_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[Any] = []
    monkeypatch.setattr(model_choice, "fetch", fetched.append)
    with pytest.raises(NoModelConfigured):
        await model_choice.choose_model(config(tmp_path), None, can_ask=False)
    assert fetched == []
    agreed = config(tmp_path, AGENT_LOCAL_MODEL="auto")
    chosen = await model_choice.choose_model(agreed, None, can_ask=False)
    assert fetched == [agreed]
    assert chosen.model.startswith("local/")
