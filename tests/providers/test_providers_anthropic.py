"""What is particular to Anthropic's Messages API."""

import json

import pytest
from story import Thread, complete, provider, told
from wire import Call, Fail, Say, WireServer

from letta_cli.core.errors import AuthError
from letta_cli.core.message import Reasoning, Text, ToolCall
from letta_cli.core.provider import ProviderSettings
from letta_cli.providers import load

CAPABILITIES = {
    "thinking": {
        "supported": True,
        "types": {
            "adaptive": {"supported": True},
            "enabled": {"supported": False},
            "disabled": {"supported": False},
            "between_tools": {"supported": True},
        },
    },
    "effort": {"supported": True},
}


def breakpoints(body) -> list[str]:
    """Where cache breakpoints stand."""
    found = [f"tool {tool['name']}" for tool in body["tools"] if "cache_control" in tool]
    found += ["system" for block in body["system"] if "cache_control" in block]
    for index, message in enumerate(body["messages"]):
        found += [
            f"message {index} {block['type']}"
            for block in message["content"]
            if "cache_control" in block
        ]
    return found


async def test_breakpoints_stand_on_tools_system_the_end_and_where_the_last_request_ended():
    script = [Say(calls=[Call("Read", {"path": "a"}, f"c-{step}")]) for step in range(2)]
    with WireServer([*script, Say("done")]) as server:
        client = provider("anthropic", server.base_url)
        thread = told("hi")
        for _ in range(3):
            done = await complete(client, thread.request())
            thread.add("assistant", *done.parts)
            for call in thread.messages[-1].tool_calls:
                thread.returns(call, "text")
        found = [breakpoints(request.json) for request in server.requests]
    assert found == [
        ["tool Bash", "system", "message 0 text"],
        ["tool Bash", "system", "message 0 text", "message 2 tool_result"],
        ["tool Bash", "system", "message 2 tool_result", "message 4 tool_result"],
    ]


async def test_there_are_never_more_than_four_breakpoints():
    thread = told("hi")
    for number in range(30):
        thread.add("assistant", f"answer {number}")
        thread.add("user", "more")
        thread.add("notice", "news")
    with WireServer([Say("ok")]) as server:
        await complete(provider("anthropic", server.base_url), thread.request())
        found = breakpoints(server.requests[0].json)
    assert len(found) == 4
    assert found[-1] == "message 90 text"


async def test_redacted_thinking_goes_back_unchanged():
    with WireServer(
        [Say(redacted="b3BhcXVl", calls=[Call("Read", {"path": "a"}, "c-1")]), Say("ok")]
    ) as server:
        client = provider("anthropic", server.base_url)
        thread = told("hi")
        done = await complete(client, thread.request())
        assert done.parts[0] == Reasoning(
            "", "anthropic", {"type": "redacted_thinking", "data": "b3BhcXVl"}
        )
        thread.add("assistant", *done.parts)
        thread.returns(thread.messages[-1].tool_calls[0], "text")
        await complete(client, thread.request())
        assert server.requests[1].json["messages"][1]["content"][0] == {
            "type": "redacted_thinking",
            "data": "b3BhcXVl",
        }


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "output_config"),
    [
        (
            "claude-opus-5-5",
            "off",
            {"type": "adaptive", "display": "summarized"},
            {"effort": "low"},
        ),
        ("claude-fable-5", "off", {"type": "adaptive", "display": "summarized"}, {"effort": "low"}),
        ("claude-opus-5", "off", {"type": "disabled"}, None),
        ("claude-sonnet-5-5", "off", {"type": "between_tools"}, None),
        (
            "claude-sonnet-5-5",
            "high",
            {"type": "adaptive", "display": "summarized"},
            {"effort": "high"},
        ),
        ("claude-sonnet-4-6", "off", {"type": "disabled"}, None),
        (
            "claude-haiku-4-5-20251001",
            "medium",
            {"type": "enabled", "budget_tokens": 8192},
            None,
        ),
        ("claude-haiku-4-5-20251001", "off", None, None),
        ("some-proxy-model", "high", None, None),
    ],
)
async def test_effort_is_said_in_the_form_the_model_takes(model, effort, thinking, output_config):
    with WireServer([Say("ok")]) as server:
        client = provider("anthropic", server.base_url)
        await complete(client, told("hi").request(model=model, effort=effort))
        body = server.requests[0].json
    assert body.get("thinking") == thinking
    assert body.get("output_config") == output_config
    assert "temperature" not in body


async def test_of_an_unknown_model_the_endpoint_is_asked_once_and_believed():
    page = {
        "id": "claude-opus-9",
        "type": "model",
        "max_input_tokens": 3_000_000,
        "max_tokens": 256_000,
        "capabilities": CAPABILITIES,
    }
    with WireServer([Say("ok")], pages={"/v1/models/claude-opus-9": page}) as server:
        client = provider("anthropic", server.base_url)
        info = await client.model_info("claude-opus-9")
        assert await client.model_info("claude-opus-9") == info
        await complete(client, told("hi").request(model="claude-opus-9", effort="off"))
        body = server.requests[0].json
        assert len(server.others) == 1
    assert (info.context_window, info.max_output) == (3_000_000, 256_000)
    assert body["thinking"] == {"type": "between_tools"}


async def test_a_model_of_the_table_needs_no_question():
    with WireServer() as server:
        info = await provider("anthropic", server.base_url).model_info("claude-sonnet-5-5")
        assert server.others == []
    assert info.context_window == 1_000_000


async def test_a_refused_thinking_field_is_left_out_from_then_on():
    refusal = Fail(400, 'output_config.effort: Extra inputs are not permitted for "effort"')
    with WireServer([refusal, Say("ok"), Say("ok")]) as server:
        client = provider("anthropic", server.base_url)
        request = told("hi").request(model="claude-opus-5", effort="high")
        await complete(client, request)
        await complete(client, request)
        bodies = [request.json for request in server.requests]
    assert ["thinking" in body for body in bodies] == [True, False, False]


async def test_thinking_that_no_longer_fits_its_past_is_dropped_by_the_api_then_by_hand():
    refusal = Fail(
        400,
        "messages.1.content.0: Invalid `signature` in `thinking` block. "
        "The block is bound to a different conversation.",
    )
    thread = told("hi")
    block = {"type": "thinking", "thinking": "hm", "signature": "old"}
    thread.add("assistant", Reasoning("hm", "anthropic", block), "Hello.")
    thread.add("user", "go on")
    with WireServer([refusal, Say("ok"), Say("ok"), refusal, refusal, Say("ok")]) as server:
        client = provider("anthropic", server.base_url)
        request = thread.request(model="claude-opus-5-5", effort="medium")
        await complete(client, request)
        await complete(client, request)
        first, second, third = (request.json["thinking"] for request in server.requests)
        assert "block_binding" not in first
        assert second["block_binding"] == {"prefix_mismatch_behavior": "drop_block"}
        assert third == second
        assert "thinking-binding" in server.requests[1].headers["anthropic-beta"]

        other = Thread("conv-other")
        other.messages = thread.messages
        await complete(client, other.request(model="claude-opus-5-5", effort="medium"))
        assert "old" not in json.dumps(server.requests[-1].json)
        assert "Hello." in json.dumps(server.requests[-1].json)


async def test_an_answer_costs_what_the_table_says():
    usage = {"input": 1_000_000, "output": 100_000, "cache_read": 1_000_000, "cache_write": 0}
    with WireServer([Say("ok", usage=usage), Say("ok", usage=usage)]) as server:
        client = provider("anthropic", server.base_url)
        known = await complete(client, told("hi").request(model="claude-haiku-4-5-20251001"))
        unknown = await complete(client, told("hi").request(model="claude-99"))
    assert known.usage.cost_usd == pytest.approx(1 + 0.5 + 0.1)
    assert unknown.usage.cost_usd is None


async def test_models_are_listed_live_with_their_windows():
    rows = [
        {"id": "claude-new-9", "max_input_tokens": 2_000_000, "max_tokens": 9, "type": "model"},
        {"id": "claude-haiku-4-5", "type": "model"},
    ]
    with WireServer(pages={"/v1/models": {"data": rows, "has_more": False}}) as server:
        found = await provider("anthropic", server.base_url).models()
    assert [(info.handle, info.context_window) for info in found] == [
        ("anthropic/claude-new-9", 2_000_000),
        ("anthropic/claude-haiku-4-5", 200_000),
    ]


async def test_an_unknown_model_is_described_as_unknown_when_the_api_is_away():
    info = await provider("anthropic", "http://127.0.0.1:9").model_info("claude-opus-9")
    assert (info.handle, info.context_window) == ("anthropic/claude-opus-9", None)


async def test_without_a_key_it_says_what_to_set_and_asks_nobody():
    with WireServer([Say("ok")]) as server:
        client = load("anthropic", ProviderSettings("anthropic", base_url=server.base_url))
        with pytest.raises(AuthError, match="ANTHROPIC_API_KEY"):
            await complete(client, told("hi").request())
        assert server.requests == []


async def test_a_header_of_the_settings_may_stand_for_the_key():
    with WireServer([Say("ok")]) as server:
        client = provider(
            "anthropic", server.base_url, api_key=None, headers=(("X-Api-Key", "of-a-proxy"),)
        )
        await complete(client, told("hi").request())
        headers = server.requests[0].headers
    assert headers["x-api-key"] == "of-a-proxy"
    assert "authorization" not in headers


async def test_the_environment_of_the_sdk_is_not_consulted(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-somebody")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    with WireServer([Say("ok")]) as server:
        await complete(provider("anthropic", server.base_url), told("hi").request())
        assert "token-of-somebody" not in str(server.requests[0].headers)


async def test_empty_text_and_lone_reasoning_are_never_sent():
    thread = told("hi")
    thread.add("assistant", Reasoning("hm", "anthropic", {"type": "thinking", "signature": "s"}))
    thread.add("user", "well?")
    thread.add("assistant", Text("  "), ToolCall("c-1", "Read", {"path": "a"}))
    thread.returns(thread.messages[-1].tool_calls[0], "")
    with WireServer([Say("ok")]) as server:
        await complete(provider("anthropic", server.base_url), thread.request())
        messages = server.requests[0].json["messages"]
    assert [message["role"] for message in messages] == ["user", "user", "assistant", "user"]
    assert [block["type"] for block in messages[2]["content"]] == ["tool_use"]


async def test_output_room_is_bounded_by_what_the_model_can_write():
    with WireServer([Say("ok")] * 3) as server:
        client = provider("anthropic", server.base_url)
        await complete(client, told("hi").request(model="claude-haiku-4-5"))
        await complete(client, told("hi").request(max_output=500))
        await complete(client, told("hi").request(model="claude-haiku-4-5", max_output=10**6))
        assert [request.json["max_tokens"] for request in server.requests] == [32_000, 500, 64_000]
