"""What a summary costs is counted, and what memory says while it is written is not lost."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

from letta_cli.agent.compaction import compact
from letta_cli.agent.notes import read_summary
from letta_cli.agent.turn import Limits
from letta_cli.core.event import Compacted, RunFinished
from letta_cli.core.memory import Origin
from letta_cli.core.provider import Delta, ModelInfo, Request
from letta_cli.core.run import Usage
from letta_cli.store import open_store

INFO = ModelInfo("scripted/test", context_window=20_000)
NOTES = {
    "when": "Write the notes", "text": "## Goals\nFind it.", "repeat": True,
    "usage": {"input": 4_000, "output": 100, "cost_usd": 0.25},
}  # fmt: skip
ANSWER = {"text": "x " * 200, "usage": {"input": 0, "output": 0, "cost_usd": 0.01}, "repeat": True}


async def full(s) -> None:
    for number in range(6):
        await s.play(f"question {number} " + "word " * 720)


def finished(events) -> RunFinished:
    return next(event for event in events if isinstance(event, RunFinished))


async def until_compacted(s) -> list:
    for number in range(30):
        events = await s.play(f"and {number} " + "word " * 1_500)
        if any(isinstance(event, Compacted) for event in events):
            return events
    raise AssertionError("never compacted")


async def test_the_cost_of_a_summary_counts_for_its_run_and_its_conversation(stage):
    s = stage([NOTES, ANSWER], info=INFO)
    events = await until_compacted(s)
    conversation_id = s.turn.thread.conversation.id
    runs = s.store.runs.list(conversation_id)
    assert finished(events).usage.cost_usd == 0.26
    assert runs[-1].usage.cost_usd == 0.26
    assert runs[-1].steps == 1
    assert runs[-1].usage.input == 4_000
    assert s.store.runs.totals(conversation_id).cost_usd == round(0.25 + 0.01 * len(runs), 2)


async def test_a_summary_that_a_person_asked_for_counts_for_the_conversation(stage):
    s = stage([NOTES, ANSWER], info=INFO)
    await full(s)
    conversation_id = s.turn.thread.conversation.id
    before = s.store.runs.totals(conversation_id)
    assert [event async for event in compact(s.turn, "manual")]
    after = s.store.runs.totals(conversation_id)
    assert round((after.cost_usd or 0) - (before.cost_usd or 0), 4) == 0.25
    runs = s.store.runs.list(conversation_id)
    assert round(sum(run.usage.cost_usd or 0 for run in runs), 4) == before.cost_usd
    (made,) = s.store.runs.compactions(conversation_id)
    assert made.usage == Usage(4_000, 100, cost_usd=0.25) and made.run_id is None


async def test_a_summary_can_use_up_the_budget_of_a_run(stage):
    s = stage([NOTES, ANSWER], info=INFO, limits=Limits(max_budget_usd=0.2, max_tries=3))
    events = await until_compacted(s)
    assert finished(events).stop_reason == "max_budget"


class Meddling:
    """The provider of a turn; another session edits memory while a summary is written."""

    def __init__(self, inner, edit) -> None:
        self.inner, self.edit, self.name = inner, edit, inner.name

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        if not request.tools and self.edit is not None:
            edit, self.edit = self.edit, None
            edit()
        async for delta in self.inner.stream(request):
            yield delta


async def test_memory_that_changes_while_a_summary_is_written_is_told_after_it(
    stage, tmp_path: Path
):
    s = stage([NOTES, ANSWER], info=INFO)
    elsewhere = open_store(f"sqlite:///{tmp_path}/agent.db")
    human = s.store.blocks.find(s.turn.agent.id, "human")

    def edit(text: str) -> None:
        elsewhere.blocks.insert(human.id, text, origin=Origin("person"))

    await s.play("question " + "word " * 4_000)
    for number in range(30):
        edit(f"The heron was seen {number} times.")
        meddling = Meddling(s.turn.provider, lambda: edit("The heron left."))
        s.turn = dataclasses.replace(s.turn, provider=meddling)
        events = await s.play(f"and {number} " + "word " * 1_500)
        s.turn = dataclasses.replace(s.turn, provider=meddling.inner)
        if any(isinstance(event, Compacted) for event in events):
            break
    messages = s.turn.thread.messages
    notices = [each.text for each in messages if each.role == "notice"]
    assert any("seen" in text and "left" not in text for text in notices), "an older one stays"
    assert "The heron left." in s.turn.thread.conversation.system_prompt
    assert "The heron left." in notices[-1]
    sent = s.requests()[-1]["messages"]
    assert "The heron left." in str(sent), "the request after the summary already says so"
    elsewhere.close()


async def test_memory_that_the_fresh_prompt_tells_of_is_not_told_again(stage, tmp_path: Path):
    s = stage([NOTES, ANSWER], info=INFO)
    await full(s)
    elsewhere = open_store(f"sqlite:///{tmp_path}/agent.db")
    human = elsewhere.blocks.find(s.turn.agent.id, "human")
    elsewhere.blocks.insert(human.id, "Likes herons.", origin=Origin("person"))
    assert [event async for event in compact(s.turn, "manual")]
    assert "Likes herons." in s.turn.thread.conversation.system_prompt
    await s.play("go on")
    assert not [each for each in s.turn.thread.messages if each.role == "notice"]
    elsewhere.close()


async def test_a_small_model_is_asked_for_no_notes_and_they_hold_what_was_said_and_done(stage):
    s = stage(
        [
            {"when": "dearest", "tool_calls": [
                {"name": "Read", "arguments": {"file_path": "app.py"}}]},
            {"when": "answer = 41", "tool_calls": [{"name": "Edit", "arguments": {
                "file_path": "app.py", "old_string": "answer = 41", "new_string": "answer = 42"}}]},
            {"when": "answer = 42", "text": "The answer is 42 now."},
            {"text": "All right.", "repeat": True},
        ],
        info=dataclasses.replace(INFO, small=True, context_window=8_000),
    )  # fmt: skip
    await s.play("We decided that prices are integers in cents. Change the dearest answer to 42.")
    await s.play("Our staging server is called heron. What is it for?")
    for number in range(4):
        await s.play(f"go on {number} " + "word " * 500)
    (event,) = [e async for e in compact(s.turn, "manual") if isinstance(e, Compacted)]
    assert event.usage == Usage() and not event.failure
    assert not any("Write the notes" in str(request) for request in s.requests())
    notes = read_summary(s.turn.thread.messages[0].text)
    assert [(entry.seq, entry.text) for entry in notes.ledger] == [
        (1, "We decided that prices are integers in cents."),
        (7, "Our staging server is called heron."),
    ]
    first, second, *_ = notes.state.splitlines()
    assert first.startswith("- [1] “We decided that prices")
    assert "changed app.py" in first and first.endswith("answered “The answer is 42 now.”")
    assert second.startswith("- [7] “Our staging server is called heron. What is it for?”")
