"""Which model to use when nothing names one: what is there on this machine, in a fixed order.

A key, a configured server, a server found on loopback, the embedded model if it is here; then,
with a person at the terminal or their consent given, the embedded model is fetched.
"""

import asyncio
import dataclasses
from pathlib import Path

from letta_cli.cli.embedded import fetch, runtime_missing
from letta_cli.cli.first_model import ask
from letta_cli.config import Config, load_config
from letta_cli.core.agent import Agent
from letta_cli.core.errors import AgentError, ConnectionFailed, NoModelConfigured, ProviderError
from letta_cli.providers import detect, load
from letta_cli.providers.local.manifest import DEFAULT
from letta_cli.providers.local.pull import installed
from letta_cli.store import open_store

DEFAULT_MODELS = {
    "anthropic": "claude-sonnet-5-5",
    "openai": "gpt-6.2-sol",
    "openrouter": "openrouter/auto",
}
"""Used when a provider's key is all that is configured."""

LOOK_SECONDS = 3
SERVERS = ("openai-compatible", "ollama", "lmstudio", "llamacpp", "vllm")


async def choose_model(config: Config, agent: str | None, *, can_ask: bool) -> Config:
    """`config` with a model in it, unless the agent has one of its own.

    Args:
        agent: name or id; None for the one in use.
        can_ask: a person is at the terminal.

    Raises:
        NoModelConfigured: nothing is there, and nobody could be asked or agreed.
        ProviderError: a configured server was asked for its models and failed.
    """
    if config.model:
        return config
    chosen = await choose_without_asking(config)
    if chosen.model or _agent_has_one(config, agent):
        return chosen
    if config.local_model_consent:
        fetch(config)
        return _with_model(config, f"local/{DEFAULT.name}", "fetched with your consent")
    if can_ask and await ask(config):
        fresh = load_config(cwd=config.cwd, flags={"database": config.database_url})
        return await choose_model(
            dataclasses.replace(config, providers=fresh.providers), agent, can_ask=False
        )
    raise no_model()


async def choose_without_asking(config: Config) -> Config:
    """`config` with the model that is there anyway, or as it was when there is none.

    Raises:
        ProviderError: a configured server was asked for its models and failed.
    """
    if config.model:
        return config
    found = (
        _by_key(config) or await _by_address(config) or await _by_detection() or _embedded(config)
    )
    return _with_model(config, *found) if found else config


async def model_in_use(config: Config) -> tuple[str, str]:
    """The model that a new conversation would get, and what names it.

    Where there is none the handle is empty, and the second text says why. Servers get
    `LOOK_SECONDS` to say what they offer.
    """
    try:
        if own := _current_agent(config).model:
            return own, "the agent's own"
        chosen = await asyncio.wait_for(choose_without_asking(config), LOOK_SECONDS)
    except TimeoutError:
        return "", f"the configured server did not answer within {LOOK_SECONDS} s."
    except AgentError as error:
        return "", str(error)
    if not chosen.model:
        return "", "nothing names one; agent chat asks."
    return chosen.model, chosen.origins["model"]


def no_model() -> NoModelConfigured:
    """The error that says in three lines what to type."""
    local = (
        "  agent models pull          use the embedded model (asks first)"
        if not runtime_missing()
        else "  pip install 'letta-cli[local]' && agent models pull    use the embedded model"
    )
    return NoModelConfigured(
        "No model is configured: no key, no server on this computer, no embedded model. Type one:\n"
        "  agent config set-key anthropic    (or openai, openrouter; or set ANTHROPIC_API_KEY)\n"
        "  export OPENAI_BASE_URL=http://127.0.0.1:8080/v1    any OpenAI-compatible server\n"
        f"{local}"
    )


def _by_key(config: Config) -> tuple[str, str] | None:
    for name, default in DEFAULT_MODELS.items():
        settings = config.providers.get(name)
        if settings is None or not settings.api_key:
            continue
        if name == "openai" and settings.base_url:
            # The address belongs to a compatible server, which speaks Chat Completions.
            continue
        model = config.provider_option(name, "model") or default
        return f"{name}/{model}", config.origins.get(f"providers.{name}.apiKey", "its key")
    return None


async def _by_address(config: Config) -> tuple[str, str] | None:
    for name in SERVERS:
        settings = config.providers.get(name)
        if settings is None:
            continue
        if model := config.provider_option(name, "model"):
            return f"{name}/{model}", config.origins.get(f"providers.{name}.model", "settings")
        if not settings.base_url:
            continue
        provider = load(name, settings)
        try:
            models = [model for model in await provider.models() if can_talk(model.handle)]
        except ConnectionFailed as error:
            origin = config.origins.get(f"providers.{name}.baseUrl", "settings")
            raise type(error)(
                f"{error} The address is from {origin}. To use another model: agent -m "
                f"PROVIDER/MODEL; {_to_forget(name, origin)}."
            ) from error
        if not models:
            raise ProviderError(f"{settings.base_url} lists no model. Name one with --model.")
        return models[0].handle, f"the first model of {settings.base_url}"
    return None


def _to_forget(name: str, origin: str) -> str:
    variable = origin.removeprefix("environment ")
    if variable != origin:
        return f"to do without this server: unset {variable}"
    return f"to forget this server: agent config remove providers.{name}.baseUrl"


def _agent_has_one(config: Config, agent: str | None) -> bool:
    return bool(_current_agent(config, agent).model)


def _current_agent(config: Config, name: str | None = None) -> Agent:
    store = open_store(config.database_url)
    try:
        return store.agents.find(name) if name else store.agents.current()
    finally:
        store.close()


async def _by_detection() -> tuple[str, str] | None:
    for server in await detect():
        talkers = [name for name in server.models if can_talk(name)]
        if talkers:
            return f"{server.provider}/{talkers[0]}", f"found at {server.base_url}"
    return None


def can_talk(model: str) -> bool:
    """Whether the name is not that of a model for other uses, which servers list all the same."""
    name = model.lower()
    return not any(word in name for word in ("embed", "rerank", "whisper", "tts", "bge-"))


def _embedded(config: Config) -> tuple[str, str] | None:
    if runtime_missing() or installed(DEFAULT, Path(config.provider("local").cache_dir)) is None:
        return None
    return f"local/{DEFAULT.name}", "the embedded model"


def _with_model(config: Config, handle: str, origin: str) -> Config:
    return dataclasses.replace(
        config, model=handle, origins={**config.origins, "model": f"default: {origin}"}
    )
