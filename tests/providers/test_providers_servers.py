"""What model servers tell of their models, each in its own way, and how they are found."""

import asyncio
import time

import pytest
from story import provider
from wire import WireServer

from letta_cli.core.errors import ConnectionFailed
from letta_cli.core.provider import Prices
from letta_cli.providers import Found, detect
from letta_cli.providers.detection import Probe

OLLAMA = {
    "/api/version": {"version": "0.14.1"},
    "/api/tags": {"models": [{"name": "qwen3:8b"}, {"name": "qwen2.5-coder:latest"}]},
}


async def listed(name: str, pages: dict, **settings) -> list:
    with WireServer(pages=pages) as server:
        return await provider(name, server.base_url, **settings).models()


async def test_lmstudio_tells_the_loaded_context_and_leaves_embedders_out():
    rows = [
        {"id": "a", "type": "llm", "state": "loaded", "loaded_context_length": 8000,
         "max_context_length": 32000},
        {"id": "b", "type": "llm", "state": "not-loaded", "max_context_length": 32000},
        {"id": "c", "type": "embeddings", "max_context_length": 512},
    ]  # fmt: skip
    loaded, other = await listed("lmstudio", {"/api/v0/models": {"data": rows}})
    assert (loaded.context_window, loaded.note) == (8000, "")
    assert (other.context_window, other.note) == (32000, "not loaded")


async def test_an_old_lmstudio_still_lists_names():
    (info,) = await listed("lmstudio", {"/v1/models": {"data": [{"id": "a"}]}})
    assert (info.handle, info.context_window) == ("lmstudio/a", None)


async def test_llamacpp_tells_the_context_of_its_one_model():
    pages = {
        "/v1/models": {
            "data": [{"id": "m.gguf", "meta": {"n_params": 1.78e9, "n_ctx_train": 32768}}]
        },
        "/props": {"default_generation_settings": {"n_ctx": 16384}},
    }
    (info,) = await listed("llamacpp", pages)
    assert (info.context_window, info.small) == (16384, True)


async def test_vllm_tells_its_longest_prompt():
    (info,) = await listed("vllm", {"/v1/models": {"data": [{"id": "m", "max_model_len": 12345}]}})
    assert info.context_window == 12345


async def test_openrouter_tells_context_output_and_prices():
    row = {
        "id": "vendor/model",
        "context_length": 200000,
        "top_provider": {"max_completion_tokens": 8192},
        "pricing": {
            "prompt": "0.000003",
            "completion": "0.000015",
            "input_cache_read": "0.0000003",
        },
    }
    (info,) = await listed("openrouter", {"/v1/models": {"data": [row]}})
    assert info.handle == "openrouter/vendor/model"
    assert (info.context_window, info.max_output) == (200000, 8192)
    assert info.prices == Prices(3.0, 15.0, pytest.approx(0.3), 0.0)


async def test_openai_lists_models_newest_first():
    rows = [{"id": "gpt-4.1", "created": 1}, {"id": "gpt-6-sol", "created": 2}]
    found = await listed("openai", {"/v1/models": {"data": rows}})
    assert [info.handle for info in found] == ["openai/gpt-6-sol", "openai/gpt-4.1"]
    assert found[0].context_window == 1_050_000


async def test_the_persons_own_figure_beats_the_servers():
    pages = {"/v1/models": {"data": [{"id": "m", "max_model_len": 12345}]}}
    (info,) = await listed("vllm", pages, context_window=4096)
    assert info.context_window == 4096


async def test_a_server_that_is_not_there_fails_the_listing_but_not_the_description():
    client = provider("ollama", "http://127.0.0.1:9")
    with pytest.raises(ConnectionFailed, match="Ollama"):
        await client.models()
    info = await client.model_info("qwen3:1.7b")
    assert (info.context_window, info.small) == (None, True)


async def test_servers_on_this_machine_are_found_without_a_key():
    vllm = {"/v1/models": {"data": [{"id": "m"}]}}
    with WireServer(pages=OLLAMA) as ollama, WireServer(pages=vllm) as other:
        found = await detect(
            [
                Probe("ollama", ollama.port, "/api/version", "version", "/api/tags"),
                Probe("vllm", other.port, "/v1/models", "data", "/v1/models"),
                Probe(
                    "llamacpp", other.port, "/props", "default_generation_settings", "/v1/models"
                ),
            ]
        )
        asked = ollama.others + other.others
    assert found == [
        Found("ollama", f"{ollama.base_url}/v1", ("qwen3:8b", "qwen2.5-coder:latest")),
        Found("vllm", f"{other.base_url}/v1", ("m",)),
    ]
    assert all("authorization" not in request.headers for request in asked)


async def test_a_port_that_says_nothing_costs_a_third_of_a_second_in_all():
    async def silent(reader, writer):
        await asyncio.sleep(5)

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    probes = [Probe("ollama", port, "/api/version", "version", "/api/tags")] * 4
    start = time.monotonic()
    assert await detect(probes) == []
    assert time.monotonic() - start < 1
    server.close()


async def test_a_closed_port_and_a_talker_of_nonsense_are_nothing():
    async def nonsense(reader, writer):
        writer.write(b"SSH-2.0-hello\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await detect([Probe("vllm", port, "/v1/models", "data", "/v1/models")]) == []
    server.close()
    assert await detect([Probe("vllm", 9, "/v1/models", "data", "/v1/models")]) == []
