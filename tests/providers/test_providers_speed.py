"""The work of a step must not grow with the conversation."""

import time

import pytest
from story import Thread, complete, provider
from wire import Say, WireServer

from letta_cli.core.message import ToolCall


def long_thread(messages: int) -> Thread:
    thread = Thread()
    thread.add("user", "go")
    while len(thread.messages) < messages:
        call = ToolCall(f"c-{len(thread.messages)}", "Read", {"path": "src/module.py"})
        thread.add("assistant", "Reading on.", call)
        thread.returns(call, "a line of code\n" * 60)
    return thread


@pytest.mark.parametrize("name", ["anthropic", "openai", "openai-compatible"])
async def test_a_step_with_200_messages_takes_a_few_milliseconds_of_cpu(name):
    thread = long_thread(200)
    with WireServer(lambda request: Say("ok")) as server:
        client = provider(name, server.base_url)
        await complete(client, thread.request())
        spent = []
        for _ in range(5):
            request = thread.request()
            start = time.thread_time()
            await complete(client, request)
            spent.append(time.thread_time() - start)
    # Everything is in it: our conversion, the SDK, reading the stream. The bound is generous,
    # for a busy machine; the typed methods of the SDK alone take 30 ms.
    assert min(spent) < 0.015


async def test_only_new_messages_are_converted():
    converted = []
    with WireServer(lambda request: Say("ok")) as server:
        client = provider("anthropic", server.base_url)
        cache = client._cache  # type: ignore[attr-defined]
        convert = cache._convert_message
        cache._convert_message = lambda message: converted.append(message.seq) or convert(message)
        thread = long_thread(50)
        await complete(client, thread.request())
        assert len(converted) == len(thread.messages)
        converted.clear()
        new = thread.add("user", "and now")
        await complete(client, thread.request())
    assert converted == [new.seq]
