"""Names and handles."""

import pytest

from letta_cli.core.errors import ConfigError
from letta_cli.core.provider import ProviderSettings
from letta_cli.providers import KNOWN, load, split_handle


@pytest.mark.parametrize(
    ("handle", "expected"),
    [
        ("anthropic/claude-sonnet-5-5", ("anthropic", "claude-sonnet-5-5")),
        ("openai-compatible/vendor/model:8b", ("openai-compatible", "vendor/model:8b")),
        ("scripted//tmp/demo.json", ("scripted", "/tmp/demo.json")),
    ],
)
def test_a_handle_is_provider_and_model(handle, expected):
    assert split_handle(handle) == expected


@pytest.mark.parametrize("handle", ["", "gpt-5", "/gpt-5", "openai/", "  "])
def test_what_is_no_handle_is_told_the_form(handle):
    with pytest.raises(ConfigError, match="provider/model"):
        split_handle(handle)


def test_an_unknown_provider_is_told_the_known_ones():
    with pytest.raises(ConfigError, match="ollama"):
        split_handle("nobody/model")
    with pytest.raises(ConfigError, match="nobody"):
        load("nobody", ProviderSettings("nobody"))


@pytest.mark.parametrize("name", [name for name in KNOWN if name != "local"])
def test_every_known_provider_loads_under_its_name(name):
    settings = ProviderSettings(name, api_key="k", base_url="http://127.0.0.1:9/v1")
    assert load(name, settings).name == name
