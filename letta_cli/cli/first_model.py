"""Asks a person at a terminal which model to use, when nothing is configured yet."""

import getpass
import sys

from letta_cli.cli.embedded import fetch, page, runtime_missing, summary
from letta_cli.config import Config
from letta_cli.config.edit import set_value, store_key

PREFIXES = (("sk-ant-", "anthropic"), ("sk-or-", "openrouter"), ("sk-", "openai"))


def ask(config: Config) -> bool:
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
            return _paste_key(config)
        case "2":
            fetch(config)
            return True
        case "3":
            return _take_address(config)
        case _:
            return False


def _paste_key(config: Config) -> bool:
    key = getpass.getpass("API key (not shown): ").strip()
    if not key:
        return False
    provider = provider_of_key(key) or input("anthropic, openai or openrouter? ").strip()
    if provider not in ("anthropic", "openai", "openrouter"):
        sys.stderr.write(f"There is no provider {provider!r}; the key is not kept.\n")
        return False
    place = store_key(config.home, provider, key, in_keyring=False)
    sys.stderr.write(f"Kept in {place}, which only you may read.\n")
    return True


def _take_address(config: Config) -> bool:
    address = input("Its address, e.g. http://127.0.0.1:8080/v1: ").strip()
    if not address:
        return False
    path = config.home / "settings.json"
    set_value(config.home, path, "providers.openai-compatible.baseUrl", address)
    sys.stderr.write(f"Kept in {path}. A key for it: agent config set-key openai-compatible\n")
    return True


def provider_of_key(key: str) -> str | None:
    """Whose key this is, by how it begins."""
    return next((name for prefix, name in PREFIXES if key.startswith(prefix)), None)
