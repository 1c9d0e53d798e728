"""What every provider does alike: streaming, tool calls, their results, reasoning, a stable prefix."""

import asyncio
import json
import time
from itertools import pairwise

import pytest
from story import (
    SYSTEM,
    Thread,
    collect,
    complete,
    provider,
    streamed_arguments,
    streamed_reasoning,
    streamed_text,
    told,
)
from wire import Call, Say, WireServer

from letta_cli.core.message import Image, Reasoning, Text, ToolCall
from letta_cli.core.provider import Completed
from letta_cli.core.run import Usage

PROVIDERS = ("anthropic", "openai", "openai-compatible")


@pytest.fixture(params=PROVIDERS)
def name(request):
    return request.param


async def test_text_streams_and_the_last_delta_is_the_whole_message(name):
    with WireServer([Say("Hello, wörld — 你好")]) as server:
        deltas = await collect(provider(name, server.base_url).stream(told("hi").request()))
    assert streamed_text(deltas) == "Hello, wörld — 你好"
    assert len(deltas) > 2
    done = deltas[-1]
    assert isinstance(done, Completed)
    assert done.parts == (Text("Hello, wörld — 你好"),)
    assert done.stop_reason == "end_turn"


async def test_usage_tells_cached_tokens_apart_from_fresh_ones(name):
    counts = {"input": 120, "output": 30, "cache_read": 900, "cache_write": 50}
    with WireServer([Say("ok", usage=counts)]) as server:
        done = await complete(provider(name, server.base_url), told("hi").request())
    assert done.usage == Usage(input=120, output=30, cache_read=900, cache_write=50)
    assert done.usage.context == 1100


@pytest.mark.parametrize(
    ("stop", "expected"),
    [("end", "end_turn"), ("length", "max_tokens"), ("refusal", "refusal")],
)
async def test_stop_reasons_are_told_in_our_words(name, stop, expected):
    with WireServer([Say("ok", stop=stop)]) as server:
        done = await complete(provider(name, server.base_url), told("hi").request())
    assert done.stop_reason == expected


async def test_several_tool_calls_stream_and_are_parsed(name):
    calls = [Call("Read", {"path": "a.py"}, "c-1"), Call("Bash", {"command": "ls -l"}, "c-2")]
    with WireServer([Say("Let me look.", calls=calls)]) as server:
        deltas = await collect(provider(name, server.base_url).stream(told("hi").request()))
    assert streamed_arguments(deltas) == '{"path": "a.py"}{"command": "ls -l"}'
    done = deltas[-1]
    assert isinstance(done, Completed)
    assert done.parts == (
        Text("Let me look."),
        ToolCall("c-1", "Read", {"path": "a.py"}),
        ToolCall("c-2", "Bash", {"command": "ls -l"}),
    )


async def test_malformed_arguments_are_kept_as_they_came_and_go_back_as_an_empty_object(name):
    broken = '{"path": "a.py", '
    with WireServer([Say(calls=[Call("Read", id="c-1", raw=broken)]), Say("sorry")]) as server:
        client = provider(name, server.base_url)
        thread = told("hi")
        done = await complete(client, thread.request())
        (call,) = done.parts
        assert isinstance(call, ToolCall)
        assert call.malformed == broken
        assert call.arguments == {}
        thread.add("assistant", *done.parts)
        thread.returns(call, "The arguments are no JSON object.", "error")
        await complete(client, thread.request())
        sent = json.dumps(server.requests[1].json)
    assert "a.py" not in sent
    assert "The arguments are no JSON object." in sent


async def test_a_call_without_arguments_has_none(name):
    with WireServer([Say(calls=[Call("Bash", id="c-1", raw="")])]) as server:
        done = await complete(provider(name, server.base_url), told("hi").request())
    assert done.parts == (ToolCall("c-1", "Bash", {}),)


async def test_reasoning_is_shown_and_goes_back_unchanged_with_the_tool_result(name):
    first = Say(
        reasoning="First I read the file, then I think about it.",
        signature="c2lnbmF0dXJl",
        calls=[Call("Read", {"path": "a.py"}, "c-1")],
    )
    with WireServer([first, Say("done")]) as server:
        client = provider(name, server.base_url)
        thread = told("hi")
        request = thread.request(effort="medium", model="claude-opus-5")
        deltas = await collect(client.stream(request))
        assert streamed_reasoning(deltas) == first.reasoning
        done = deltas[-1]
        assert isinstance(done, Completed)
        reasoning = done.parts[0]
        assert isinstance(reasoning, Reasoning)
        assert reasoning.text == first.reasoning
        assert reasoning.provider == client.name
        thread.add("assistant", *done.parts)
        thread.returns(done.parts[1], "print(1)")  # type: ignore[arg-type]
        await complete(client, thread.request(effort="medium", model="claude-opus-5"))
        sent = server.requests[1].json
    if name == "anthropic":
        assert sent["messages"][1]["content"][0] == {
            "type": "thinking",
            "thinking": first.reasoning,
            "signature": "c2lnbmF0dXJl",
        }
    elif name == "openai":
        assert sent["input"][1] == {
            "id": "rs_1",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": first.reasoning}],
            "encrypted_content": "c2lnbmF0dXJl",
        }
    else:
        assert sent["messages"][2]["reasoning_content"] == first.reasoning


async def test_reasoning_of_another_provider_is_left_out(name):
    thread = told("hi")
    thread.add("assistant", Reasoning("secret thoughts", "elsewhere", {"type": "x"}), "Hello.")
    thread.add("user", "and now?")
    with WireServer([Say("ok")]) as server:
        await complete(provider(name, server.base_url), thread.request())
        sent = json.dumps(server.requests[0].json)
    assert "secret thoughts" not in sent
    assert "Hello." in sent


async def test_every_tool_result_stands_behind_its_call(name):
    thread = told("read both")
    calls = (ToolCall("c-1", "Read", {"path": "a"}), ToolCall("c-2", "Bash", {"command": "false"}))
    thread.add("assistant", "Reading.", *calls)
    thread.returns(calls[0], "text of a")
    thread.returns(calls[1], "exit status 1", "error")
    with WireServer([Say("ok")]) as server:
        await complete(provider(name, server.base_url), thread.request())
        sent = server.requests[0].json
    if name == "anthropic":
        assert [block["type"] for block in sent["messages"][1]["content"]] == [
            "text",
            "tool_use",
            "tool_use",
        ]
        results = [block for entry in sent["messages"][2:] for block in entry["content"]]
        assert [result["tool_use_id"] for result in results] == ["c-1", "c-2"]
        assert "is_error" not in results[0]
        assert results[1]["is_error"] is True
    elif name == "openai":
        assert [(item["type"], item.get("call_id")) for item in sent["input"][2:]] == [
            ("function_call", "c-1"),
            ("function_call", "c-2"),
            ("function_call_output", "c-1"),
            ("function_call_output", "c-2"),
        ]
        assert sent["input"][-1]["output"] == "[error] exit status 1"
    else:
        assert [call["id"] for call in sent["messages"][2]["tool_calls"]] == ["c-1", "c-2"]
        assert [entry["tool_call_id"] for entry in sent["messages"][3:]] == ["c-1", "c-2"]
        assert sent["messages"][4]["content"] == "[error] exit status 1"


async def test_words_of_the_program_are_marked_as_such(name):
    thread = Thread()
    thread.add("summary", "They fixed the parser.")
    thread.add("user", "go on")
    thread.add("assistant", "Yes.")
    thread.add("notice", "The block human changed.")
    with WireServer([Say("ok")]) as server:
        await complete(provider(name, server.base_url), thread.request())
        sent = json.dumps(server.requests[0].json)
    assert "<conversation-summary>\\nThey fixed the parser.\\n</conversation-summary>" in sent
    assert "<notice>\\nThe block human changed.\\n</notice>" in sent


async def test_images_are_sent(name):
    thread = Thread()
    thread.add("user", "what is this?", Image("image/png", "aGVsbG8="))
    with WireServer([Say("a cat")]) as server:
        await complete(provider(name, server.base_url), thread.request())
        sent = json.dumps(server.requests[0].json)
    assert "aGVsbG8=" in sent
    assert "image/png" in sent


def without_breakpoints(value):
    """A request as the prompt cache sees it: cache breakpoints are no content."""
    if isinstance(value, dict):
        return {k: without_breakpoints(v) for k, v in value.items() if k != "cache_control"}
    if isinstance(value, list):
        return [without_breakpoints(item) for item in value]
    return value


def prefix_of(body) -> str:
    """Tools, system and messages as bytes, in the order in which they are cached."""
    body = without_breakpoints(body)
    messages = body.get("messages") or body.get("input")
    head = json.dumps([body["tools"], body.get("system"), body.get("instructions")])
    return head + json.dumps(messages).removesuffix("]")


async def test_each_request_begins_with_the_bytes_of_the_one_before(name):
    script = [
        Say(reasoning="Hm.", calls=[Call("Read", {"path": "a"}, f"c-{step}")]) for step in range(3)
    ]
    with WireServer([*script, Say("Done."), Say("Again.")]) as server:
        client = provider(name, server.base_url)
        thread = told("fix it")
        for _ in script:
            done = await complete(client, thread.request())
            thread.add("assistant", *done.parts)
            thread.returns(done.parts[-1], "file text")  # type: ignore[arg-type]
        done = await complete(client, thread.request())
        thread.add("assistant", *done.parts)
        thread.add("notice", "A block changed.")
        thread.add("user", "and again")
        await complete(client, thread.request())
        prefixes = [prefix_of(request.json) for request in server.requests]
    for earlier, later in pairwise(prefixes):
        assert later.startswith(earlier)
        assert len(later) > len(earlier)


async def test_a_fresh_process_sends_the_same_bytes(name):
    thread = told("hi")
    thread.add("assistant", "Hello.", ToolCall("c-1", "Read", {"b": 1, "a": [1, 2]}))
    thread.returns(thread.messages[-1].tool_calls[0], "text")
    with WireServer([Say("one"), Say("two")]) as server:
        for _ in range(2):
            await complete(provider(name, server.base_url), thread.request())
        assert server.requests[0].raw == server.requests[1].raw


async def test_system_and_tools_are_sent_in_the_order_given(name):
    with WireServer([Say("ok")]) as server:
        await complete(provider(name, server.base_url), told("hi").request())
        body = server.requests[0].json
    tools = [tool.get("name") or tool["function"]["name"] for tool in body["tools"]]
    assert tools == ["Read", "Bash"]
    assert SYSTEM in json.dumps(body)


async def test_the_key_goes_only_into_its_header(name):
    with WireServer([Say("ok")]) as server:
        await complete(provider(name, server.base_url), told("hi").request())
        (request,) = server.requests
    assert request.headers["authorization"] == "Bearer sk-secret-key-123456"
    assert b"sk-secret" not in request.raw


async def test_a_server_on_this_machine_is_never_reached_through_a_proxy(name, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with WireServer([Say("ok")]) as server:
        done = await complete(provider(name, server.base_url), told("hi").request())
    assert done.parts == (Text("ok"),)


async def test_text_that_utf8_cannot_write_is_made_readable(name):
    thread = told("the file caf\udce9.txt")
    thread.add("assistant", ToolCall("c-1", "Read", {"path": "caf\udce9.txt"}))
    thread.returns(thread.messages[-1].tool_calls[0], "text \ud800")
    with WireServer([Say("ok")]) as server:
        client = provider(name, server.base_url)
        await complete(client, thread.request(system="In caf\udce9."))
        assert rb"caf\\udce9.txt" in server.requests[0].raw


async def test_a_cancelled_task_is_cancelled_and_nothing_else(name):
    with WireServer([Say("slow " * 50, delay=0.05), Say("there")]) as server:
        client = provider(name, server.base_url)
        begun = asyncio.Event()

        async def listen() -> None:
            async for _ in client.stream(told("hi").request()):
                begun.set()

        task = asyncio.create_task(listen())
        await asyncio.wait_for(begun.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await complete(client, told("hi").request())).parts == (Text("there"),)


async def test_closing_is_immediate_while_a_stream_is_open(name):
    with WireServer([Say("slow " * 50, delay=0.05)]) as server:
        client = provider(name, server.base_url)
        stream = client.stream(told("hi").request())
        async for _ in stream:
            break
        start = time.monotonic()
        await client.aclose()
        assert time.monotonic() - start < 0.2
        await stream.aclose()
