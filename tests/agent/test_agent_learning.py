"""A conversation becomes a draft; skills count by the end of the run they were used in."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_agent_reflection import INFO, Desk

from letta_cli.agent.drafts import accept, diff_of, drop
from letta_cli.agent.learning import Lesson, learn
from letta_cli.agent.skill_outcome import judge
from letta_cli.config import load_config
from letta_cli.core.clock import now
from letta_cli.core.errors import UsageError
from letta_cli.core.event import Event, RunFinished, TextDelta
from letta_cli.core.message import Message, ToolReturn
from letta_cli.core.run import StopReason
from letta_cli.skills import read_draft

GOOD = """\
name: run-checks
description: Run the checks before a commit.

## When to use
Before each commit.

## Steps
1. Run `make check`. [2]

## Pitfalls
- It needs a database. [1, 2]
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def learned(desk: Desk, script: Any, **wish: str) -> tuple[Lesson, list[Event]]:
    source = desk.store.conversations.get(desk.talk("how do I check?", answer="make check"))
    lesson = Lesson(source, **wish)
    events = [event async for event in learn(desk.bench(script), lesson)]
    return lesson, events


async def test_a_draft_cites_the_turns_it_comes_from(desk: Desk):
    lesson, events = await learned(desk, [{"text": GOOD}])
    assert lesson.draft is not None and lesson.problem == ""
    assert not [event for event in events if isinstance(event, TextDelta)], "shown once, checked"
    assert f"`make check`. ({lesson.source.id}:2)" in lesson.draft.text
    assert f"({lesson.source.id}:1) ({lesson.source.id}:2)" in lesson.draft.text
    assert "[1] user: how do I check?" in desk.asked()[0]


async def test_what_is_wrong_is_said_and_mended(desk: Desk):
    uncited = GOOD.replace(" [2]", "").replace(" [1, 2]", "")
    lesson, _ = await learned(
        desk, [{"text": uncited}, {"text": GOOD.replace("[2]", "[7]")}, {"text": GOOD}]
    )
    assert lesson.draft is not None
    assert len(desk.asked()) == 3


async def test_after_three_tries_there_is_no_draft_and_it_is_said_why(desk: Desk):
    lesson, _ = await learned(desk, [{"text": "I would rather not.", "repeat": True}])
    assert lesson.draft is None and lesson.problem
    assert desk.store.skill_drafts.list(desk.agent.id) == []
    assert len(desk.asked()) == 3


async def test_a_form_that_is_only_copied_is_no_draft(desk: Desk):
    copied = "name: lower-case-words-joined-by-dashes\n" + GOOD.partition("\n")[2]
    lesson, _ = await learned(desk, [{"text": copied}, {"text": GOOD}])
    assert lesson.draft is not None and lesson.draft.name == "run-checks"
    assert len(desk.asked()) == 2


async def test_of_a_small_models_conversation_the_persons_own_corrections_are_kept(desk: Desk):
    source = desk.store.conversations.get(desk.talk("how do I check?", "not so: make check"))
    lesson = Lesson(source)
    bench = desk.bench([{"text": "It is tox.", "repeat": True}], replace(INFO, small=True))
    events = [event async for event in learn(bench, lesson)]
    assert [type(event) for event in events].count(RunFinished) == 1
    assert not desk.record.exists(), "what it would say of the right way is not to be relied on"
    assert lesson.draft is not None and lesson.draft.name == "how-do-i-check"
    assert (
        "1. When asked “how do I check?”, the person put it right: “not so: make check”"
        in lesson.draft.text
    )
    assert (
        "Use when asked for something like: how do I check?"
        in read_draft(lesson.draft.text).description
    )


async def test_a_small_model_that_nobody_corrected_is_asked_piece_by_piece(desk: Desk):
    source = desk.store.conversations.get(desk.talk("how do I check?"))
    answers = [{"text": text} for text in ("Use when asked to check", "Run make check", "Ran tox")]
    lesson = Lesson(source)
    bench = desk.bench(answers, replace(INFO, small=True))
    events = [event async for event in learn(bench, lesson)]
    assert [type(event) for event in events].count(RunFinished) == 1
    assert lesson.draft is not None and lesson.draft.name == "how-do-i-check"
    assert f"1. Run make check ({source.id}:1)" in lesson.draft.text
    assert f"- Ran tox ({source.id}:1)" in lesson.draft.text
    assert "description: Use when asked to check" in lesson.draft.text


async def test_a_failing_model_is_no_draft(desk: Desk):
    lesson, _ = await learned(desk, [{"error": {"code": "authentication"}}, {"text": GOOD}])
    assert lesson.draft is None and lesson.problem


async def test_an_empty_conversation_teaches_nothing(desk: Desk):
    empty = desk.store.conversations.create(desk.agent.id, cwd="/p", project="/p")
    with pytest.raises(UsageError, match="Nothing was said"):
        [event async for event in learn(desk.bench([]), Lesson(empty))]


async def test_a_draft_is_accepted_dropped_and_what_was_there_before_comes_back(
    desk: Desk, tmp_path: Path
):
    config = load_config(cwd=tmp_path, environ={"HOME": str(tmp_path), "AGENT_HOME": str(tmp_path)})
    root = tmp_path / "skills"
    (root / "check-all").mkdir(parents=True)
    (root / "check-all" / "SKILL.md").write_text("old\n")
    lesson, _ = await learned(desk, [{"text": GOOD}], name="check-all")
    assert lesson.draft is not None and lesson.draft.name == "check-all"
    assert diff_of(lesson.draft, root).splitlines()[2:4] == ["@@ -1 +1,13 @@", "-old"]
    path = accept(desk.store, lesson.draft, config, project=False)
    assert path.read_text() == lesson.draft.text
    stored = desk.store.skill_drafts.find(desk.agent.id, lesson.draft.id)
    with pytest.raises(UsageError, match="already"):
        accept(desk.store, stored, config, project=False)
    drop(desk.store, stored)
    assert path.read_text() == "old\n"
    with pytest.raises(UsageError, match="dropped already"):
        drop(desk.store, desk.store.skill_drafts.find(desk.agent.id, "check-all"))


@pytest.mark.parametrize(
    ("stop", "statuses", "outcome"),
    [
        ("end_turn", [], "worked"),
        ("end_turn", ["error", "ok"], "worked"),
        ("end_turn", ["ok", "error"], "failed"),
        ("max_steps", ["ok"], "failed"),
        ("error", [], "failed"),
        ("cancelled", ["error"], "unknown"),
    ],
)
def test_a_skill_worked_when_its_run_ended_well(
    stop: StopReason, statuses: list[Any], outcome: str
):
    messages = [
        Message("m", "c", seq, "tool", (ToolReturn("c", "Bash", status, ""),), now(), "run-1")
        for seq, status in enumerate(statuses, start=1)
    ]
    later = Message("m", "c", 9, "tool", (ToolReturn("c", "Bash", "error", ""),), now(), "run-2")
    assert judge([*messages, later], "run-1", stop) == outcome
