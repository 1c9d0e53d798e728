"""The journal: whatever the point at which a process ends, the thread can go on."""

import json

import pytest
from store_children import kill, start, wait_for_line

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import Conflict, NotFound, StoreError
from letta_cli.core.message import Message, Text, ToolCall, ToolReturn
from letta_cli.core.run import Run, Usage
from letta_cli.store import Store

CALLS = (
    ToolCall("c1", "Read", {"path": "a"}),
    ToolCall("c2", "Bash", {"command": "make"}),
    ToolCall("c3", "Edit", {}),
)


def begin(store: Store, conversation: Conversation, text: str = "Fix it") -> Run:
    head = store.conversations.get(conversation.id).head
    return store.runs.start(conversation.id, "scripted/m", [Text(text)], expected_head=head)[0]


def begin_with_calls(store: Store, conversation: Conversation) -> Run:
    run = begin(store, conversation)
    store.runs.add_reply(run.id, [Text("Let me"), *CALLS], Usage(10, 5), expected_head=1)
    return run


def thread(store: Store, conversation: Conversation) -> list[Message]:
    return store.messages.read(conversation.id)


def returns(message: Message) -> list[tuple[str, str]]:
    return [(p.call_id, p.status) for p in message.parts if isinstance(p, ToolReturn)]


def assert_well_formed(messages: list[Message]) -> None:
    """Each call has exactly one return, in the very next message."""
    assert [m.seq for m in messages] == list(range(1, len(messages) + 1))
    for message, following in zip(messages, [*messages[1:], None], strict=True):
        wanted = [call.id for call in message.tool_calls]
        if wanted:
            assert following is not None
            assert following.role == "tool"
            assert [call_id for call_id, _ in returns(following)] == wanted
        if message.role == "tool":
            before = messages[message.seq - 2]
            assert [call.id for call in before.tool_calls]


def test_a_whole_run(store: Store, conversation: Conversation):
    run, message = store.runs.start(
        conversation.id, "scripted/m", [Text("Fix the\nlogin")], expected_head=0
    )
    assert (run.state, run.steps, message.seq, message.run_id) == ("open", 0, 1, run.id)
    store.runs.add_reply(run.id, CALLS, Usage(100, 20, 5, 7, 3, 0.25), expected_head=1)
    for call in CALLS:
        store.runs.mark_call(call.id, "approved", arguments_sha256="ab" * 32)
        store.runs.mark_call(call.id, "running", pgid=4321)
        store.runs.finish_call(ToolReturn(call.id, call.name, "ok", f"did {call.name}"))
    shuffled = [ToolReturn(c.id, c.name, "ok", f"did {c.name}") for c in reversed(CALLS)]
    message = store.runs.add_returns(run.id, shuffled, expected_head=2)
    assert returns(message) == [("c1", "ok"), ("c2", "ok"), ("c3", "ok")]
    store.runs.add_reply(run.id, [Text("Done.")], Usage(130, 10, cost_usd=0.5), expected_head=3)
    finished = store.runs.finish(run.id, "end_turn")
    assert (finished.state, finished.stop_reason, finished.steps) == ("closed", "end_turn", 2)
    assert finished.usage == Usage(230, 30, 5, 7, 3, 0.75)
    assert finished.finished_at is not None
    assert store.runs.list(conversation.id) == [finished]
    assert store.runs.totals(conversation.id) == finished.usage
    assert store.runs.last_context(conversation.id)[0] == 140
    assert store.runs.recover(conversation.id) == []
    messages = thread(store, conversation)
    assert_well_formed(messages)
    assert [m.role for m in messages] == ["user", "assistant", "tool", "assistant"]
    assert {m.run_id for m in messages} == {run.id}


def test_costs_stay_unknown_until_one_is_known(store: Store, conversation: Conversation):
    assert store.runs.totals(conversation.id) == Usage()
    run = begin(store, conversation)
    store.runs.add_reply(run.id, [Text("Done.")], Usage(1, 1), expected_head=1)
    assert store.runs.totals(conversation.id) == Usage(1, 1)
    assert store.runs.last_context(conversation.id)[0] == 2


def test_the_first_words_become_the_title_once(store: Store, conversation: Conversation):
    long = "Please look at the login page,\nwhich fails for users whose name has an umlaut in it"
    store.runs.finish(begin(store, conversation, long).id, "error")
    title = store.conversations.get(conversation.id).title
    assert title == "Please look at the login page, which fails for users whose…"
    store.runs.finish(begin(store, conversation, "Something else").id, "error")
    assert store.conversations.get(conversation.id).title == title


def test_a_given_title_stays(store: Store, agent: Agent):
    made = store.conversations.create(agent.id, cwd="/", project="/", title="Mine")
    begin(store, made, "Other words")
    assert store.conversations.get(made.id).title == "Mine"


def test_start_after_another_head_stores_nothing(store: Store, conversation: Conversation):
    with pytest.raises(Conflict):
        store.runs.start(conversation.id, "m", [Text("hi")], expected_head=3)
    assert thread(store, conversation) == []
    assert store.runs.list(conversation.id) == []


def test_a_second_run_waits_until_the_first_is_settled(store: Store, conversation: Conversation):
    begin(store, conversation)
    with pytest.raises(Conflict, match="never finished"):
        begin(store, conversation)
    store.runs.recover(conversation.id)
    begin(store, conversation)


def test_returns_must_fit_the_open_calls(store: Store, conversation: Conversation):
    run = begin_with_calls(store, conversation)
    good = [ToolReturn(c.id, c.name, "ok", "") for c in CALLS]
    for bad in (good[:2], [*good, ToolReturn("c9", "Read", "ok", "")], [*good, good[0]], []):
        with pytest.raises(StoreError, match="exactly one"):
            store.runs.add_returns(run.id, bad, expected_head=2)
    store.runs.add_returns(run.id, good, expected_head=2)
    with pytest.raises(StoreError):
        store.runs.add_returns(run.id, good, expected_head=3)


def test_two_calls_of_one_message_need_two_ids(store: Store, conversation: Conversation):
    run = begin(store, conversation)
    with pytest.raises(StoreError, match="same id"):
        store.runs.add_reply(run.id, [CALLS[0], CALLS[0]], Usage(), expected_head=1)
    assert len(thread(store, conversation)) == 1


def test_calls_of_two_conversations_may_share_an_id(store: Store, agent: Agent):
    runs: list[Run] = []
    for _ in range(2):
        made = store.conversations.create(agent.id, cwd="/", project="/")
        runs.append(begin(store, made))
        store.runs.add_reply(runs[-1].id, CALLS[:1], Usage(), expected_head=1)
    with pytest.raises(Conflict, match="c1"):
        store.runs.mark_call("c1", "running")
    store.runs.mark_call("c1", "running", run_id=runs[0].id)
    store.runs.finish_call(ToolReturn("c1", "Read", "ok", "x"), run_id=runs[1].id)
    for run, status in zip(runs, ("unknown", "ok"), strict=True):
        store.runs.recover(run.conversation_id)
        messages = store.messages.read(run.conversation_id)
        assert returns(messages[2]) == [("c1", status)]


def test_unknown_runs_and_calls_are_named(store: Store, conversation: Conversation):
    for call in (
        lambda: store.runs.finish("run-x", "end_turn"),
        lambda: store.runs.add_reply("run-x", [Text("t")], Usage(), expected_head=0),
        lambda: store.runs.add_returns("run-x", [], expected_head=0),
    ):
        with pytest.raises(NotFound, match="run-x"):
            call()
    with pytest.raises(NotFound, match="call-x"):
        store.runs.mark_call("call-x", "running")


def test_finish_is_final(store: Store, conversation: Conversation):
    run = begin(store, conversation)
    first = store.runs.finish(run.id, "cancelled")
    assert store.runs.finish(run.id, "error", error="late") == first


def test_a_run_that_another_session_settled_takes_nothing_more(
    store: Store, conversation: Conversation
):
    run = begin_with_calls(store, conversation)
    store.runs.recover(conversation.id)
    before = thread(store, conversation)
    for late in (
        lambda: store.runs.add_reply(run.id, [Text("late")], Usage(), expected_head=None),
        lambda: store.runs.add_returns(run.id, [], expected_head=None),
    ):
        with pytest.raises(Conflict, match="over"):
            late()
    with pytest.raises(NotFound):
        store.runs.finish_call(ToolReturn("c1", "Read", "ok", "late"))
    store.runs.save_partial(run.id, "late")
    assert thread(store, conversation) == before
    assert store.runs.recover(conversation.id) == []


def test_finish_keeps_the_work_so_far(store: Store, conversation: Conversation):
    run = begin(store, conversation)
    store.runs.save_partial(run.id, "I was about to sa")
    store.runs.finish(run.id, "cancelled")
    assert [m.text for m in thread(store, conversation)] == ["Fix it", "I was about to sa"]


def test_finish_leaves_no_call_without_a_return(store: Store, conversation: Conversation):
    run = begin_with_calls(store, conversation)
    store.runs.finish_call(ToolReturn("c1", "Read", "ok", "text"))
    store.runs.finish(run.id, "error", error="boom")
    messages = thread(store, conversation)
    assert_well_formed(messages)
    assert returns(messages[2]) == [("c1", "ok"), ("c2", "cancelled"), ("c3", "cancelled")]


# Recovery, at each point where a process may end.


def recovered(store: Store, conversation: Conversation) -> tuple[list[Message], str]:
    lines = store.runs.recover(conversation.id)
    messages = thread(store, conversation)
    assert_well_formed(messages)
    (run,) = store.runs.list(conversation.id)
    assert run.state == "closed"
    assert store.runs.recover(conversation.id) == []
    assert thread(store, conversation) == messages
    begin(store, conversation, "Go on")
    return messages, "\n".join(lines)


def test_ended_before_the_model_answered(store: Store, conversation: Conversation):
    begin(store, conversation)
    messages, line = recovered(store, conversation)
    assert [m.role for m in messages] == ["user", "notice"]
    assert "not answered" in messages[-1].text
    assert "not answered" in line


def test_ended_while_the_answer_streamed(store: Store, conversation: Conversation):
    run = begin(store, conversation)
    store.runs.save_partial(run.id, "The bug is in")
    store.runs.save_partial(run.id, "The bug is in login.py")
    messages, line = recovered(store, conversation)
    assert [(m.role, m.text) for m in messages[:2]] == [
        ("user", "Fix it"), ("assistant", "The bug is in login.py"),
    ]  # fmt: skip
    assert messages[2].role == "notice"
    assert "cut off" in messages[2].text
    assert "cut off" in line


def test_ended_with_calls_pending_or_approved(store: Store, conversation: Conversation):
    begin_with_calls(store, conversation)
    store.runs.mark_call("c1", "approved", arguments_sha256="00")
    messages, line = recovered(store, conversation)
    assert [m.role for m in messages] == ["user", "assistant", "tool", "notice"]
    assert returns(messages[2]) == [
        ("c1", "cancelled"), ("c2", "cancelled"), ("c3", "cancelled"),
    ]  # fmt: skip
    assert "not run" in line


def test_ended_while_a_call_ran(store: Store, conversation: Conversation):
    begin_with_calls(store, conversation)
    store.runs.finish_call(ToolReturn("c1", "Read", "ok", "the text", {"title": "Read a"}))
    store.runs.mark_call("c2", "running", pgid=4321)
    messages, line = recovered(store, conversation)
    assert returns(messages[2]) == [("c1", "ok"), ("c2", "unknown"), ("c3", "cancelled")]
    done, unknown, _ = messages[2].parts
    assert done == ToolReturn("c1", "Read", "ok", "the text", {"title": "Read a"})
    assert isinstance(unknown, ToolReturn)
    assert "4321" in unknown.content
    assert "unknown" in messages[3].text
    assert all(word in line for word in ("Read", "Bash was running", "Edit was not run"))


def test_ended_with_all_results_known_but_not_in_the_thread(
    store: Store, conversation: Conversation
):
    begin_with_calls(store, conversation)
    for call in CALLS:
        store.runs.mark_call(call.id, "running")
        store.runs.finish_call(ToolReturn(call.id, call.name, "ok", "kept \udcff"))
    messages, line = recovered(store, conversation)
    assert returns(messages[2]) == [("c1", "ok"), ("c2", "ok"), ("c3", "ok")]
    assert "kept" in line


def test_ended_in_the_second_step(store: Store, conversation: Conversation):
    run = begin_with_calls(store, conversation)
    store.runs.add_returns(
        run.id, [ToolReturn(c.id, c.name, "ok", "") for c in CALLS], expected_head=2
    )
    store.runs.save_partial(run.id, "Now I")
    messages, _ = recovered(store, conversation)
    assert [m.role for m in messages] == ["user", "assistant", "tool", "assistant", "notice"]


def test_ended_after_the_answer_only_closes_the_run(store: Store, conversation: Conversation):
    run = begin(store, conversation)
    store.runs.add_reply(run.id, [Text("Done.")], Usage(), expected_head=1)
    messages, line = recovered(store, conversation)
    assert [m.role for m in messages] == ["user", "assistant"]
    assert line == ""
    assert store.runs.list(conversation.id)[0].stop_reason == "end_turn"


def test_partial_text_goes_when_the_reply_is_stored(store: Store, conversation: Conversation):
    run = begin(store, conversation)
    store.runs.save_partial(run.id, "Let m")
    store.runs.add_reply(run.id, [Text("Let me."), CALLS[0]], Usage(), expected_head=1)
    messages, _ = recovered(store, conversation)
    assert [m.role for m in messages] == ["user", "assistant", "tool", "notice"]


def test_recovery_leaves_other_conversations_alone(
    store: Store, agent: Agent, conversation: Conversation
):
    other = store.conversations.create(agent.id, cwd="/", project="/")
    run = begin_with_calls(store, other)
    begin(store, conversation)
    store.runs.recover(conversation.id)
    assert store.runs.get(run.id).state == "open"
    assert len(thread(store, other)) == 2


KILLED = """
conversation, point = args
store = open_store(url)
run, _ = store.runs.start(conversation, "m", [Text("go")], expected_head=0)
if point == "streaming":
    store.runs.save_partial(run.id, "half an ans")
else:
    calls = [ToolCall("a", "Read", {}), ToolCall("b", "Bash", {})]
    store.runs.add_reply(run.id, calls, Usage(1, 1), expected_head=1)
    if point != "pending":
        store.runs.mark_call("a", "running")
        store.runs.finish_call(ToolReturn("a", "Read", "ok", "text"))
        store.runs.mark_call("b", "running")
    if point == "done":
        store.runs.finish_call(ToolReturn("b", "Bash", "error", "exit 1"))
print("there", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("point", "roles", "statuses"),
    [
        ("streaming", ["user", "assistant", "notice"], []),
        ("pending", ["user", "assistant", "tool", "notice"], ["cancelled", "cancelled"]),
        ("running", ["user", "assistant", "tool", "notice"], ["ok", "unknown"]),
        ("done", ["user", "assistant", "tool", "notice"], ["ok", "error"]),
    ],
)
def test_a_killed_process_is_recovered_by_the_next(
    store: Store, folder, conversation: Conversation, point, roles, statuses
):
    child = start(folder, KILLED, conversation.id, point)
    wait_for_line(child)
    kill(child)
    messages, line = recovered(store, conversation)
    assert [m.role for m in messages] == roles
    assert [status for m in messages if m.role == "tool" for _, status in returns(m)] == statuses
    assert line


def test_context_of_a_fork_is_its_origins_at_that_point(store: Store, conversation: Conversation):
    for number, tokens in enumerate((100, 200, 300)):
        run = begin(store, conversation)
        store.runs.add_reply(run.id, [Text("ok")], Usage(tokens), expected_head=2 * number + 1)
        store.runs.finish(run.id, "end_turn")
    early = store.conversations.fork(conversation.id, upto_seq=4)
    assert store.runs.last_context(early.id)[0] == 200
    again = store.conversations.fork(early.id)
    assert store.runs.last_context(again.id)[0] == 200
    assert store.runs.totals(early.id) == Usage()
    assert store.runs.last_context(store.conversations.fork(again.id, upto_seq=0).id)[0] == 0


def test_what_filled_the_window_before_a_compaction_does_not_count_after_it(
    store: Store, conversation: Conversation
):
    run = begin(store, conversation)
    store.runs.add_reply(run.id, [Text("long")], Usage(90_000), expected_head=1)
    store.runs.finish(run.id, "end_turn")
    store.conversations.compact(
        conversation.id, summary="short", context_start=2, system_prompt="", memory_versions={},
        expected_head=2,
    )  # fmt: skip
    assert store.runs.last_context(conversation.id)[0] == 0
    assert store.runs.last_context(store.conversations.fork(conversation.id).id)[0] == 0
    run, _ = store.runs.start(conversation.id, "scripted/m", [Text("more")], expected_head=3)
    store.runs.add_reply(run.id, [Text("ok")], Usage(500), expected_head=4)
    assert store.runs.last_context(conversation.id)[0] == 500


def test_what_is_stored_is_json_that_others_can_read(store: Store, conversation: Conversation):
    begin_with_calls(store, conversation)
    (text,) = store._database.query("SELECT parts FROM message WHERE seq = 2")[0]
    assert [part["type"] for part in json.loads(text)] == [
        "text", "tool_call", "tool_call", "tool_call",
    ]  # fmt: skip
