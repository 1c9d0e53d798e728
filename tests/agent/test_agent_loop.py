"""A run as a story: the events a reader sees and the messages that are stored."""

import asyncio
import itertools
import json
from pathlib import Path

from agent_stage import names

from letta_cli.agent.loop import run
from letta_cli.agent.turn import Limits
from letta_cli.core.event import (
    ApprovalRequested,
    Compacted,
    Notice,
    Retrying,
    RunFinished,
    TextDelta,
    ToolReturned,
)
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text, ToolReturn
from letta_cli.core.permission import Answer, Rule, Rules
from letta_cli.core.provider import ModelInfo, Prices


def call(name, **arguments):
    return {"name": name, "arguments": arguments}


async def test_a_plain_answer_streams_and_is_stored(stage):
    s = stage([{"text": "Hello, Ada.", "chunk": 3}])
    events = await s.play("I am Ada")
    assert names(events) == [
        "RunStarted", "StepStarted", "AssistantMessage", "StepFinished", "RunFinished",
    ]  # fmt: skip
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "Hello, Ada."
    assert s.stored() == [("user", "I am Ada"), ("assistant", "Hello, Ada.")]
    assert events[-1].exit_code == 0 and events[-1].text == "Hello, Ada."


async def test_the_persons_message_is_stored_before_the_model_is_called(stage):
    s = stage([{"hang": True}])
    events = run(s.turn, (Text("remember me"),))
    assert type(await anext(events)).__name__ == "RunStarted"
    assert s.stored() == [("user", "remember me")]
    assert not s.requests()
    await events.aclose()


async def test_a_tool_call_is_run_and_its_return_goes_back_to_the_model(stage, project):
    s = stage([{"tool_calls": [call("Read", file_path="app.py")]}, {"text": "It says 41."}])
    events = await s.play()
    assert names(events) == [
        "RunStarted", "StepStarted", "AssistantMessage", "ToolCallReady", "ToolReturned",
        "StepFinished", "StepStarted", "AssistantMessage", "StepFinished", "RunFinished",
    ]  # fmt: skip
    assert [row[0] for row in s.stored()] == ["user", "assistant", "tool", "assistant"]
    second = json.dumps(s.requests()[1])
    assert "answer = 41" in second


async def test_reading_tools_of_one_step_run_together_and_return_in_call_order(stage, project):
    (project / "b.py").write_text("b = 2\n")
    s = stage([
        {"tool_calls": [call("Read", file_path="app.py"), call("Read", file_path="b.py"), call("Glob", pattern="*.py")]},
        {"text": "done"},
    ])  # fmt: skip
    await s.play()
    tool = s.store.messages.read(s.turn.thread.conversation.id)[2]
    assert [part.name for part in tool.parts] == ["Read", "Read", "Glob"]
    assert all(part.status == "ok" for part in tool.parts)


async def test_unknown_tools_and_malformed_arguments_come_back_as_errors_the_model_can_mend(stage):
    s = stage([
        {"tool_calls": [{"name": "Fly", "arguments": {}}, {"name": "Read", "malformed": "{path:"}, {"name": "Read", "arguments": {}}]},
        {"text": "sorry"},
    ])  # fmt: skip
    events = await s.play()
    results = [e.result for e in events if isinstance(e, ToolReturned)]
    assert [r.status for r in results] == ["error", "error", "error"]
    assert "Read" in results[0].content and "JSON object" in results[1].content
    assert "file_path" in results[2].content
    assert events[-1].stop_reason == "end_turn"


async def test_an_approval_is_an_event_out_and_an_answer_in(stage, project):
    s = stage(
        [{"tool_calls": [call("Write", file_path="new.txt", content="hi\n")]}, {"text": "written"}],
        mode="default", interactive=True,
    )  # fmt: skip
    seen = []
    async for event in run(s.turn, (Text("write it"),)):
        seen.append(event)
        if isinstance(event, ApprovalRequested):
            assert not (project / "new.txt").exists()
            s.turn.inbox.answer(event.request_id, Answer(allow=True))
    assert (project / "new.txt").read_text() == "hi\n"
    assert "ApprovalRequested" in names(seen)


async def test_a_refusal_with_a_reason_goes_to_the_model_and_the_work_goes_on(stage, project):
    s = stage(
        [{"tool_calls": [call("Write", file_path="new.txt", content="hi\n")]}, {"text": "as you like"}],
        mode="default", interactive=True,
    )  # fmt: skip
    async for event in run(s.turn, (Text("write it"),)):
        if isinstance(event, ApprovalRequested):
            s.turn.inbox.answer(event.request_id, Answer(allow=False, message="use docs/ instead"))
    assert not (project / "new.txt").exists()
    assert "use docs/ instead" in json.dumps(s.requests()[1])
    assert s.stored()[-1] == ("assistant", "as you like")


async def test_without_a_person_what_would_ask_is_refused_and_counted(stage, project):
    s = stage(
        [{"tool_calls": [call("Write", file_path="new.txt", content="hi\n")]}, {"text": "could not"}],
        mode="default",
    )  # fmt: skip
    finished = (await s.play())[-1]
    assert isinstance(finished, RunFinished)
    assert finished.exit_code == 55 and [d.call.name for d in finished.denials] == ["Write"]
    assert not (project / "new.txt").exists()


async def test_the_step_limit_stops_the_run_with_a_well_formed_thread(stage):
    s = stage(
        [{"tool_calls": [call("Read", file_path="app.py")], "repeat": True}],
        limits=Limits(max_steps=2),
    )
    finished = (await s.play())[-1]
    assert (finished.stop_reason, finished.steps, finished.exit_code) == ("max_steps", 2, 53)
    assert [row[0] for row in s.stored()] == ["user", "assistant", "tool", "assistant", "tool"]


async def test_a_request_that_cannot_fit_into_the_budget_is_not_made(stage):
    s = stage(
        [{"text": "never said", "repeat": True}],
        limits=Limits(max_budget_usd=0.001),
        info=ModelInfo("scripted/test", context_window=100_000, prices=Prices(3, 15)),
    )
    finished = (await s.play())[-1]
    assert (finished.stop_reason, finished.steps, finished.exit_code) == ("max_budget", 0, 54)
    assert s.requests() == []


async def test_what_the_provider_has_counted_may_come_out_of_its_cache(stage):
    usage = {"input": 9_000, "output": 1, "cost_usd": 0.027}
    s = stage(
        [{"tool_calls": [call("Read", file_path="app.py")], "usage": usage}, {"text": "done"}],
        limits=Limits(max_budget_usd=0.05),
        info=ModelInfo("scripted/test", context_window=100_000, prices=Prices(3, 15, 0.3)),
    )
    assert (await s.play())[-1].stop_reason == "end_turn"


async def test_the_budget_stops_the_run(stage):
    s = stage(
        [{"tool_calls": [call("Read", file_path="app.py")], "usage": {"input": 1, "output": 1, "cost_usd": 0.6}, "repeat": True}],
        limits=Limits(max_budget_usd=1.0),
    )  # fmt: skip
    finished = (await s.play())[-1]
    assert (finished.stop_reason, finished.steps, finished.exit_code) == ("max_budget", 2, 54)


async def test_rate_limits_are_waited_for_as_the_provider_asks_and_shown(stage):
    s = stage([
        {"error": {"code": "rate_limited", "retry_after": 0.05, "status": 429}},
        {"text": "half of the answ", "cut": True},
        {"text": "the answer"},
    ])  # fmt: skip
    events = await s.play()
    waits = [e for e in events if isinstance(e, Retrying)]
    assert [w.code for w in waits] == ["rate_limited", "stream_cut"]
    assert waits[0].wait_seconds == 0.05 and waits[0].status == 429
    assert s.stored() == [("user", "go"), ("assistant", "the answer")]


async def test_when_tries_are_used_up_the_run_ends_with_the_error_and_nothing_is_lost(stage):
    s = stage(
        [{"when": "go", "error": {"code": "overloaded", "retry_after": 0.01}, "repeat": True}]
    )
    events = await s.play()
    finished = events[-1]
    assert (finished.stop_reason, finished.error_code, finished.exit_code) == (
        "error", "overloaded", 75,
    )  # fmt: skip
    assert sum(isinstance(e, Retrying) for e in events) == 2
    assert s.stored() == [("user", "go")]


async def test_an_interrupt_keeps_the_work_so_far(stage):
    s = stage([{"text": "I begin to say", "hang": True}, {"text": "again"}])
    events = []
    async for event in run(s.turn, (Text("go"),)):
        events.append(event)
        if isinstance(event, TextDelta):
            s.turn.inbox.cancel()
    assert events[-1].stop_reason == "cancelled" and events[-1].exit_code == 130
    assert s.stored()[:2][1][0] == "assistant" and s.stored()[1][1].startswith("I begin")
    assert s.stored()[2][0] == "notice"


async def test_an_interrupt_while_a_command_runs_ends_it_and_leaves_one_return_a_call(
    stage, project
):
    s = stage([
        {"tool_calls": [call("Bash", command="touch started; sleep 30; touch ended"), call("Read", file_path="app.py")]},
        {"text": "never"},
    ])  # fmt: skip

    async def interrupt():
        for _ in range(500):
            if (project / "started").exists():
                break
            await asyncio.sleep(0.01)
        s.turn.inbox.cancel()

    task = asyncio.create_task(interrupt())
    events = await asyncio.wait_for(s.play(), 10)
    await task
    assert events[-1].stop_reason == "cancelled"
    assert s.stored()[-1] == ("tool", "Bash:cancelled Read:cancelled")
    assert not (project / "ended").exists()


async def test_a_reader_that_stops_listening_leaves_a_well_formed_thread(stage):
    s = stage([{"tool_calls": [call("Bash", command="sleep 30")]}, {"text": "later"}])
    events = run(s.turn, (Text("go"),))
    async for event in events:
        if type(event).__name__ == "ToolCallReady":
            break
    await events.aclose()
    messages = s.store.messages.read(s.turn.thread.conversation.id)
    calls = [c.id for m in messages for c in m.tool_calls]
    returns = [p.call_id for m in messages for p in m.parts if isinstance(p, ToolReturn)]
    assert calls == returns and len(calls) == 1


async def test_steering_reaches_the_model_before_its_next_step(stage):
    s = stage([{"tool_calls": [call("Read", file_path="app.py")]}, {"text": "in French: oui"}])
    async for event in run(s.turn, (Text("go"),)):
        if type(event).__name__ == "ToolCallReady":
            s.turn.inbox.steer("answer in French")
    assert ("user", "answer in French") in s.stored()
    assert "answer in French" in json.dumps(s.requests()[1])


async def test_words_said_during_the_last_step_get_an_answer_too(stage):
    s = stage([{"text": "first"}, {"text": "second"}])
    async for event in run(s.turn, (Text("go"),)):
        if isinstance(event, TextDelta) and not s.turn.inbox.has_steers and event.text == "first":
            s.turn.inbox.steer("and one more thing")
    assert [row[1] for row in s.stored()] == ["go", "first", "and one more thing", "second"]


async def test_memory_news_of_another_conversation_arrive_once_and_stay(stage):
    s = stage([
        {"text": "one"}, {"tool_calls": [call("Read", file_path="app.py")]}, {"text": "two"}, {"text": "three"},
    ])  # fmt: skip
    await s.play("first")
    human = s.store.blocks.find(s.turn.agent.id, "human")
    other = s.store.conversations.create(s.turn.agent.id, cwd="/elsewhere", project="/elsewhere")
    s.store.blocks.insert(human.id, "The person is called Ada.", origin=Origin("model", other.id))
    events = await s.play("second")
    notices = [e for e in events if isinstance(e, Notice) and e.kind == "memory"]
    assert len(notices) == 1 and "Ada" in notices[0].text and other.id in notices[0].text
    await s.play("third")
    requests = s.requests()
    assert ["called Ada" in json.dumps(r) for r in requests] == [False, True, True, True]
    assert len({r["system"] for r in requests}) == 1
    assert [m.role for m in s.turn.thread.messages].count("notice") == 1


async def test_own_memory_edits_are_not_told_back_as_news(stage):
    s = stage([
        {"tool_calls": [call("memory_insert", label="human", new_string="Likes tabs.")]},
        {"text": "noted"}, {"text": "still noted"},
    ])  # fmt: skip
    events = await s.play("I like tabs")
    assert "MemoryChanged" in names(events)
    await s.play("and now?")
    assert "notice" not in [m.role for m in s.turn.thread.messages]
    assert "Likes tabs." in s.store.blocks.find(s.turn.agent.id, "human").value


async def test_foreign_edits_between_own_ones_are_still_told(stage):
    s = stage([
        {"text": "hello"},
        {"tool_calls": [call("memory_insert", label="human", new_string="mine")]},
        {"text": "done"},
    ])  # fmt: skip
    await s.play("hi")
    human = s.store.blocks.find(s.turn.agent.id, "human")
    async for event in run(s.turn, (Text("save"),)):
        if type(event).__name__ == "ToolCallReady":
            s.store.blocks.insert(human.id, "foreign", origin=Origin("person"))
    assert "foreign" in json.dumps(s.requests()[2])
    assert [m.role for m in s.turn.thread.messages].count("notice") == 1


async def test_a_context_overflow_leads_to_a_compaction_and_the_run_goes_on(stage):
    s = stage([
        {"when": "tell me", "text": "long story " * 800},
        {"when": "Write the notes", "text": "Goals: tell stories."},
        {"when": "more", "error": {"code": "context_overflow"}},
        {"when": "more", "text": "going on"},
    ], info=ModelInfo("scripted/test", context_window=8_000))  # fmt: skip
    await s.play("tell me")
    events = await s.play("more")
    assert any(isinstance(e, Compacted) and e.trigger == "overflow" for e in events)
    assert events[-1].stop_reason == "end_turn" and events[-1].text == "going on"
    assert s.turn.thread.messages[0].role == "summary"
    assert "## Goals\\ntell stories." in json.dumps(s.requests()[-1])
    kept = s.store.messages.read(s.turn.thread.conversation.id)
    assert any("long story" in m.text for m in kept), "compacted messages stay in the store"


async def test_a_window_that_fills_is_compacted_before_the_limit(stage):
    s = stage({"turns": [
        {"when": "tell me", "text": "words " * 1500, "usage": {"input": 6_900, "output": 100}},
        {"when": "Write the notes", "text": "Goals: go on."},
        {"when": "more", "text": "fresh"},
    ]}, info=ModelInfo("scripted/test", context_window=8_000))  # fmt: skip
    await s.play("tell me")
    events = await s.play("more")
    compacted = [e for e in events if isinstance(e, Compacted)]
    assert [c.trigger for c in compacted] == ["auto"]
    assert compacted[0].after_tokens < compacted[0].before_tokens
    assert events[-1].text == "fresh"


async def test_each_request_begins_with_the_one_before_it(stage):
    s = stage([{"tool_calls": [call("Read", file_path="app.py")]}, {"text": "a"}, {"text": "b"}])
    await s.play("one")
    await s.play("two")
    requests = s.requests()
    for earlier, later in itertools.pairwise(requests):
        assert later["system"] == earlier["system"] and later["tools"] == earlier["tools"]
        assert later["messages"][: len(earlier["messages"])] == earlier["messages"]


async def test_two_processes_on_one_conversation_cannot_interleave(stage, tmp_path: Path):
    s = stage([{"text": "one"}, {"text": "two"}])
    late = stage([{"text": "x"}], store=s.store, conversation_id=s.turn.thread.conversation.id)
    await s.play("first")
    try:
        await late.play("second")
    except Exception as error:
        assert type(error).__name__ == "Conflict"
    else:
        raise AssertionError("an append to an old head was accepted")
    assert [row[1] for row in s.stored()] == ["first", "one"]


async def test_what_had_streamed_before_the_last_try_failed_is_kept(stage):
    s = stage([{"text": "as far as this", "cut": True, "repeat": True, "when": "go"}])
    finished = (await s.play())[-1]
    assert finished.error_code == "stream_cut"
    assert [row[0] for row in s.stored()] == ["user", "assistant"]
    assert s.stored()[1][1].startswith("as far as")


async def test_a_created_renamed_and_deleted_block_is_told_once_each(stage):
    s = stage([{"text": str(number)} for number in range(6)])
    await s.play("first")
    blocks, person = s.store.blocks, Origin("person")
    made = blocks.create(s.turn.agent.id, "deploy", value="Fridays are off.", origin=person)
    await s.play("second")
    blocks.rename(made.id, "release", origin=person)
    await s.play("third")
    blocks.delete(made.id, origin=person)
    await s.play("fourth")
    blocks.restore(made.id, origin=person)
    await s.play("fifth")
    await s.play("sixth")
    told = [m.text for m in s.turn.thread.messages if m.role == "notice"]
    assert len(told) == 4
    assert 'block "deploy" was created by the person' in told[0] and "Fridays are off." in told[0]
    assert 'renamed from "deploy"' in told[1]
    assert 'block "release" was deleted by the person' in told[2]
    assert "Fridays are off." in told[3]
    stored = s.store.conversations.get(s.turn.thread.conversation.id)
    assert s.store.blocks.changed(stored) == []


async def test_plan_mode_ends_when_the_person_agrees_to_the_plan(stage, project):
    s = stage(
        [
            {"tool_calls": [call("Write", file_path="new.txt", content="hi\n")]},
            {"tool_calls": [call("ExitPlanMode", plan="1. Write new.txt")]},
            {"tool_calls": [call("Write", file_path="new.txt", content="hi\n")]},
            {"text": "done"},
        ],
        mode="plan", interactive=True,
    )  # fmt: skip
    asked = []
    async for event in run(s.turn, (Text("do it"),)):
        if isinstance(event, ApprovalRequested):
            asked.append(event)
            assert not (project / "new.txt").exists()
            s.turn.inbox.answer(event.request_id, Answer(allow=True, remember=True))
    assert [event.call.name for event in asked] == ["ExitPlanMode"]
    assert asked[0].preview and asked[0].preview.get("text") == "1. Write new.txt"
    assert (project / "new.txt").read_text() == "hi\n"
    assert s.turn.policy.mode == "default"
    assert "Plan mode is on" in str(s.requests()[0]) and "Plan mode is over" in str(s.requests()[2])


async def test_a_plan_that_is_sent_back_keeps_plan_mode(stage):
    s = stage(
        [{"tool_calls": [call("ExitPlanMode", plan="1. Guess")]}, {"text": "I will look first"}],
        mode="plan", interactive=True,
    )  # fmt: skip
    async for event in run(s.turn, (Text("do it"),)):
        if isinstance(event, ApprovalRequested):
            s.turn.inbox.answer(event.request_id, Answer(allow=False, message="look first"))
    assert s.turn.policy.mode == "plan"
    assert "look first" in str(s.requests()[1])


async def test_where_nobody_is_here_the_plan_is_the_answer_and_no_refusal(stage):
    s = stage(
        [{"tool_calls": [call("ExitPlanMode", plan="1. Write")]}, {"text": "The plan: 1. Write"}],
        mode="plan", interactive=False,
    )  # fmt: skip
    events = await s.play()
    assert (events[-1].exit_code, events[-1].denials) == (0, ())
    assert "Give the plan as your answer" in str(s.requests()[1])


async def test_yes_for_the_session_remembers_every_rule_that_was_shown(stage, project):
    command = "touch a.txt && mkdir b"
    s = stage(
        [{"tool_calls": [call("Bash", command=command)]}, {"tool_calls": [call("Bash", command=command)]},
         {"text": "done"}],
        mode="default", interactive=True,
    )  # fmt: skip
    asked = []
    async for event in run(s.turn, (Text("go"),)):
        if isinstance(event, ApprovalRequested):
            asked.append(event.decision.remedy)
            s.turn.inbox.answer(event.request_id, Answer(allow=True, remember=True))
    assert asked == [("Bash(touch a.txt)", "Bash(mkdir b)")]
    assert (project / "b").is_dir()


async def test_a_search_shows_nothing_of_files_that_a_rule_denies(stage, project):
    (project / ".env").write_text("TOKEN=answer-42\n")
    (project / "link.txt").symlink_to(".env")
    s = stage(
        [{"tool_calls": [call("Grep", pattern="answer")]},
         {"tool_calls": [call("Grep", pattern="answer", files_only=True)]}, {"text": "done"}],
        mode="default", rules=Rules(deny=(Rule("Read", "./.env"),)),
    )  # fmt: skip
    await s.play()
    seen = str(s.requests()[-1])
    assert "answer = 41" in seen and "answer-42" not in seen and ".env" not in seen
