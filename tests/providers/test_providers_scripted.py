"""The scripted provider: deterministic, resumable, and it writes down what it was asked."""

import json
import time

import pytest
from story import Thread, collect, complete, streamed_arguments, streamed_text, told

from letta_cli.core.errors import ConfigError, Overloaded, RateLimited, ServerError, StreamCut
from letta_cli.core.message import Reasoning, Text, ToolCall
from letta_cli.core.provider import ProviderSettings
from letta_cli.core.run import Usage
from letta_cli.providers import load


def scripted(tmp_path, script, **options):
    path = tmp_path / "script.json"
    path.write_text(json.dumps(script))
    settings = ProviderSettings(
        "scripted", options=(("script", str(path)), *((k, str(v)) for k, v in options.items()))
    )
    return load("scripted", settings)


async def answer(client, thread: Thread, **changes) -> str:
    """Let the model speak and store what it says."""
    done = await complete(client, thread.request(**changes))
    thread.add("assistant", *done.parts)
    return thread.messages[-1].text


async def test_without_a_script_it_repeats_what_it_was_told():
    client = load("scripted", ProviderSettings("scripted"))
    deltas = await collect(client.stream(told("hello there").request(model="echo")))
    assert streamed_text(deltas) == "hello there"


async def test_turns_answer_in_order(tmp_path):
    client = scripted(tmp_path, [{"text": "one"}, {"text": "two"}])
    thread = told("hi")
    assert await answer(client, thread) == "one"
    thread.add("user", "more")
    assert await answer(client, thread) == "two"


async def test_a_resumed_conversation_goes_on_in_another_process(tmp_path):
    script = [{"text": "one"}, {"text": "two"}, {"text": "three"}]
    thread = told("hi")
    for expected in ("one", "two", "three"):
        assert await answer(scripted(tmp_path, script), thread) == expected
        thread.add("user", "more")


async def test_conversations_of_one_process_do_not_disturb_each_other(tmp_path):
    client = scripted(tmp_path, [{"text": "one"}, {"text": "two"}])
    first, second = told("hi", "conv-a"), told("hi", "conv-b")
    assert [await answer(client, thread) for thread in (first, second, first)] == [
        "one",
        "one",
        "two",
    ]


async def test_after_a_compaction_the_script_goes_on(tmp_path):
    client = scripted(tmp_path, [{"text": "one"}, {"text": "two"}, {"text": "three"}])
    thread = told("hi")
    await answer(client, thread)
    await answer(client, thread)
    thread.messages = []
    thread.add("summary", "they talked")
    thread.add("user", "go on")
    assert await answer(client, thread) == "three"


async def test_a_condition_is_matched_on_all_that_came_in_since_the_last_answer(tmp_path):
    script = [{"when": "Blue-\\d+", "text": "I saw the notice."}, {"text": "one"}, {"text": "two"}]
    client = scripted(tmp_path, script)
    thread = told("hi")
    assert await answer(client, thread) == "one"
    thread.add("notice", "human changed: Blue-42")
    thread.add("user", "and?")
    assert await answer(client, thread) == "I saw the notice."
    thread.add("user", "what was Blue-42?")
    assert await answer(scripted(tmp_path, script), thread) == "two"


async def test_a_condition_sees_tool_returns_and_may_repeat(tmp_path):
    script = [
        {"when": "boom", "text": "it failed", "repeat": True},
        {"tool_calls": [{"name": "Bash", "arguments": {"command": "x"}}], "repeat": True},
    ]
    client = scripted(tmp_path, script)
    thread = told("run it")
    for _ in range(2):
        await answer(client, thread)
        thread.returns(thread.messages[-1].tool_calls[0], "boom", "error")
        assert await answer(client, thread) == "it failed"
        thread.add("user", "again")


async def test_tool_calls_have_ids_that_never_repeat(tmp_path):
    script = [{"tool_calls": [{"name": "Read", "arguments": {"path": "a"}}] * 2, "repeat": True}]
    thread = told("hi")
    for _ in range(3):
        done = await complete(scripted(tmp_path, script), thread.request())
        thread.add("assistant", *done.parts)
        for call in thread.messages[-1].tool_calls:
            thread.returns(call, "text")
    ids = [call.id for message in thread.messages for call in message.tool_calls]
    assert len(set(ids)) == 6


async def test_reasoning_calls_usage_and_stop_reason_are_as_written(tmp_path):
    turn = {
        "reasoning": "Hm.",
        "text": "Look:",
        "tool_calls": [{"name": "Read", "arguments": {"path": "a"}, "id": "c-1"}],
        "usage": {"input": 7, "output": 3, "cache_read": 90, "cost_usd": 0.5},
        "stop_reason": "max_tokens",
    }
    deltas = await collect(scripted(tmp_path, [turn]).stream(told("hi").request()))
    assert json.loads(streamed_arguments(deltas)) == {"path": "a"}
    done = deltas[-1]
    assert done.parts == (
        Reasoning("Hm.", "scripted"),
        Text("Look:"),
        ToolCall("c-1", "Read", {"path": "a"}),
    )
    assert done.usage == Usage(input=7, output=3, cache_read=90, cost_usd=0.5)
    assert done.stop_reason == "max_tokens"


async def test_a_malformed_call_is_malformed(tmp_path):
    script = [{"tool_calls": [{"name": "Read", "malformed": "{oops"}]}]
    done = await complete(scripted(tmp_path, script), told("hi").request())
    assert done.parts[0].malformed == "{oops"
    assert done.parts[0].arguments == {}


async def test_a_failure_comes_once_and_then_the_answer(tmp_path):
    script = [
        {"error": {"code": "rate_limited", "retry_after": 2}},
        {"text": "half", "error": {"code": "overloaded"}},
        {"text": "half", "tool_calls": [{"name": "Read", "arguments": {"path": "a"}}], "cut": True},
        {"text": "whole"},
    ]
    client = scripted(tmp_path, script)
    thread = told("hi")
    with pytest.raises(RateLimited) as limited:
        await complete(client, thread.request())
    assert limited.value.retry_after == 2
    with pytest.raises(Overloaded):
        await complete(client, thread.request())
    with pytest.raises(StreamCut):
        await complete(client, thread.request())
    assert await answer(client, thread) == "whole"


async def test_a_failure_that_repeats_never_ends(tmp_path):
    script = [{"error": {"code": "server_error"}, "repeat": True}, {"text": "never"}]
    client = scripted(tmp_path, script)
    for _ in range(3):
        with pytest.raises(ServerError):
            await complete(client, told("hi").request())


async def test_a_hanging_turn_can_be_cancelled(tmp_path):
    client = scripted(tmp_path, [{"text": "half", "hang": True}, {"text": "whole"}])
    stream = client.stream(told("hi").request())
    assert (await anext(stream)).text == "half"
    await stream.aclose()
    assert await answer(client, told("hi")) == "whole"


async def test_text_comes_in_chunks_with_pauses(tmp_path):
    client = scripted(tmp_path, [{"text": "abcdef", "chunk": 2, "delay_ms": 30}])
    start = time.monotonic()
    deltas = await collect(client.stream(told("hi").request()))
    assert [delta.text for delta in deltas[:-1]] == ["ab", "cd", "ef"]
    assert time.monotonic() - start >= 0.09


async def test_every_request_is_written_down(tmp_path):
    record = tmp_path / "requests.jsonl"
    client = scripted(tmp_path, [{"text": "one"}, {"text": "two"}], record=record)
    thread = told("hi")
    await answer(client, thread)
    thread.add("notice", "news")
    await answer(client, thread)
    first, second = (json.loads(line) for line in record.read_text().splitlines())
    assert first["system"] == thread.request().system
    assert [tool["name"] for tool in first["tools"]] == ["Read", "Bash"]
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "notice"]
    assert second["messages"][:1] == first["messages"]
    assert second["messages"][2]["parts"] == [{"type": "text", "text": "news"}]


async def test_a_script_that_is_used_up_says_so(tmp_path):
    client = scripted(tmp_path, [{"text": "one"}])
    thread = told("hi")
    await answer(client, thread)
    with pytest.raises(ConfigError, match="no turn left"):
        await complete(client, thread.request())


async def test_the_handle_may_name_the_script(tmp_path):
    path = tmp_path / "demo.jsonl"
    path.write_text('{"text": "one"}\n\n{"text": "two"}\n')
    client = load("scripted", ProviderSettings("scripted"))
    done = await complete(client, told("hi").request(model=str(path)))
    assert done.parts == (Text("one"),)


@pytest.mark.parametrize(
    "text", ["{not json", '{"turns": 3}', '["a"]', '[{"txt": "a"}]', '[{"when": "(", "text": "a"}]']
)
async def test_a_broken_script_is_named(tmp_path, text):
    path = tmp_path / "broken.json"
    path.write_text(text)
    client = load("scripted", ProviderSettings("scripted"))
    with pytest.raises(ConfigError, match=r"broken\.json"):
        await complete(client, told("hi").request(model=str(path)))
    assert (await client.model_info(str(path))).handle == f"scripted/{path}"


async def test_a_script_describes_its_model_and_prices(tmp_path):
    script = {
        "context_window": 4000,
        "small": True,
        "prices": {"input": 1, "output": 2},
        "turns": [{"text": "x", "usage": {"input": 1_000_000, "output": 1_000_000}}],
    }
    client = scripted(tmp_path, script)
    info = await client.model_info("demo")
    assert (info.context_window, info.small) == (4000, True)
    done = await complete(client, told("hi").request())
    assert done.usage.cost_usd == 3.0
