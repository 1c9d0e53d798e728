from datetime import timedelta

import pytest

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import Busy, Conflict, NotFound, StoreError
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text, ToolCall, ToolReturn
from letta_cli.core.run import Usage
from letta_cli.store import Store


def say(store: Store, conversation: Conversation, *texts: str) -> None:
    for text in texts:
        store.messages.append(conversation.id, "user", [Text(text)])


def ids(conversations: list[Conversation]) -> list[str]:
    return [conversation.id for conversation in conversations]


def test_list_shows_newest_first_and_hides_empty_ones(store: Store, agent: Agent):
    first, second, empty = (
        store.conversations.create(agent.id, cwd="/a", project="/a") for _ in range(3)
    )
    say(store, first, "one")
    say(store, second, "two")
    say(store, first, "three")
    assert ids(store.conversations.list(agent.id)) == [first.id, second.id]
    say(store, empty, "four")
    assert ids(store.conversations.list(agent.id)) == [empty.id, first.id, second.id]


def test_list_shows_an_empty_conversation_that_a_session_has_open(store: Store, agent: Agent):
    empty = store.conversations.create(agent.id, cwd="/a", project="/a")
    session = store.sessions.open(conversation_id=empty.id, cwd="/a", branch="", terminal="")
    assert empty.id in ids(store.conversations.list(agent.id))
    store.sessions.close(session.session_id)
    assert empty.id not in ids(store.conversations.list(agent.id))


def test_list_by_place_archive_and_limit(store: Store, agent: Agent):
    here = store.conversations.create(agent.id, cwd="/a", project="/p")
    there = store.conversations.create(agent.id, cwd="/a/b", project="/p")
    old = store.conversations.create(agent.id, cwd="/a", project="/p")
    for each in (here, there, old):
        say(store, each, "hello")
    store.conversations.archive(old.id, True)
    assert ids(store.conversations.list(agent.id, cwd="/a")) == [here.id]
    assert ids(store.conversations.list(agent.id, project="/p")) == [there.id, here.id]
    assert ids(store.conversations.list(agent.id, archived=True)) == [old.id]
    assert ids(store.conversations.list(agent.id, cwd="/a", archived=None)) == [old.id, here.id]
    assert ids(store.conversations.list(agent.id, limit=1)) == [there.id]
    store.conversations.archive(old.id, False)
    assert old.id in ids(store.conversations.list(agent.id))


def test_list_knows_only_the_agents_own(store: Store, agent: Agent):
    other = store.agents.create("other")
    theirs = store.conversations.create(other.id, cwd="/a", project="/a")
    say(store, theirs, "hello")
    assert theirs.id not in ids(store.conversations.list(agent.id))


def test_latest_is_of_exactly_this_directory(store: Store, agent: Agent):
    here = store.conversations.create(agent.id, cwd="/a", project="/a")
    below = store.conversations.create(agent.id, cwd="/a/b", project="/a")
    assert store.conversations.latest(agent.id, "/a") is None
    say(store, here, "hello")
    say(store, below, "hello")
    found = store.conversations.latest(agent.id, "/a")
    assert found is not None
    assert found.id == here.id
    store.conversations.archive(here.id, True)
    assert store.conversations.latest(agent.id, "/a") is None


def test_find_by_id_prefix_title_and_words(store: Store, agent: Agent):
    auth = store.conversations.create(agent.id, cwd="/a", project="/a", title="Fix the login")
    css = store.conversations.create(agent.id, cwd="/a", project="/a", title="Style the page")
    say(store, auth, "the session cookie expires too early")
    say(store, css, "make the buttons round")
    find = store.conversations.find
    assert ids(find(agent.id, auth.id)) == [auth.id]
    assert ids(find(agent.id, auth.id[:12])) == [auth.id]
    assert ids(find(agent.id, auth.id.removeprefix("conv-")[:8])) == [auth.id]
    assert ids(find(agent.id, "style THE page")) == [css.id]
    assert ids(find(agent.id, "login fix")) == [auth.id]
    assert ids(find(agent.id, "cookies")) == [auth.id]
    assert find(agent.id, "kubernetes") == []
    assert find(agent.id, "   ") == []
    assert find(agent.id, auth.id[5:8]) == [], "a short word is a word, not an id"


@pytest.mark.parametrize("mistaken", ["{id}:x", "{id}:", "{id}:1:2", "conv-0000", "conv-0000:3"])
def test_what_has_the_form_of_an_id_is_never_taken_for_words(
    store: Store, agent: Agent, conversation: Conversation, mistaken: str
):
    wanted = mistaken.format(id=conversation.id[:13])
    say(store, conversation, f"somebody wrote of {wanted} here, {wanted}")
    assert store.conversations.find(agent.id, wanted) == []


@pytest.mark.parametrize("words", ["%", "_", "!", "100%", "'; DROP TABLE agent", "\0", "\ud800"])
def test_find_takes_any_text(store: Store, agent: Agent, conversation: Conversation, words: str):
    say(store, conversation, "plain words")
    assert store.conversations.find(agent.id, words) == []


def test_rename_makes_one_line(store: Store, conversation: Conversation):
    store.conversations.rename(conversation.id, "  two\nlines\0 ")
    assert store.conversations.get(conversation.id).title == "two lines"


def test_unknown_conversations_are_named(store: Store):
    for call in (
        lambda: store.conversations.get("conv-x"),
        lambda: store.conversations.rename("conv-x", "t"),
        lambda: store.conversations.archive("conv-x", True),
        lambda: store.conversations.set_model("conv-x", "m"),
        lambda: store.conversations.set_prompt("conv-x", "p", {}),
        lambda: store.conversations.delete("conv-x"),
        lambda: store.conversations.fork("conv-x"),
        lambda: store.messages.append("conv-x", "user", [Text("t")]),
    ):
        with pytest.raises(NotFound, match="conv-x"):
            call()
    with pytest.raises(NotFound, match="agent-x"):
        store.conversations.create("agent-x", cwd="", project="")


def test_prompt_and_versions_are_kept_as_they_were(store: Store, conversation: Conversation):
    prompt = "You are…\n\ttabs, ünïcode, 日本語 and 'quotes' %s ? %(x)s\n"
    store.conversations.set_prompt(conversation.id, prompt, {"block-1": 3})
    say(store, conversation, "hello")
    found = store.conversations.get(conversation.id)
    assert found.system_prompt == prompt
    assert found.memory_versions == {"block-1": 3}


def test_delete_removes_messages_index_journal_and_own_blocks(
    store: Store, agent: Agent, conversation: Conversation
):
    run, _ = store.runs.start(conversation.id, "m", [Text("xylophone")], expected_head=0)
    store.runs.add_reply(run.id, [ToolCall("c1", "Read", {})], Usage(), expected_head=1)
    store.blocks.create(
        agent.id, "notes", value="v", scope="conversation", scope_key=conversation.id,
        origin=Origin("model"),
    )  # fmt: skip
    store.conversations.delete(conversation.id)
    assert store.search.messages(agent.id, "xylophone") == []
    assert store.messages.read(conversation.id) == []
    assert [block.label for block in store.blocks.list(agent.id)] == ["persona", "human"]
    assert store.health()["integrity"] == "ok"
    with pytest.raises(NotFound):
        store.conversations.get(conversation.id)


def test_the_default_conversation_cannot_be_deleted(store: Store, agent: Agent):
    default = store.conversations.default(agent.id)
    with pytest.raises(StoreError, match="archived"):
        store.conversations.delete(default.id)
    assert store.conversations.default(agent.id) == default


def test_a_conversation_in_use_cannot_be_deleted(store: Store, conversation: Conversation):
    with store.leases.acquire(conversation.id), pytest.raises(Busy):
        store.conversations.delete(conversation.id)
    store.conversations.delete(conversation.id)


def test_fork_copies_thread_prompt_and_window_under_new_ids(
    store: Store, conversation: Conversation
):
    store.conversations.rename(conversation.id, "Login")
    say(store, conversation, "one", "two", "three")
    store.conversations.compact(
        conversation.id, summary="so far", context_start=3, system_prompt="P",
        memory_versions={"block-1": 2}, expected_head=3,
    )  # fmt: skip
    say(store, conversation, "four")
    origin = store.conversations.get(conversation.id)
    fork = store.conversations.fork(conversation.id)
    assert fork.id != origin.id
    assert (fork.title, fork.forked_from, fork.head) == ("Login (fork)", origin.id, 5)
    assert (fork.system_prompt, fork.memory_versions) == ("P", {"block-1": 2})
    assert [m.text for m in store.messages.window(fork)] == ["so far", "three", "four"]
    ours, theirs = store.messages.read(origin.id), store.messages.read(fork.id)
    assert [(m.seq, m.role, m.parts) for m in ours] == [(m.seq, m.role, m.parts) for m in theirs]
    assert not {m.id for m in ours} & {m.id for m in theirs}


def test_what_a_fork_says_stays_in_the_fork(store: Store, conversation: Conversation):
    say(store, conversation, "one")
    fork = store.conversations.fork(conversation.id)
    say(store, fork, "in the fork")
    say(store, conversation, "in the origin")
    assert [m.text for m in store.messages.read(fork.id)] == ["one", "in the fork"]
    assert [m.text for m in store.messages.read(conversation.id)] == ["one", "in the origin"]


def test_fork_before_the_compaction_has_the_whole_thread_in_its_window(
    store: Store, conversation: Conversation
):
    say(store, conversation, "one", "two", "three")
    store.conversations.compact(
        conversation.id, summary="so far", context_start=3, system_prompt="P",
        memory_versions={}, expected_head=3,
    )  # fmt: skip
    fork = store.conversations.fork(conversation.id, upto_seq=2)
    assert fork.summary_seq is None
    assert [m.text for m in store.messages.window(fork)] == ["one", "two"]


@pytest.mark.parametrize("upto", [2, 3])
def test_fork_at_a_tool_call_takes_its_return_along(
    store: Store, conversation: Conversation, upto: int
):
    run, _ = store.runs.start(conversation.id, "m", [Text("go")], expected_head=0)
    store.runs.add_reply(run.id, [ToolCall("c1", "Read", {})], Usage(), expected_head=1)
    store.runs.add_returns(run.id, [ToolReturn("c1", "Read", "ok", "text")], expected_head=2)
    fork = store.conversations.fork(conversation.id, upto_seq=upto)
    assert [m.role for m in store.messages.read(fork.id)] == ["user", "assistant", "tool"]


def test_fork_of_a_running_conversation_settles_its_open_calls_in_the_copy_only(
    store: Store, conversation: Conversation
):
    run, _ = store.runs.start(conversation.id, "m", [Text("go")], expected_head=0)
    store.runs.add_reply(run.id, [ToolCall("c1", "Bash", {})], Usage(), expected_head=1)
    store.runs.mark_call("c1", "running")
    fork = store.conversations.fork(conversation.id)
    (part,) = store.messages.read(fork.id)[-1].parts
    assert isinstance(part, ToolReturn)
    assert (part.call_id, part.status) == ("c1", "cancelled")
    assert store.runs.recover(fork.id) == []
    store.runs.add_returns(run.id, [ToolReturn("c1", "Bash", "ok", "done")], expected_head=2)
    assert store.conversations.get(conversation.id).head == 3


def test_compaction_replaces_the_window_and_keeps_the_thread(
    store: Store, conversation: Conversation
):
    say(store, conversation, "one", "two", "three", "four")
    message = store.conversations.compact(
        conversation.id, summary="one and two happened", context_start=3, system_prompt="new",
        memory_versions={"block-9": 1}, expected_head=4,
    )  # fmt: skip
    found = store.conversations.get(conversation.id)
    assert (message.seq, message.role) == (5, "summary")
    assert (found.head, found.summary_seq, found.context_start) == (5, 5, 3)
    assert (found.system_prompt, found.memory_versions) == ("new", {"block-9": 1})
    window = store.messages.window(found)
    assert [m.text for m in window] == ["one and two happened", "three", "four"]
    assert [m.seq for m in store.messages.read(conversation.id)] == [1, 2, 3, 4, 5]


def test_a_second_compaction_stands_for_the_first(store: Store, conversation: Conversation):
    say(store, conversation, "one", "two")
    for summary, start in (("first", 2), ("second", 4)):
        head = store.conversations.get(conversation.id).head
        store.conversations.compact(
            conversation.id, summary=summary, context_start=start, system_prompt="P",
            memory_versions={}, expected_head=head,
        )  # fmt: skip
        say(store, conversation, f"after {summary}")
    window = store.messages.window(store.conversations.get(conversation.id))
    assert [m.text for m in window] == ["second", "after first", "after second"]


def test_compaction_of_a_thread_that_went_on_changes_nothing(
    store: Store, conversation: Conversation
):
    say(store, conversation, "one", "two")
    before = store.conversations.get(conversation.id)
    with pytest.raises(Conflict):
        store.conversations.compact(
            conversation.id, summary="late", context_start=2, system_prompt="P",
            memory_versions={}, expected_head=1,
        )  # fmt: skip
    assert store.conversations.get(conversation.id) == before
    assert len(store.messages.read(conversation.id)) == 2


def test_dates_are_aware_and_move_with_messages(store: Store, conversation: Conversation):
    say(store, conversation, "one")
    found = store.conversations.get(conversation.id)
    assert found.created_at.utcoffset() == timedelta(0)
    assert found.updated_at > found.created_at
