"""Ollama's own chat API, which alone lets us say how much context we count on."""

import json

import pytest
from story import collect, complete, provider, streamed_reasoning, streamed_text, told
from wire import Call, Fail, Raw, Say, WireServer

from letta_cli.core.errors import (
    BadRequest,
    ConnectionFailed,
    ContextOverflow,
    ModelNotFound,
    ServerError,
    StreamCut,
    Timeout,
)
from letta_cli.core.message import Image, Text, ToolCall
from letta_cli.core.provider import Completed
from letta_cli.core.run import Usage


def shown(
    *, parameters: float = 8.2e9, longest: int = 40960, modelfile: str = "", capabilities=("tools",)
) -> dict:
    return {
        "parameters": modelfile,
        "capabilities": list(capabilities),
        "model_info": {"qwen3.context_length": longest, "general.parameter_count": parameters},
    }


def pages(show: dict | None = None, loaded: int | None = None) -> dict:
    running = [{"name": "qwen3:8b", "context_length": loaded}] if loaded else []
    return {
        "/api/tags": {"models": [{"name": "qwen3:8b", "details": {"parameter_size": "8.2B"}}]},
        "/api/show": show or shown(),
        "/api/ps": {"models": running},
    }


@pytest.mark.parametrize(
    ("show", "loaded", "expected"),
    [
        (shown(), None, 32768),
        (shown(longest=8192), None, 8192),
        (shown(parameters=1.5e9), None, 16384),
        (shown(modelfile="stop x\nnum_ctx 12000"), None, 12000),
        (shown(), 65536, 65536),
        (shown(), 4096, 32768),
    ],
)
async def test_the_context_we_count_on_is_the_context_we_ask_for(show, loaded, expected):
    with WireServer([Say("ok")], pages=pages(show, loaded)) as server:
        client = provider("ollama", server.base_url)
        info = await client.model_info("qwen3:8b")
        await complete(client, told("hi").request(model="qwen3:8b"))
        body = server.requests[0].json
    assert info.context_window == expected
    assert body["options"]["num_ctx"] == expected
    assert body["truncate"] is False


async def test_the_persons_own_figure_is_asked_for():
    with WireServer([Say("ok")], pages=pages()) as server:
        client = provider("ollama", server.base_url, context_window=5000)
        await complete(client, told("hi").request(model="qwen3:8b"))
        assert server.requests[0].json["options"] == {"num_ctx": 5000}


async def test_models_are_listed_with_size_and_abilities():
    show = shown(parameters=1.5e9, capabilities=["completion"])
    with WireServer(pages=pages(show)) as server:
        (info,) = await provider("ollama", server.base_url).models()
    assert (info.handle, info.small) == ("ollama/qwen3:8b", True)
    assert "tools" in info.note


async def test_a_conversation_with_thinking_and_tools():
    script = [
        Say("I look.", reasoning="Hm.", calls=[Call("Read", {"path": "a"}), Call("Bash", {})]),
        Say("Done.", usage={"input": 50, "output": 5}),
    ]
    with WireServer(script, pages=pages()) as server:
        client = provider("ollama", server.base_url)
        thread = told("hi")
        deltas = await collect(client.stream(thread.request(model="qwen3:8b", effort="high")))
        assert streamed_text(deltas) == "I look."
        assert streamed_reasoning(deltas) == "Hm."
        done = deltas[-1]
        assert isinstance(done, Completed)
        calls = [part for part in done.parts if isinstance(part, ToolCall)]
        assert [(call.name, call.arguments) for call in calls] == [
            ("Read", {"path": "a"}),
            ("Bash", {}),
        ]
        assert len({call.id for call in calls}) == 2
        thread.add("assistant", *done.parts)
        for call in calls:
            thread.returns(call, f"result of {call.name}")
        done = await complete(client, thread.request(model="qwen3:8b", effort="high"))
        first, second = (request.json for request in server.requests)
    assert first["think"] is True
    assert done.parts == (Text("Done."),)
    assert done.usage == Usage(input=50, output=5)
    answer, *results = second["messages"][2:]
    assert answer["thinking"] == "Hm."
    assert [call["function"]["arguments"] for call in answer["tool_calls"]] == [{"path": "a"}, {}]
    assert [(result["tool_name"], result["content"]) for result in results] == [
        ("Read", "result of Read"),
        ("Bash", "result of Bash"),
    ]


async def test_a_thinking_model_thinks_only_when_asked():
    show = shown(capabilities=["tools", "thinking"])
    with WireServer([Say("ok"), Say("ok")], pages=pages(show)) as server:
        client = provider("ollama", server.base_url)
        await complete(client, told("hi").request(model="qwen3:8b"))
        await complete(client, told("hi").request(model="qwen3:8b", effort="low"))
        assert [request.json["think"] for request in server.requests] == [False, True]


async def test_a_model_that_cannot_think_is_not_asked_again():
    refusal = Fail(400, '"qwen3:8b" does not support thinking')
    with WireServer([refusal, Say("ok"), Say("ok")], pages=pages()) as server:
        client = provider("ollama", server.base_url)
        for _ in range(2):
            await complete(client, told("hi").request(model="qwen3:8b", effort="high"))
        assert ["think" in request.json for request in server.requests] == [True, False, False]


async def test_a_schema_images_and_limits_travel_in_ollamas_words():
    schema = {"type": "object"}
    with WireServer([Say("{}"), Say("a cat")], pages=pages()) as server:
        client = provider("ollama", server.base_url)
        stream = client.stream_chat(  # type: ignore[attr-defined]
            model="qwen3:8b",
            messages=[{"role": "user", "content": "hi"}],
            temperature=0.2,
            max_tokens=350,
            response_schema=schema,
            extra=None,
        )
        await collect(stream)
        thread = told("what is this?")
        thread.add("assistant", "Show me.")
        thread.add("user", "here", Image("image/png", "aGVsbG8="))
        await complete(client, thread.request(model="qwen3:8b"))
        first, second = (request.json for request in server.requests)
    assert first["format"] == schema
    assert first["options"] == {"num_ctx": 32768, "temperature": 0.2, "num_predict": 350}
    assert second["messages"][-1] == {"role": "user", "content": "here", "images": ["aGVsbG8="]}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Fail(404, "model 'test-model' not found"), ModelNotFound),
        (Fail(400, "the input length exceeds the context length"), ContextOverflow),
        (Fail(400, "invalid options"), BadRequest),
        (Fail(500, "llama runner process has terminated"), ServerError),
        (Say("half", error="an error was encountered while running the model"), ServerError),
        (Say("half an answer", cut="clean"), StreamCut),
        (Say("half an answer", cut="reset"), StreamCut),
        (Say("half", garbage=b"{not json\n"), StreamCut),
        (Raw(b"", "application/x-ndjson"), StreamCut),
    ],
)
async def test_failures_are_the_cores(reply, kind):
    with WireServer([reply], pages=pages()) as server:
        client = provider("ollama", server.base_url)
        with pytest.raises(kind) as caught:
            await collect(client.stream(told("hi").request()))
    assert type(caught.value) is kind


async def test_a_silent_server_times_out():
    with WireServer([Say("late", first_delay=3)], pages=pages()) as server:
        client = provider("ollama", server.base_url, timeout_seconds=0.3)
        with pytest.raises(Timeout):
            await collect(client.stream(told("hi").request()))


async def test_without_a_server_it_says_how_to_start_one():
    with pytest.raises(ConnectionFailed, match="ollama serve"):
        await collect(provider("ollama", "http://127.0.0.1:9").stream(told("hi").request()))


async def test_no_key_is_sent_unless_one_is_set():
    with WireServer([Say("ok"), Say("ok")], pages=pages()) as server:
        for key in (None, "key-of-a-proxy"):
            client = provider("ollama", server.base_url, api_key=key)
            await complete(client, told("hi").request())
        headers = [request.headers.get("authorization") for request in server.requests]
    assert headers == [None, "Bearer key-of-a-proxy"]


async def test_the_system_prompt_comes_first_and_the_prefix_is_stable():
    with WireServer([Say("ok"), Say("ok")], pages=pages()) as server:
        client = provider("ollama", server.base_url)
        thread = told("hi")
        done = await complete(client, thread.request())
        thread.add("assistant", *done.parts)
        thread.add("user", "more")
        await complete(client, thread.request())
        first, second = (json.dumps(request.json["messages"]) for request in server.requests)
    assert json.loads(first)[0]["role"] == "system"
    assert second.startswith(first.removesuffix("]"))
