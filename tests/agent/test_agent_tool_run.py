"""Tool calls whose outcome cannot be written down, or not even hashed, still end."""

import asyncio

import pytest

from letta_cli.agent.loop import run
from letta_cli.core.errors import DiskFull
from letta_cli.core.event import ApprovalRequested, RunFinished
from letta_cli.core.message import Text
from letta_cli.core.permission import Answer


@pytest.mark.parametrize("step", ["mark_call", "finish_call"])
async def test_a_store_that_fails_during_a_tool_call_ends_the_run_with_its_error(
    stage, monkeypatch, step
):
    s = stage([
        {"tool_calls": [{"name": "Bash", "arguments": {"command": "true"}}]},
        {"text": "done"},
    ])  # fmt: skip

    def full(*_args: object, **_kwargs: object) -> None:
        raise DiskFull("No space left.")

    with monkeypatch.context() as broken:
        broken.setattr(s.store.runs, step, full)
        events = await asyncio.wait_for(s.play("first"), 10)
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert (last.error_code, last.exit_code) == ("disk_full", 1)
    assert [role for role, _ in s.stored()] == ["user", "assistant", "tool"]


async def test_arguments_that_utf8_cannot_write_can_be_approved(stage):
    s = stage([
        {"tool_calls": [{"name": "Bash", "arguments": {"command": "touch \ud800"}}]},
        {"text": "done"},
    ], mode="default", interactive=True)  # fmt: skip
    events = []
    async for event in run(s.turn, (Text("go"),)):
        events.append(event)
        if isinstance(event, ApprovalRequested):
            s.turn.inbox.answer(event.request_id, Answer(allow=True))
    assert any(isinstance(event, ApprovalRequested) for event in events)
    assert events[-1].text == "done"
