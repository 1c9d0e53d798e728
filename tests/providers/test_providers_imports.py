"""What is loaded when: counted in fresh interpreters, because start-up time is a feature."""

import json
import subprocess
import sys

import pytest

HEAVY = ("anthropic", "openai", "httpx2", "pydantic", "asyncio", "apsw", "rich", "uuid", "email")

AFTER_LOAD = """
from letta_cli.core.provider import ProviderSettings
from letta_cli.providers import load
client = load({name!r}, ProviderSettings({name!r}, api_key="k", base_url="http://127.0.0.1:9/v1"))
"""


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after `code`."""
    script = code + "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return set(json.loads(output))


def test_the_package_itself_costs_nothing():
    loaded = modules_after("from letta_cli.providers import KNOWN, load, split_handle")
    assert not loaded & set(HEAVY)


def test_the_search_for_servers_needs_no_http_library():
    loaded = modules_after("from letta_cli.providers import detect, Found")
    assert not loaded & {"anthropic", "openai", "httpx2", "pydantic"}


@pytest.mark.parametrize(
    "name",
    ["anthropic", "openai", "openai-compatible", "ollama", "openrouter", "scripted"],
)
def test_making_a_provider_imports_no_sdk(name):
    loaded = modules_after(AFTER_LOAD.format(name=name))
    assert not loaded & {"anthropic", "openai", "httpx2", "pydantic"}


@pytest.mark.parametrize(("name", "sdk"), [("anthropic", "anthropic"), ("vllm", "openai")])
def test_warming_up_imports_the_sdk_of_this_provider_only(name, sdk):
    code = AFTER_LOAD.format(name=name) + "\nimport asyncio; asyncio.run(client.warm())"
    loaded = modules_after(code)
    assert sdk in loaded
    assert not loaded & ({"anthropic", "openai"} - {sdk})


def test_ollama_needs_no_sdk_at_all():
    code = AFTER_LOAD.format(name="ollama") + "\nimport asyncio; asyncio.run(client.warm())"
    loaded = modules_after(code)
    assert "httpx2" in loaded
    assert not loaded & {"anthropic", "openai", "pydantic"}
