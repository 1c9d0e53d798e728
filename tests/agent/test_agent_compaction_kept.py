"""What a compaction keeps, whatever the model writes, and where it gives up."""

import asyncio
import dataclasses
import json
from pathlib import Path

from letta_cli.agent.compaction import compact
from letta_cli.agent.cut import choose_cut
from letta_cli.agent.notes import Notes, Room, merge, read_summary, task, write
from letta_cli.agent.record import Entry, Record
from letta_cli.agent.request import context_tokens
from letta_cli.agent.shelf import Shelf
from letta_cli.core.clock import now
from letta_cli.core.errors import ContextOverflow
from letta_cli.core.event import Compacted, Notice, RunFinished
from letta_cli.core.message import Message, Text, ToolCall, ToolReturn
from letta_cli.core.provider import ModelInfo
from letta_cli.core.skill import Skill
from letta_cli.providers.tokens import estimate, estimate_message, estimate_tools

INFO = ModelInfo("scripted/test", context_window=20_000)
ROOM = Room(words=500, ledger=400, files=100, request=100, results=100, skills=400)


def message(seq: int, role: str, *parts) -> Message:
    return Message(f"message-{seq}", "conv-1", seq, role, parts, now())  # type: ignore[arg-type]


def call(name: str, **arguments) -> dict:
    return {"name": name, "arguments": arguments}


async def manual(s, focus: str = "") -> list[Compacted]:
    events = [event async for event in compact(s.turn, "manual", focus)]
    return [event for event in events if isinstance(event, Compacted)]


def window() -> list[Message]:
    """Two turns of 1 + 100 + 100 + 100 tokens and a third that is going on."""
    long = Text("x" * 360)
    messages: list[Message] = []
    for turn in range(3):
        seq = turn * 4 + 1
        made = ToolCall(f"call-{turn}", "Read", {})
        messages += [
            message(seq, "user", Text("do it")),
            message(seq + 1, "assistant", long, made),
            message(seq + 2, "tool", ToolReturn(made.id, "Read", "ok", "y" * 360)),
            message(seq + 3, "assistant", long),
        ]
    return messages[:-1]


def test_a_window_is_cut_between_turns_where_that_keeps_enough():
    assert choose_cut(window(), keep=700, most=2_000) == 5
    assert choose_cut(window(), keep=300, most=2_000) == 9


def test_a_cut_within_a_turn_never_parts_a_call_from_its_return():
    for keep in range(0, 1_000, 20):
        cut = choose_cut(window(), keep=keep, most=2_000)
        assert {m.seq: m.role for m in window()}[cut] in ("user", "assistant")


def test_a_newest_step_that_is_too_large_is_not_kept_unless_it_has_room():
    assert choose_cut(window(), keep=50, most=400) == 10
    assert choose_cut(window(), keep=50, most=100) == 12
    assert choose_cut(window(), keep=50, most=400, whole_turn=True) == 9


def test_statements_are_carried_on_until_the_model_says_that_they_no_longer_hold():
    earlier = Notes(ledger=(Entry("Use tabs", 3), Entry("Port 80", 5)))
    reply = "## Decisions\n- Port 81 now [12]\n## Outdated\n- [5]\n## State\nAll is well."
    made = merge(earlier, reply, Record(), range(8, 20))
    assert made.ledger == (Entry("Use tabs", 3), Entry("Port 81 now", 12))
    again = merge(made, "We go on.", Record(), range(20, 30))
    assert again.ledger == made.ledger and again.state == "We go on."


def test_a_model_that_says_everything_again_does_not_fill_the_list():
    earlier = Notes(ledger=(Entry("The importer listens on port 80", 5), Entry("Use tabs", 7)))
    again = "## Facts\n- The importer listens on the port 80 [5]\n- None.\n- Use tabs [7]"
    assert merge(earlier, again, Record(), range(20, 30)).ledger == earlier.ledger
    other = "## Facts\n- The importer listens on port 81 [5]"
    assert merge(earlier, other, Record(), range(20, 30)).ledger[-1].text.endswith("81")


def test_a_negation_is_another_statement():
    earlier = Notes(ledger=(Entry("Deploy the shop on Friday evening before the release", 5),))
    reply = "## Decisions\n- Never deploy the shop on Friday evening before the release [22]"
    assert len(merge(earlier, reply, Record(), range(20, 30)).ledger) == 2


def test_what_the_person_laid_down_is_kept_when_the_model_forgets_it():
    record = Record()
    record.take([message(4, "user", Text("Hi. Never push to main! Is it 3 o'clock?"))], "/tmp")
    made = merge(Notes(), "## State\nNothing much.", record, range(1, 9))
    assert made.ledger == (Entry("Never push to main!", 4),)
    cited = merge(Notes(), "## Decisions\n- No pushes to main [4]", record, range(1, 9))
    assert cited.ledger == (Entry("No pushes to main", 4),)


def test_a_summary_is_read_back_as_it_was_written():
    notes = Notes(
        "Ship it.", "Half is done.\n## Goals of others\nnone", "Tests.", (Entry("a b", 2),)
    )
    record = Record(skills={"deploy": Entry("## Decisions\n- not mine [9]", 7)})
    text = write(notes, record, ROOM, conversation_id="conv-1", last=9)
    again = read_summary(text)
    assert (again.goals, again.next, again.ledger) == ("Ship it.", "Tests.", (Entry("a b", 2),))
    assert "Half is done." in again.state and "none" in again.state
    assert read_summary("free words of an old summary").state == "free words of an old summary"
    assert "Half is done." in task(again, "", "")


def test_a_list_that_is_too_long_loses_its_middle_and_says_so():
    ledger = tuple(
        Entry(f"statement {number} of many, word for word", number) for number in range(1, 200)
    )
    text = write(Notes(ledger=ledger), Record(), ROOM, conversation_id="conv-1", last=200)
    assert "[1] statement 1 of" in text and "[199] statement 199" in text
    assert "more: conversation_search finds them" in text
    assert estimate(text) < 600


async def test_files_open_work_and_skills_are_kept_by_the_program(stage, project: Path):
    body = project / "SKILL.md"
    body.write_text("---\nname: deploy\ndescription: Deploys.\n---\nRun the seven steps.\n")
    todos = [
        {"content": "write the importer", "status": "completed"},
        {"content": "test the importer", "status": "in_progress"},
    ]
    s = stage({"turns": [
        {"tool_calls": [call("Read", file_path="app.py"), call("Skill", skill="deploy"),
                        call("TodoWrite", todos=todos)]},
        {"tool_calls": [call("Edit", file_path="app.py", old_string="41", new_string="42"),
                        call("Write", file_path="new.py", content="x = 1\n")]},
        {"text": "done " * 600},
        {"when": "Write the notes", "text": "nothing of interest", "repeat": True},
        {"text": "ok " * 600, "repeat": True},
    ]}, info=INFO)  # fmt: skip
    s.turn = dataclasses.replace(s.turn, shelf=Shelf((Skill("deploy", "Deploys.", body, "user"),)))
    await s.play("Improve app.py")
    for _ in range(2):
        await s.play("go on " + "word " * 600)
        (done,) = await manual(s)
        summary = s.turn.thread.messages[0].text
        assert "Files changed, newest first: new.py [" in summary and "app.py [" in summary
        assert "- [>] test the importer" in summary and "- [x] write the importer" in summary
        assert "Run the seven steps." in summary
        assert done.summary_seq == s.turn.thread.messages[0].seq and done.last_seq > done.first_seq


async def test_a_model_that_cannot_summarise_leaves_an_extract_that_says_so(stage):
    s = stage([
        {"when": "Write the notes", "error": {"code": "bad_request"}, "repeat": True},
        {"text": "x " * 900, "repeat": True},
    ], info=INFO)  # fmt: skip
    await s.play("We decided to keep the marmalade in the fridge.")
    await s.play("word " * 900)
    (done,) = await manual(s)
    assert "bad_request" in done.failure
    summary = s.turn.thread.messages[0].text
    assert "This is an extract" in summary and "- [1] We decided to keep the marmalade" in summary
    assert (await s.play("go on"))[-1].stop_reason == "end_turn"


async def test_one_run_whose_tools_return_more_than_the_window_goes_on(stage, project: Path):
    for name in "abcde":
        (project / f"{name}.txt").write_text(f"{name}: " + "lorem ipsum dolor\n" * 1_000)
    reads = [call("Read", file_path=f"{name}.txt") for name in "abcde"]
    s = stage([
        {"when": "Write the notes", "text": "## State\nFiles were read.", "repeat": True},
        {"tool_calls": reads[:2]}, {"tool_calls": reads[2:]}, {"text": "all read"},
    ], info=INFO)  # fmt: skip
    events = await s.play("Read all five files. Never delete one.")
    compacted = [event for event in events if isinstance(event, Compacted)]
    assert compacted and events[-1].text == "all read"
    last = s.requests()[-1]["messages"]
    assert "Read all five files" in json.dumps(last) and "Never delete one." in json.dumps(last)
    answered = [
        part["call_id"] for m in last for part in m["parts"] if part["type"] == "tool_return"
    ]
    asked = [part["id"] for m in last for part in m["parts"] if part["type"] == "tool_call"]
    assert answered == asked
    assert compacted[-1].after_tokens < INFO.context_window * 0.84


async def test_a_pasted_text_larger_than_the_window_is_answered_from_its_ends(stage):
    s = stage([
        {"when": "Write the notes", "text": "## State\nA long text came.", "repeat": True},
        {"text": "ok", "repeat": True},
    ], info=INFO)  # fmt: skip
    events = await s.play("BEGIN " + "word " * 30_000 + " END: what is this?")
    assert events[-1].text == "ok" and any(isinstance(event, Compacted) for event in events)
    assert "BEGIN" in json.dumps(s.requests()[-1]) and "END: what" in json.dumps(s.requests()[-1])


class SmallerThanItSays:
    """Refuses what is too long for its real window, as servers do that hide its size."""

    name = "hidden"

    def __init__(self, inner, most: int) -> None:
        self._inner, self._most = inner, most
        self.refused = 0

    async def stream(self, request):
        size = estimate(request.system) + estimate_tools(request.tools)
        if size + sum(map(estimate_message, request.messages)) > self._most:
            self.refused += 1
            raise ContextOverflow("The request is too long.")
        async for delta in self._inner.stream(request):
            yield delta

    def __getattr__(self, name: str):
        return getattr(self._inner, name)


async def test_a_window_that_nobody_knows_is_found_out_and_kept_to(stage):
    s = stage([
        {"when": "Write the notes", "text": "## State\nGoing on.", "repeat": True},
        {"text": "x " * 500, "repeat": True},
    ], info=ModelInfo("scripted/test"))  # fmt: skip
    model = SmallerThanItSays(s.turn.provider, 9_000)
    s.turn = dataclasses.replace(s.turn, provider=model)
    for number in range(40):
        finished = (await s.play(f"{number} " + "word " * 500))[-1]
        assert isinstance(finished, RunFinished) and finished.stop_reason == "end_turn"
    assert model.refused <= 3


async def test_compacting_that_does_not_help_stops_after_two_tries_and_says_why(stage):
    s = stage([
        {"when": "Write the notes", "text": "## State\n" + "long notes " * 400, "repeat": True},
        {"tool_calls": [call("Glob", pattern="*.py")], "repeat": True},
    ], info=ModelInfo("scripted/test", context_window=2_000),
        limits=dataclasses.replace(stage([]).turn.limits, max_steps=12))  # fmt: skip
    events = await s.play("Look at it " + "word " * 200)
    asked = [r for r in s.requests() if not r["tools"]]
    assert len(asked) <= 4
    (warning,) = [e for e in events if isinstance(e, Notice) and e.kind == "warning"]
    assert "is full" in warning.text and "Tools" in warning.text and "larger window" in warning.text


async def test_a_request_that_never_fits_ends_with_a_reason(stage):
    s = stage([{"error": {"code": "context_overflow"}, "when": ".", "repeat": True}], info=INFO)
    finished = (await s.play("hello"))[-1]
    assert finished.error_code == "context_overflow"
    assert "is full" in finished.error and "searchable" in finished.error
    assert len(s.requests()) <= 4


async def test_an_interrupted_compaction_changes_nothing_and_says_so(stage):
    s = stage([
        {"when": "Write the notes", "text": "## State\nok", "hang": True},
        {"text": "x " * 900, "repeat": True},
    ], info=INFO)  # fmt: skip
    await s.play("word " * 900)
    await s.play("more")
    before = s.stored()
    asyncio.get_running_loop().call_later(0.3, s.turn.inbox.cancel)
    events = [event async for event in compact(s.turn, "manual")]
    assert [event.text for event in events] == ["nothing was compacted: you interrupted"]
    assert s.stored() == before


async def test_a_short_conversation_is_left_alone(stage):
    s = stage([{"text": "hello"}], info=INFO)
    await s.play("hi")
    (event,) = [event async for event in compact(s.turn, "manual")]
    assert isinstance(event, Notice) and "nothing was compacted" in event.text
    assert s.turn.thread.messages[0].role == "user"


async def test_a_compaction_that_found_nothing_leaves_the_count_as_it_was_measured(stage):
    s = stage([{"text": "hello", "usage": {"input": 700, "output": 5}}], info=INFO)
    await s.play("hi")
    measured = context_tokens(s.turn)
    assert measured == 705
    assert [event async for event in compact(s.turn, "manual")]
    assert context_tokens(s.turn) == measured


async def test_a_focus_is_told_to_the_model(stage):
    s = stage([
        {"when": "Write the notes", "text": "## State\nok"}, {"text": "x " * 900, "repeat": True},
    ], info=INFO)  # fmt: skip
    await s.play("word " * 900)
    await s.play("more")
    await manual(s, "the marmalade")
    assert "Give most room to: the marmalade" in json.dumps(s.requests()[-1])
