"""Asks a person at a terminal which model to use, when nothing is configured yet."""

import asyncio
import contextlib
import dataclasses
import getpass
import sys

from letta_cli.cli.embedded import fetch, page, runtime_missing, summary
from letta_cli.config import Config
from letta_cli.config.edit import set_value, store_key
from letta_cli.core.errors import AuthError, ModelNotFound, ProviderError
from letta_cli.providers import load

TRIAL_SECONDS = 15
SERVER = "openai-compatible"

PREFIXES = (("sk-ant-", "anthropic"), ("sk-or-", "openrouter"), ("sk-", "openai"))


async def ask(config: Config) -> bool:
    """Put the question; True when a model can be used now."""
    out = sys.stderr
    out.write("No model is configured yet. Which one shall the agent use?\n")
    out.write("  1) A provider's model: paste an API key (Anthropic, OpenAI or OpenRouter)\n")
    out.write("  2) A model that runs on this computer: slow and simple, for small chores.\n")
    out.write(f"     To download: {summary()}\n     {page()}\n")
    if runtime_missing():
        out.write("     (needs its runtime first: pip install 'letta-cli[local]')\n")
    out.write("  3) The address of a server that speaks the OpenAI API\n")
    out.write("  4) None; leave\n")
    out.flush()
    match input("1, 2, 3 or 4? ").strip():
        case "1":
            return await _paste_key(config)
        case "2":
            fetch(config)
            return True
        case "3":
            return await _take_address(config)
        case _:
            return False


async def _paste_key(config: Config) -> bool:
    while key := getpass.getpass("API key (not shown): ").strip():
        provider = provider_of_key(key) or input("anthropic, openai or openrouter? ").strip()
        if provider not in ("anthropic", "openai", "openrouter"):
            _tell(f"There is no provider {provider!r}; the key is not kept.")
            continue
        trouble = await _try(config, provider, api_key=key)
        if isinstance(trouble, AuthError):
            _tell(f"{trouble}\nIt is not kept. Another one, or Enter to leave.")
            continue
        if trouble:
            _tell(f"The key could not be tried: {trouble}")
        place = store_key(config.home, provider, key, in_keyring=False)
        _tell(f"Kept in {place}, which only you may read.")
        return True
    return False


async def _take_address(config: Config) -> bool:
    while address := input("Its address, e.g. http://127.0.0.1:8080/v1: ").strip().rstrip("/"):
        address = address if "://" in address else f"http://{address}"
        trouble = await _try(config, SERVER, base_url=address)
        if (
            isinstance(trouble, ModelNotFound)
            and await _try(config, SERVER, base_url=f"{address}/v1") is None
        ):
            address, trouble = f"{address}/v1", None
        if trouble and not isinstance(trouble, AuthError):
            _tell(f"{trouble}\nIt is not kept. Another one, or Enter to leave.")
            continue
        if trouble:
            key = getpass.getpass("It wants a key (not shown): ").strip()
            trouble = await _try(config, SERVER, base_url=address, api_key=key)
            if not key or trouble:
                _tell(f"{trouble}\nNothing is kept. Another address, or Enter to leave.")
                continue
            _tell(f"Kept in {store_key(config.home, SERVER, key, in_keyring=False)}.")
        path = config.home / "settings.json"
        set_value(config.home, path, f"providers.{SERVER}.baseUrl", address)
        _tell(f"{address} is kept in {path}.")
        return True
    return False


async def _try(config: Config, name: str, **given: str) -> ProviderError | None:
    """What goes wrong when the provider is asked for its models with what was typed."""
    try:
        provider = load(name, dataclasses.replace(config.provider(name), **given))
        async with contextlib.aclosing(provider):
            await asyncio.wait_for(provider.models(), TRIAL_SECONDS)
    except TimeoutError:
        return ProviderError(f"There was no answer within {TRIAL_SECONDS} seconds.")
    except ProviderError as error:
        return error
    return None


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def provider_of_key(key: str) -> str | None:
    """Whose key this is, by how it begins."""
    return next((name for prefix, name in PREFIXES if key.startswith(prefix)), None)
