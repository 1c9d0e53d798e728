import threading

import pytest

from letta_cli.core.agent import Conversation
from letta_cli.core.errors import Conflict
from letta_cli.core.message import Image, Reasoning, Text, ToolCall, ToolReturn
from letta_cli.store import Store

PARTS = (
    Text("plain, ünïcode, 日本語, \0 and a broken \udcff byte"),
    Reasoning("thinking", "anthropic", {"signature": "abc", "nested": {"a": [1, 2.5, None]}}),
    Image("image/png", "aGVsbG8="),
    ToolCall("c1", "Bash", {"command": "echo 'ü' \\ \"\n\ud800", "n": 3}),
    ToolCall("c2", "Read", {}, malformed='{"path": '),
    ToolReturn("c1", "Bash", "error", "boom\0", {"title": "Bash", "exit_code": 1}),
)


def test_parts_come_back_exactly_as_they_went_in(store: Store, conversation: Conversation):
    stored = store.messages.append(conversation.id, "assistant", PARTS, run_id="run-1")
    (read,) = store.messages.read(conversation.id)
    assert read == stored
    assert read.parts == PARTS


def test_seq_counts_from_one_without_holes(store: Store, conversation: Conversation):
    for number in range(1, 6):
        message = store.messages.append(conversation.id, "user", [Text(str(number))])
        assert message.seq == number
    assert store.conversations.get(conversation.id).head == 5
    read = store.messages.read
    assert [m.seq for m in read(conversation.id, start=2, end=4)] == [2, 3, 4]
    assert [m.seq for m in read(conversation.id, start=4)] == [4, 5]
    assert read(conversation.id, start=9) == []


def test_append_after_another_head_is_refused_and_stores_nothing(
    store: Store, conversation: Conversation
):
    store.messages.append(conversation.id, "user", [Text("one")], expected_head=0)
    with pytest.raises(Conflict) as caught:
        store.messages.append(conversation.id, "user", [Text("two")], expected_head=0)
    assert caught.value.version == 1
    assert [m.text for m in store.messages.read(conversation.id)] == ["one"]


def test_versions_told_by_a_notice_are_added_to_those_seen(
    store: Store, conversation: Conversation
):
    store.conversations.set_prompt(conversation.id, "P", {"block-1": 1, "block-2": 1})
    store.messages.append(conversation.id, "notice", [Text("news")], memory_versions={"block-2": 4})
    assert store.conversations.get(conversation.id).memory_versions == {"block-1": 1, "block-2": 4}


def test_refused_notice_leaves_the_versions_alone(store: Store, conversation: Conversation):
    with pytest.raises(Conflict):
        store.messages.append(
            conversation.id, "notice", [Text("n")], expected_head=7, memory_versions={"block-2": 4}
        )
    assert store.conversations.get(conversation.id).memory_versions == {}


def test_threads_of_one_process_append_side_by_side(store: Store, conversation: Conversation):
    def talk(name: str) -> None:
        for number in range(20):
            store.messages.append(conversation.id, "user", [Text(f"{name} {number}")])

    threads = [threading.Thread(target=talk, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    messages = store.messages.read(conversation.id)
    assert [m.seq for m in messages] == list(range(1, 81))
    assert len({m.text for m in messages}) == 80
