"""What goes wrong on the wire becomes one of the core's errors, the same for every provider."""

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from story import collect, complete, provider, told
from wire import Call, Fail, Raw, Say, WireServer

from letta_cli.core.errors import (
    AuthError,
    BadRequest,
    ConnectionFailed,
    ContextOverflow,
    ModelNotFound,
    Overloaded,
    ProviderError,
    RateLimited,
    ServerError,
    StreamCut,
    Timeout,
    Unreachable,
)
from letta_cli.core.provider import CallChunk

PROVIDERS = ("anthropic", "openai", "openai-compatible")


@pytest.fixture(params=PROVIDERS)
def name(request):
    return request.param


async def failure_of(name: str, *replies, **settings) -> ProviderError:
    with WireServer(list(replies)) as server:
        client = provider(name, server.base_url, **settings)
        with pytest.raises(ProviderError) as caught:
            await collect(client.stream(told("hi").request()))
        await client.aclose()
        assert len(server.requests) == 1
    return caught.value


async def test_a_rate_limit_carries_the_seconds_the_server_asks_for(name):
    error = await failure_of(name, Fail(429, "slow down", retry_after="7"))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7
    assert error.status == 429


async def test_a_wait_of_many_minutes_is_told_as_it_is(name):
    error = await failure_of(name, Fail(429, "slow down", retry_after="1800"))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 1800


async def test_a_wait_named_as_a_date_is_counted_from_now(name):
    moment = datetime.now(UTC) + timedelta(seconds=90)
    error = await failure_of(name, Fail(429, "x", retry_after=format_datetime(moment, usegmt=True)))
    assert isinstance(error, RateLimited)
    assert error.retry_after == pytest.approx(90, abs=5)


async def test_a_wait_in_milliseconds_wins_over_seconds(name):
    error = await failure_of(
        name, Fail(429, "x", retry_after="9", headers={"retry-after-ms": "250"})
    )
    assert isinstance(error, RateLimited)
    assert error.retry_after == 0.25


async def test_an_overloaded_server_is_worth_another_try(name):
    for status in (529, 503):
        error = await failure_of(name, Fail(status, "busy", retry_after="3"))
        assert isinstance(error, Overloaded)
        assert error.retry_after == 3


async def test_a_failing_server_is_worth_another_try(name):
    assert isinstance(await failure_of(name, Fail(500, "oops")), ServerError)
    assert isinstance(await failure_of(name, Fail(502, "oops")), ServerError)


async def test_overload_in_mid_stream_is_an_overload(name):
    code = "overloaded_error" if name == "anthropic" else "overloaded"
    error = await failure_of(name, Say("half an ans", error=code))
    assert isinstance(error, Overloaded)


async def test_rate_limit_in_mid_stream_is_a_rate_limit(name):
    code = "rate_limit_error" if name == "anthropic" else "rate_limit_exceeded"
    assert isinstance(await failure_of(name, Say("half", error=code)), RateLimited)


async def test_an_unknown_error_in_mid_stream_counts_as_the_servers_failure(name):
    assert isinstance(await failure_of(name, Say("half", error="mystery")), ServerError)


@pytest.mark.parametrize("cut", ["reset", "clean"])
async def test_a_stream_cut_in_the_middle_of_a_tool_call_is_no_message(name, cut):
    with WireServer([Say("I read.", calls=[Call("Read", {"path": "x" * 60})], cut=cut)]) as server:
        client = provider(name, server.base_url)
        seen = []
        with pytest.raises(StreamCut):
            async for delta in client.stream(told("hi").request()):
                seen.append(delta)
        assert any(isinstance(delta, CallChunk) for delta in seen)
        assert not hasattr(seen[-1], "parts")


async def test_garbage_in_the_stream_is_a_cut_stream(name):
    for garbage in (b"data: {not json\n\n", b"event: x\ndata: \xff\xfe\xfd\n\n"):
        assert isinstance(await failure_of(name, Say("half", garbage=garbage)), StreamCut)


async def test_an_empty_stream_is_a_cut_stream(name):
    assert isinstance(await failure_of(name, Raw(b"")), StreamCut)


async def test_a_wrong_key_says_which_variable_to_set_and_never_the_key(name):
    error = await failure_of(name, Fail(401, "Incorrect API key provided: sk-secret-key-123456."))
    assert isinstance(error, AuthError)
    variable = "ANTHROPIC_API_KEY" if name == "anthropic" else "OPENAI_API_KEY"
    assert variable in str(error)
    assert "sk-secret" not in str(error)


async def test_an_unknown_model_is_named_with_the_way_to_find_others(name):
    error = await failure_of(name, Fail(404, "model: test-model"))
    assert isinstance(error, ModelNotFound)
    assert "test-model" in str(error)
    assert "agent models" in str(error)


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "prompt is too long: 210000 tokens > 200000 maximum", ""),
        (400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
        (400, "the request exceeds the available context size, try increasing it", ""),
        (413, "Request exceeds the maximum size", ""),
    ],
)
async def test_a_request_that_is_too_long_leads_to_compaction(name, status, message, code):
    assert isinstance(await failure_of(name, Fail(status, message, code=code)), ContextOverflow)


async def test_more_than_the_account_may_send_at_once_is_not_waited_for(name):
    error = await failure_of(
        name, Fail(429, "Request too large for m: Limit 30000, Requested 41000")
    )
    assert isinstance(error, ContextOverflow)


async def test_a_refused_request_is_not_worth_another_try(name):
    error = await failure_of(name, Fail(400, "tools.0.name: too short"))
    assert type(error) is BadRequest
    assert "tools.0.name" in str(error)


async def test_an_empty_account_is_not_a_rate_limit(name):
    error = await failure_of(name, Fail(429, "You exceeded your quota", code="insufficient_quota"))
    assert type(error) is BadRequest
    assert "credit" in str(error)


async def test_a_server_that_says_nothing_times_out(name):
    start = time.monotonic()
    error = await failure_of(name, Say("late", first_delay=3), timeout_seconds=0.3)
    assert isinstance(error, Timeout)
    assert time.monotonic() - start < 2


async def test_a_stream_that_falls_silent_times_out(name):
    assert isinstance(await failure_of(name, Say("late", delay=3), timeout_seconds=0.3), Timeout)


async def test_no_server_at_all_says_where_it_was_looked_for(name):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = provider(name, url)
    with pytest.raises(ConnectionFailed) as caught:
        await collect(client.stream(told("hi").request()))
    assert url in str(caught.value)


async def test_after_a_failure_the_same_client_goes_on_over_the_same_connection(name):
    with WireServer([Fail(529, "busy"), Fail(500, "oops"), Say("there")]) as server:
        client = provider(name, server.base_url)
        for _ in range(2):
            with pytest.raises(ProviderError):
                await collect(client.stream(told("hi").request()))
        assert (await complete(client, told("hi").request())).parts[0].text == "there"
        assert server.connections == 1


async def test_giving_up_in_mid_stream_leaves_the_client_usable(name):
    with WireServer([Say("a long answer " * 20, delay=0.02), Say("there")]) as server:
        client = provider(name, server.base_url)
        stream = client.stream(told("hi").request())
        async for _ in stream:
            break
        await stream.aclose()
        assert (await complete(client, told("hi").request())).parts[0].text == "there"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message_start"}, {"type": "content_block_start", "index": "x"},
        {"type": "response.output_text.delta"}, {"choices": [None]}, {"choices": 5},
        {"choices": [{"delta": "x"}]}, {"choices": [{"delta": {"tool_calls": [None]}}]},
    ],
)  # fmt: skip
async def test_events_of_the_wrong_shape_are_a_cut_stream(name, event):
    sent = f"event: {event.get('type', 'message')}\ndata: {json.dumps(event)}\n\n"
    assert isinstance(await failure_of(name, Raw(sent.encode())), StreamCut)


async def test_a_password_in_an_address_is_not_told():
    client = provider("openai-compatible", "http://ada:topsecret@127.0.0.1:9")
    with pytest.raises(ConnectionFailed) as caught:
        await complete(client, told("hi").request())
    assert "topsecret" not in str(caught.value) and "127.0.0.1:9" in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no-such-host.invalid/v1"])
async def test_a_refused_connection_and_an_unknown_name_are_told_from_a_lost_one(name, address):
    with pytest.raises(Unreachable, match="Cannot reach"):
        await complete(provider(name, address), told("hi").request())
