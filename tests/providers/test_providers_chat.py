"""What servers of Chat Completions do differently, and how little that matters to us."""

import json

import pytest
from story import BASH, READ, Thread, collect, complete, provider, streamed_reasoning, told
from wire import Fail, Raw, Say, WireServer

from letta_cli.core.errors import BadRequest, ConfigError, ProviderError, ServerError, StreamCut
from letta_cli.core.message import Reasoning, Text, ToolCall
from letta_cli.core.provider import Completed, Progress, ProviderSettings
from letta_cli.providers import load


def sse(*chunks, done: bool = True) -> Raw:
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return Raw("".join([*lines, "data: [DONE]\n\n" if done else ""]).encode())


def delta(finish=None, **fields) -> dict:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


async def parts_of(*chunks, thread: Thread | None = None) -> tuple:
    with WireServer([sse(*chunks)]) as server:
        client = provider("openai-compatible", server.base_url)
        return (await complete(client, (thread or told("hi")).request())).parts


def calls_in(parts) -> list[tuple[str, dict]]:
    return [(part.name, part.arguments) for part in parts if isinstance(part, ToolCall)]


async def test_whole_calls_at_once_without_index_or_id():
    parts = await parts_of(
        delta(
            tool_calls=[
                {"function": {"name": "Read", "arguments": '{"path": "a"}'}},
                {"function": {"name": "Bash", "arguments": '{"command": "ls"}'}},
            ]
        ),
        delta("tool_calls"),
    )
    assert calls_in(parts) == [("Read", {"path": "a"}), ("Bash", {"command": "ls"})]
    assert parts[0].id and parts[1].id and parts[0].id != parts[1].id


async def test_two_whole_calls_that_share_one_index():
    parts = await parts_of(
        delta(
            tool_calls=[{"index": 0, "id": "a", "function": {"name": "Read", "arguments": "{}"}}]
        ),
        delta(
            tool_calls=[{"index": 0, "id": "b", "function": {"name": "Bash", "arguments": "{}"}}]
        ),
        delta("tool_calls"),
    )
    assert [(part.id, part.name) for part in parts] == [("a", "Read"), ("b", "Bash")]


async def test_arguments_in_pieces_without_index_go_to_the_last_call():
    parts = await parts_of(
        delta(tool_calls=[{"id": "a", "function": {"name": "Read", "arguments": '{"pa'}}]),
        delta(tool_calls=[{"function": {"arguments": 'th": "x"}'}}]),
        delta("tool_calls"),
    )
    assert calls_in(parts) == [("Read", {"path": "x"})]


async def test_the_name_repeated_with_every_piece_is_one_call():
    piece = {"index": 0, "id": "a", "function": {"name": "Read", "arguments": ""}}
    parts = await parts_of(
        delta(tool_calls=[piece]),
        delta(tool_calls=[{**piece, "function": {"name": "Read", "arguments": '{"path":"x"}'}}]),
        delta("tool_calls"),
    )
    assert calls_in(parts) == [("Read", {"path": "x"})]


async def test_arguments_as_an_object_and_arguments_encoded_twice():
    parts = await parts_of(
        delta(
            tool_calls=[
                {"index": 0, "id": "a", "function": {"name": "Read", "arguments": {"path": "x"}}},
                {
                    "index": 1,
                    "id": "b",
                    "function": {"name": "Read", "arguments": '"{\\"path\\": 1}"'},
                },
            ]
        ),
        delta("stop"),
    )
    assert calls_in(parts) == [("Read", {"path": "x"}), ("Read", {"path": 1})]


async def test_an_id_given_twice_in_one_answer_names_two_calls():
    read = {"id": "same", "function": {"name": "Read", "arguments": "{}"}}
    calls = [{"index": index, **read} for index in (0, 1)]
    first, second = await parts_of(delta(tool_calls=calls), delta("tool_calls"))
    assert first.id == "same" and second.id not in ("", "same")


async def test_ids_that_start_afresh_in_every_answer_are_made_unique():
    thread = told("hi")
    thread.add("assistant", ToolCall("call_0", "Read", {"path": "a"}))
    thread.returns(thread.messages[-1].tool_calls[0], "text")
    pieces = [
        delta(
            tool_calls=[{"index": 0, "id": "call_0", "function": {"name": "Bash", "arguments": ""}}]
        ),
        delta(
            tool_calls=[
                {"index": 0, "id": "call_0", "function": {"arguments": '{"command": "ls"}'}}
            ]
        ),
        delta("tool_calls"),
    ]
    parts = await parts_of(*pieces, thread=thread)
    assert calls_in(parts) == [("Bash", {"command": "ls"})]
    assert parts[0].id != "call_0"


async def test_thinking_in_tags_is_reasoning_and_not_text():
    with WireServer([Say("<think>\nHm, a file.</think>\n\nHere it is.", piece=3)]) as server:
        client = provider("openai-compatible", server.base_url)
        deltas = await collect(client.stream(told("hi").request()))
    assert streamed_reasoning(deltas).strip() == "Hm, a file."
    done = deltas[-1]
    assert isinstance(done, Completed)
    assert done.parts[-1] == Text("Here it is.")


@pytest.mark.parametrize("text", ["<", "<thin", "<b>bold</b>", "a <think>tag</think>", "1 < 2"])
async def test_text_that_only_looks_like_thinking_stays_text(text):
    assert await parts_of(delta(content=text), delta("stop")) == (Text(text),)


async def test_reasoning_details_of_openrouter_go_back_with_the_call():
    details = [{"type": "reasoning.encrypted", "data": "xyz", "index": 0}]
    parts = await parts_of(
        delta(reasoning="Hm.", reasoning_details=details),
        delta(
            tool_calls=[{"index": 0, "id": "a", "function": {"name": "Read", "arguments": "{}"}}]
        ),
        delta("tool_calls"),
    )
    assert parts[0] == Reasoning("Hm.", "openai-compatible", {"reasoning_details": details})
    thread = told("hi")
    thread.add("assistant", *parts)
    thread.returns(parts[1], "text")
    with WireServer([Say("ok")]) as server:
        await complete(provider("openai-compatible", server.base_url), thread.request())
        assert server.requests[0].json["messages"][2]["reasoning_details"] == details


async def test_a_server_that_does_not_stream_is_understood():
    answer = {
        "choices": [
            {"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3},
    }
    with WireServer([Raw(json.dumps(answer).encode(), "application/json")]) as server:
        done = await complete(provider("openai-compatible", server.base_url), told("hi").request())
    assert done.parts == (Text("Hello."),)
    assert (done.usage.input, done.usage.output) == (9, 3)


async def test_a_web_page_is_no_model_server():
    with WireServer([Raw(b"<html>hello</html>", "text/html")]) as server:
        client = provider("openai-compatible", server.base_url)
        with pytest.raises(BadRequest, match="base URL"):
            await complete(client, told("hi").request())


async def test_an_error_in_a_whole_answer_is_an_error():
    body = json.dumps({"error": {"message": "the model crashed", "code": 500}}).encode()
    with WireServer([Raw(body, "application/json")]) as server:
        client = provider("openai-compatible", server.base_url)
        with pytest.raises(ServerError, match="the model crashed"):
            await complete(client, told("hi").request())


async def test_a_stream_without_an_end_is_cut():
    with WireServer([sse(delta(content="half"), done=False)]) as server, pytest.raises(StreamCut):
        await complete(provider("openai-compatible", server.base_url), told("hi").request())


async def test_usage_is_estimated_where_the_server_counts_nothing():
    with WireServer([Say("some words to count", usage=None)]) as server:
        done = await complete(provider("openai-compatible", server.base_url), told("hi").request())
    assert done.usage.input > 5
    assert done.usage.output > 3


async def test_fields_a_server_refuses_are_left_out_from_then_on():
    script = [
        Fail(400, "Unrecognized request argument supplied: stream_options"),
        Fail(400, "Unknown parameter: reasoning_effort"),
        Say("ok"),
        Say("ok"),
    ]
    with WireServer(script) as server:
        client = provider("openai-compatible", server.base_url)
        request = told("hi").request(effort="high")
        await complete(client, request)
        await complete(client, request)
        last = server.requests[-1].json
    assert len(server.requests) == 4
    assert "stream_options" not in last
    assert "reasoning_effort" not in last


async def test_the_newer_name_of_the_output_limit_is_used_where_demanded():
    refusal = Fail(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    with WireServer([refusal, Say("ok")]) as server:
        client = provider("openai-compatible", server.base_url)
        await complete(client, told("hi").request(max_output=77))
        last = server.requests[-1].json
    assert last["max_completion_tokens"] == 77
    assert "max_tokens" not in last


async def test_neighbouring_user_messages_become_one():
    thread = told("first")
    thread.add("notice", "A block changed.")
    thread.add("user", "second")
    with WireServer([Say("ok")]) as server:
        await complete(provider("openai-compatible", server.base_url), thread.request())
        roles = [entry["role"] for entry in server.requests[0].json["messages"]]
        text = server.requests[0].json["messages"][1]["content"]
    assert roles == ["system", "user"]
    assert text.index("first") < text.index("A block changed.") < text.index("second")


async def test_a_schema_constrains_the_answer():
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    with WireServer([Say('{"name": "x"}')]) as server:
        client = provider("llamacpp", server.base_url)
        deltas = [
            piece
            async for piece in client.stream_chat(
                model="m",
                messages=[{"role": "user", "content": "hi"}],
                temperature=0.2,
                max_tokens=350,
                response_schema=schema,
                extra={"cache_prompt": True},
            )
        ]
        body = server.requests[0].json
    assert isinstance(deltas[-1], Completed)
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert (body["temperature"], body["max_tokens"], body["cache_prompt"]) == (0.2, 350, True)
    assert "tools" not in body


async def test_reading_the_prompt_is_told():
    progress = {"prompt_progress": {"total": 1135, "processed": 640, "cache": 0, "time_ms": 1}}
    with WireServer([sse({**progress, "choices": []}, delta("stop", content="ok"))]) as server:
        deltas = await collect(provider("llamacpp", server.base_url).stream(told("hi").request()))
    assert deltas[0] == Progress("reading the prompt 640/1135")


async def test_openrouter_tells_its_own_cost_and_takes_effort_its_own_way():
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.0123}
    with WireServer([sse(delta("stop", content="ok"), {"choices": [], "usage": usage})]) as server:
        client = provider("openrouter", server.base_url)
        done = await complete(client, told("hi").request(effort="low"))
        body = server.requests[0].json
    assert done.usage.cost_usd == 0.0123
    assert body["reasoning"] == {"effort": "low"}
    assert body["usage"] == {"include": True}


async def test_a_local_server_gets_no_key_and_no_organisation_of_openai(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-openai")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with WireServer([Say("ok")]) as server:
        client = provider("vllm", server.base_url, api_key=None)
        await complete(client, told("hi").request())
        headers = server.requests[0].headers
    assert "authorization" not in headers
    assert "of-openai" not in str(headers)


async def test_headers_of_the_settings_are_sent():
    with WireServer([Say("ok")]) as server:
        client = provider("openrouter", server.base_url, headers=(("X-Title", "mine"),))
        await complete(client, told("hi").request())
        assert server.requests[0].headers["x-title"] == "mine"


def test_without_an_address_it_says_where_to_write_one():
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL"):
        load("openai-compatible", ProviderSettings("openai-compatible"))


async def test_no_tools_no_tools_field():
    with WireServer([Say("ok")]) as server:
        client = provider("openai-compatible", server.base_url)
        await complete(client, told("hi").request(tools=(), system=""))
        body = server.requests[0].json
    assert "tools" not in body
    assert [entry["role"] for entry in body["messages"]] == ["user"]


async def test_changed_tools_are_sent_anew():
    with WireServer([Say("ok"), Say("ok")]) as server:
        client = provider("openai-compatible", server.base_url)
        await complete(client, told("hi").request(tools=(READ,)))
        await complete(client, told("hi").request(tools=(READ, BASH)))
        assert [len(request.json["tools"]) for request in server.requests] == [1, 2]


async def test_an_error_of_the_finish_reason_is_an_error():
    with WireServer([sse(delta("error", content="half"))]) as server, pytest.raises(ProviderError):
        await complete(provider("openrouter", server.base_url), told("hi").request())
