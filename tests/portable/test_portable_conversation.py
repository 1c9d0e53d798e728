"""A conversation goes out as JSON and comes back without loss."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import UsageError
from letta_cli.core.memory import Origin
from letta_cli.core.message import Image, Reasoning, Text, ToolCall, ToolReturn
from letta_cli.core.run import Usage
from letta_cli.portable.checked import Checked, read_document
from letta_cli.portable.conversation import conversation_document, take_conversation
from letta_cli.store import Store, open_store


@pytest.fixture
def other(tmp_path: Path):
    opened = open_store(f"sqlite:///{tmp_path / 'other.db'}")
    yield opened
    opened.close()


def full_conversation(store: Store, agent: Agent) -> Conversation:
    """One with every kind of part, a run with steps, a compaction and a block of its own."""
    made = store.conversations.create(agent.id, cwd="/srv/ä", project="/srv", title="Füße 😀")
    picture = Image("image/png", "aGk=")
    run, _ = store.runs.start(made.id, "scripted/x", [Text("Look"), picture], expected_head=0)
    parts = [
        Reasoning("hm", "anthropic", {"signature": "s"}),
        ToolCall("c1", "Read", {"file_path": "a"}),
        ToolCall("c2", "Bash", {}, malformed="{"),
    ]
    store.runs.add_reply(run.id, parts, Usage(3, 4, 5, 6, 1, 0.25), expected_head=1)
    returns = [
        ToolReturn("c1", "Read", "ok", "x", {"title": "Read a"}),
        ToolReturn("c2", "Bash", "denied", "no"),
    ]
    store.runs.add_returns(run.id, returns, expected_head=2)
    store.runs.add_reply(run.id, [Text("Done")], Usage(1, 1), expected_head=3)
    store.runs.finish(run.id, "end_turn")
    store.conversations.compact(
        made.id, summary="They looked.", context_start=4, system_prompt="p", memory_versions={},
        expected_head=4, usage=Usage(100, 20, cost_usd=0.5), run_id=run.id,
    )  # fmt: skip
    store.blocks.create(
        agent.id, "own", value="mine", scope="conversation", scope_key=made.id,
        origin=Origin("person"),
    )  # fmt: skip
    return store.conversations.get(made.id)


def through_json(document: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(document))


def without_ids(document: dict[str, Any]) -> dict[str, Any]:
    """What must be the same in another database: all but the ids that are made there."""
    names = {run["id"]: f"run {number}" for number, run in enumerate(document["runs"])}
    kept = copy.deepcopy(document)
    for message in kept["thread"]:
        message["id"], message["run_id"] = "", names.get(message["run_id"])
    for run in kept["runs"]:
        run["id"] = names[run["id"]]
    for compaction in kept["compactions"]:
        compaction["run_id"] = names[compaction["run_id"]]
    return kept


def test_export_import_and_export_again_are_equal(store: Store, agent: Agent, other: Store) -> None:
    made = full_conversation(store, agent)
    document = through_json(conversation_document(store, made))
    theirs = other.agents.current()
    arrived = take_conversation(
        other, theirs.id, Checked(document, "c.json"), note="c.json", outside=""
    )
    assert arrived.added
    assert arrived.conversation.id == made.id
    again = through_json(conversation_document(other, arrived.conversation))
    assert without_ids(again) == without_ids(document)
    assert again["usage"]["cost_usd"] == 0.75
    assert [each.text for each in other.messages.window(arrived.conversation)] == [
        each.text for each in store.messages.window(made)
    ]
    assert other.blocks.revisions(theirs.id, label="own")[0].origin == Origin(
        "import", note="c.json"
    )


def test_a_conversation_that_is_here_already_is_left_as_it_is(store: Store, agent: Agent) -> None:
    made = full_conversation(store, agent)
    document = Checked(through_json(conversation_document(store, made)), "c.json")
    assert not take_conversation(store, agent.id, document, note="", outside="").added
    assert len(store.conversations.list(agent.id)) == 1


def test_another_agent_gets_a_copy_with_an_id_of_its_own(store: Store, agent: Agent) -> None:
    made = full_conversation(store, agent)
    document = Checked(through_json(conversation_document(store, made)), "c.json")
    arrived = take_conversation(
        store, store.agents.create("other").id, document, note="", outside=""
    )
    assert arrived.added
    assert arrived.conversation.id != made.id


def test_a_call_that_was_still_open_gets_a_return(store: Store, agent: Agent, other: Store) -> None:
    made = store.conversations.create(agent.id, cwd="/", project="/")
    run, _ = store.runs.start(made.id, "m", [Text("Go")], expected_head=0)
    store.runs.add_reply(run.id, [ToolCall("c1", "Bash", {})], Usage(), expected_head=1)
    document = through_json(conversation_document(store, made))
    arrived = take_conversation(
        other, other.agents.current().id, Checked(document, "c.json"), note="", outside=""
    )
    last = other.messages.read(arrived.conversation.id)[-1]
    assert [part.status for part in last.parts if isinstance(part, ToolReturn)] == ["unknown"]
    assert not other.runs.is_open(arrived.conversation.id)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (["format"], "another 9", "c.json.format: expected 'agent conversation 1'"),
        (["thread"], {}, "c.json.thread: expected a list, found an object"),
        (["thread", 0], 7, "c.json.thread[0]: expected an object, found a number"),
        (["thread", 1, "seq"], 9, "c.json.thread[1].seq: expected 2"),
        (["thread", 0, "role"], "system", "c.json.thread[0].role: expected one of user"),
        (["thread", 0, "parts", 0, "type"], "code", "c.json.thread[0].parts[0].type: expected one"),
        (["thread", 0, "parts", 0, "text"], None, "c.json.thread[0].parts[0].text: it is missing"),
        (["thread", 2, "parts"], [], "c.json.thread[2].parts: its tool returns are not those"),
        (["thread", 0, "created_at"], "soon", "c.json.thread[0].created_at: expected a date"),
        (["summary_seq"], 99, "c.json.context_start: the window lies outside of the thread"),
        (["runs", 0, "stop_reason"], "bored", "c.json.runs[0].stop_reason: expected one of"),
        (["runs", 0, "steps", 0, "cost_usd"], 2**70, "cost_usd: expected a number of US dollars"),
        (["blocks", 0, "label"], 3, "c.json.blocks[0].label: expected a text, found a number"),
    ],
)  # fmt: skip
def test_a_wrong_document_is_refused_with_its_place_and_nothing_is_stored(
    store: Store, agent: Agent, other: Store, path: list[Any], value: Any, told: str
) -> None:
    document: Any = through_json(conversation_document(store, full_conversation(store, agent)))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    theirs = other.agents.current()
    with pytest.raises(UsageError) as refused:
        take_conversation(other, theirs.id, Checked(document, "c.json"), note="", outside="")
    assert told in str(refused.value)
    assert other.conversations.list(theirs.id) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"c\.json: (it is not JSON|expected an object)"):
        read_document(path)
