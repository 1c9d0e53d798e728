"""What is particular to OpenAI's Responses API."""

import json

import pytest
from story import complete, provider, told
from wire import Fail, Raw, Say, WireServer

from letta_cli.core.errors import AuthError, BadRequest, Overloaded, RateLimited
from letta_cli.core.message import Reasoning, Text
from letta_cli.core.provider import ProviderSettings
from letta_cli.providers import load


def sse(*events: dict) -> Raw:
    return Raw(
        "".join(
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events
        ).encode()
    )


def completed(**response) -> dict:
    return {"type": "response.completed", "response": {"status": "completed", **response}}


async def body_of(**changes) -> dict:
    with WireServer([Say("ok")]) as server:
        await complete(provider("openai", server.base_url), told("hi").request(**changes))
        return server.requests[0].json


async def test_nothing_is_stored_there_and_the_cache_is_keyed_by_conversation():
    body = await body_of(model="gpt-6-sol")
    assert body["store"] is False
    assert body["prompt_cache_key"] == "conv-test"
    assert body["instructions"].startswith("You are")
    assert body["include"] == ["reasoning.encrypted_content"]


async def test_effort_asks_for_a_summary_of_the_reasoning():
    assert (await body_of(model="gpt-6-sol", effort="high"))["reasoning"] == {
        "effort": "high",
        "summary": "auto",
    }
    assert "reasoning" not in await body_of(model="gpt-6-sol", effort="off")


async def test_a_model_that_does_not_reason_is_not_asked_to():
    body = await body_of(model="gpt-4.1", effort="high")
    assert "reasoning" not in body
    assert "include" not in body


async def test_an_unknown_model_that_refuses_reasoning_is_not_asked_again():
    refusal = Fail(400, "Unsupported parameter: 'reasoning.effort' is not supported")
    with WireServer([refusal, Say("ok"), Say("ok")]) as server:
        client = provider("openai", server.base_url)
        for _ in range(2):
            await complete(client, told("hi").request(model="new-model", effort="high"))
        assert ["reasoning" in request.json for request in server.requests] == [True, False, False]


async def test_without_the_right_to_summaries_it_goes_on_without():
    refusal = Fail(400, "Your organization must be verified to generate reasoning summaries.")
    with WireServer([refusal, Say("ok")]) as server:
        client = provider("openai", server.base_url)
        await complete(client, told("hi").request(model="gpt-6-sol", effort="high"))
        assert server.requests[1].json["reasoning"] == {"effort": "high"}


async def test_reasoning_that_is_no_longer_accepted_is_left_out():
    thread = told("hi")
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "old"}
    thread.add("assistant", Reasoning("", "openai", item), "Hello.")
    thread.add("user", "go on")
    refusal = Fail(400, "The encrypted content could not be verified.")
    with WireServer([refusal, Say("ok", reasoning="Hm."), Say("ok")]) as server:
        client = provider("openai", server.base_url)
        done = await complete(client, thread.request(model="gpt-6-sol"))
        thread.add("assistant", *done.parts)
        thread.add("user", "more")
        await complete(client, thread.request(model="gpt-6-sol"))
        kinds = [[item["type"] for item in request.json["input"]] for request in server.requests]
    assert kinds == [
        ["message", "reasoning", "message", "message"],
        ["message", "message", "message"],
        ["message", "message", "message", "reasoning", "message", "message"],
    ]


async def test_another_refusal_is_told_at_once():
    with WireServer([Fail(400, "Invalid value: 'tools'")]) as server:
        with pytest.raises(BadRequest, match="Invalid value"):
            await complete(provider("openai", server.base_url), told("hi").request())
        assert len(server.requests) == 1


async def test_the_phase_of_a_text_goes_back_with_it():
    item = {
        "type": "message",
        "role": "assistant",
        "phase": "commentary",
        "content": [{"type": "output_text", "text": "I look."}],
    }
    events = sse(
        {"type": "response.output_item.done", "output_index": 0, "item": item}, completed()
    )
    with WireServer([events, Say("ok")]) as server:
        client = provider("openai", server.base_url)
        thread = told("hi")
        done = await complete(client, thread.request())
        assert done.parts[-1] == Text("I look.")
        thread.add("assistant", *done.parts)
        thread.add("user", "go on")
        await complete(client, thread.request())
        sent = server.requests[1].json["input"]
    assert sent[1] == {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "I look."}],
        "phase": "commentary",
    }


async def test_items_that_only_the_final_event_holds_are_not_lost():
    item = {"type": "message", "content": [{"type": "output_text", "text": "Hello."}]}
    with WireServer([sse(completed(output=[item]))]) as server:
        done = await complete(provider("openai", server.base_url), told("hi").request())
    assert done.parts == (Text("Hello."),)


async def test_a_refusal_is_text_and_a_stop_reason():
    item = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    events = sse(
        {"type": "response.refusal.delta", "output_index": 0, "delta": "No."},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        completed(),
    )
    with WireServer([events]) as server:
        done = await complete(provider("openai", server.base_url), told("hi").request())
    assert done.parts == (Text("No."),)
    assert done.stop_reason == "refusal"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (
            {"type": "error", "code": "rate_limit_exceeded", "message": "try again in 2s"},
            RateLimited,
        ),
        ({"type": "error", "error": {"type": "overloaded", "message": "busy"}}, Overloaded),
    ],
)
async def test_an_error_event_is_the_error_it_names(event, kind):
    with WireServer([sse(event)]) as server, pytest.raises(kind) as caught:
        await complete(provider("openai", server.base_url), told("hi").request())
    if kind is RateLimited:
        assert caught.value.retry_after == 2


async def test_reasoning_tokens_are_told_and_priced_as_output():
    usage = {"input": 1_000_000, "output": 100_000, "reasoning": 60_000}
    with WireServer([Say("ok", usage=usage)]) as server:
        done = await complete(
            provider("openai", server.base_url), told("hi").request(model="gpt-4.1")
        )
    assert done.usage.reasoning == 60_000
    assert done.usage.cost_usd == pytest.approx(2 + 0.8)


async def test_without_a_key_it_says_what_to_set_and_asks_nobody(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-handed-down")
    with WireServer([Say("ok")]) as server:
        client = load("openai", ProviderSettings("openai", base_url=server.base_url + "/v1"))
        with pytest.raises(AuthError, match="OPENAI_API_KEY"):
            await complete(client, told("hi").request())
        assert server.requests == []


async def test_tools_are_not_strict_because_their_arguments_may_be_optional():
    body = await body_of()
    assert [tool["strict"] for tool in body["tools"]] == [False, False]
