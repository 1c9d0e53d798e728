"""Asks a person at a terminal which model to use, when nothing is configured yet."""

import getpass
import sys

from letta_cli.cli.embedded import describe, fetch, runtime_missing
from letta_cli.config import Config
from letta_cli.config.edit import store_key

PREFIXES = (("sk-ant-", "anthropic"), ("sk-or-", "openrouter"), ("sk-", "openai"))


def ask(config: Config) -> bool:
    """Put the question; True when a model can be used now."""
    out = sys.stderr
    out.write("No model is configured yet. Which one shall the agent use?\n")
    out.write("  1) A provider's model: paste an API key (Anthropic, OpenAI or OpenRouter)\n")
    out.write(f"  2) Download {describe()};\n     it runs on this computer: slow and simple, ")
    out.write("for small chores\n")
    if runtime_missing():
        out.write("     (needs its runtime first: pip install 'letta-cli[local]')\n")
    out.write("  3) None; leave\n")
    out.flush()
    match input("1, 2 or 3? ").strip():
        case "1":
            return _paste_key(config)
        case "2":
            fetch(config)
            return True
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


def provider_of_key(key: str) -> str | None:
    """Whose key this is, by how it begins."""
    return next((name for prefix, name in PREFIXES if key.startswith(prefix)), None)
