"""Compaction more than once: each summary is made from what stands in the window then."""

import dataclasses
import json

from story import provider
from wire import Say, WireServer

from letta_cli.agent.compaction import compact
from letta_cli.core.event import Compacted
from letta_cli.core.provider import ModelInfo

INFO = ModelInfo("scripted/test", context_window=20_000)


async def compacted(stage) -> bool:
    return any([isinstance(event, Compacted) async for event in compact(stage.turn, "manual")])


async def test_a_second_summary_is_made_from_the_first_one_too(stage):
    s = stage([
        {"when": "Write the notes", "text": "Goals: find the marmalade."},
        {"when": "Write the notes", "text": "Goals: go on."},
        {"text": "x " * 200, "repeat": True},
    ], info=INFO)  # fmt: skip
    for number in range(6):
        await s.play(f"question {number} " + "word " * 720)
    assert await compacted(s)
    await s.play("one more " * 400)
    assert await compacted(s)
    assert "find the marmalade" in json.dumps(s.requests()[-1])


async def test_a_provider_that_remembers_messages_is_asked_for_each_summary_anew(stage):
    s = stage([{"text": "x " * 200, "repeat": True}], info=INFO)
    with WireServer([Say("first notes"), Say("second notes")]) as server:
        wired = provider("openai-compatible", server.base_url)
        for word in ("apples", "pears"):
            for number in range(6):
                await s.play(f"{word} {number} " + "word " * 720)
            scripted, s.turn = s.turn, dataclasses.replace(s.turn, provider=wired)
            assert await compacted(s)
            s.turn = scripted
        first, second = (request.raw.decode() for request in server.requests)
    assert "apples" in first and "pears" not in first
    assert "pears" in second and "first notes" in second
