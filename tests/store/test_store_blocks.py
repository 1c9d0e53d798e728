from dataclasses import replace

import pytest

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import Conflict, LimitExceeded, NotFound, ReadOnly, UsageError
from letta_cli.core.memory import MemoryBlock, Origin
from letta_cli.store import Store

MODEL = Origin("model", conversation_id="conv-1", run_id="run-1", note="learned")
PERSON = Origin("person")


@pytest.fixture
def block(store: Store, agent: Agent) -> MemoryBlock:
    return store.blocks.create(agent.id, "notes", value="one\ntwo\nthree", origin=MODEL)


def value(store: Store, agent: Agent, label: str = "notes") -> str:
    return store.blocks.find(agent.id, label).value


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (-1, "one\ntwo\nthree\nnew"),
        (0, "new\none\ntwo\nthree"),
        (1, "one\nnew\ntwo\nthree"),
        (3, "one\ntwo\nthree\nnew"),
    ],
)
def test_insert_adds_whole_lines(store, agent, block, line: int, expected: str):
    revision = store.blocks.insert(block.id, "new\n", line=line, origin=MODEL)
    assert value(store, agent) == expected == revision.after
    assert (revision.before, revision.version, revision.origin) == (block.value, 2, MODEL)


def test_insert_into_an_empty_block_adds_no_empty_line(store: Store, agent: Agent):
    human = store.blocks.find(agent.id, "human")
    store.blocks.insert(human.id, "Ada", origin=MODEL)
    assert value(store, agent, "human") == "Ada"


@pytest.mark.parametrize(("text", "line"), [("new", 4), ("new", -2), ("", -1), (" \n", 0)])
def test_insert_that_makes_no_sense_carries_the_current_value(store, block, text, line):
    with pytest.raises(Conflict) as caught:
        store.blocks.insert(block.id, text, line=line, origin=MODEL)
    assert (caught.value.current, caught.value.version) == (block.value, 1)


def test_replace_changes_the_one_place(store: Store, agent: Agent, block: MemoryBlock):
    revision = store.blocks.replace(block.id, "two", "zwei", origin=MODEL)
    assert value(store, agent) == "one\nzwei\nthree"
    assert (revision.before, revision.after) == ("one\ntwo\nthree", "one\nzwei\nthree")


@pytest.mark.parametrize("old", ["absent", "o", ""])
def test_replace_of_absent_or_ambiguous_text_carries_the_current_value(store, agent, block, old):
    with pytest.raises(Conflict) as caught:
        store.blocks.replace(block.id, old, "new", origin=MODEL)
    assert caught.value.current == "one\ntwo\nthree" == value(store, agent)


def test_replace_works_on_the_text_as_it_is_now(store: Store, agent: Agent, block: MemoryBlock):
    store.blocks.insert(block.id, "four", origin=PERSON)
    store.blocks.replace(block.id, "one", "1", origin=MODEL)
    assert value(store, agent) == "1\ntwo\nthree\nfour"


def test_rethink_with_a_stale_version_is_refused(store: Store, agent: Agent, block: MemoryBlock):
    store.blocks.insert(block.id, "four", origin=PERSON)
    with pytest.raises(Conflict) as caught:
        store.blocks.rethink(block.id, "all new", version=block.version, origin=MODEL)
    assert (caught.value.current, caught.value.version) == ("one\ntwo\nthree\nfour", 2)
    store.blocks.rethink(block.id, "all new", version=caught.value.version, origin=MODEL)
    assert value(store, agent) == "all new"


def test_rethink_without_a_version_takes_what_is_there(store, agent, block):
    assert store.blocks.rethink(block.id, "x", origin=MODEL).version == 2
    assert value(store, agent) == "x"


def test_an_edit_that_changes_nothing_is_no_revision(store, agent, block):
    revision = store.blocks.rethink(block.id, block.value, origin=MODEL)
    assert revision.version == 1
    assert store.blocks.find(agent.id, "notes") == block


def test_undo_restores_and_is_a_revision_of_its_own(store, agent, block):
    store.blocks.insert(block.id, "four", origin=MODEL)
    undone = store.blocks.undo(block.id, origin=PERSON)
    assert (undone.version, undone.after) == (3, block.value)
    assert value(store, agent) == block.value
    assert store.blocks.undo(block.id, origin=PERSON).after.endswith("four")


def test_undo_of_a_block_that_was_never_edited(store: Store, agent: Agent):
    with pytest.raises(NotFound, match="never"):
        store.blocks.undo(store.blocks.find(agent.id, "persona").id, origin=PERSON)


def test_revisions_newest_first_and_since_oldest_first(store, agent, block):
    human = store.blocks.find(agent.id, "human")
    store.blocks.insert(block.id, "four", origin=PERSON)
    store.blocks.insert(human.id, "Ada", origin=MODEL)
    store.blocks.replace(block.id, "four", "4", origin=MODEL)
    log = store.blocks.revisions(agent.id)
    assert [(r.label, r.version) for r in log] == [
        ("notes", 3), ("human", 2), ("notes", 2), ("notes", 1),
    ]  # fmt: skip
    assert [r.version for r in store.blocks.revisions(agent.id, label="notes", limit=2)] == [3, 2]
    assert [r.version for r in store.blocks.since(block.id, 1)] == [2, 3]
    assert store.blocks.since(block.id, 3) == []
    assert log[-1].origin == MODEL


def test_limit_is_enforced_and_says_what_to_do(store: Store, agent: Agent):
    block = store.blocks.create(agent.id, "small", value="12345", limit=10, origin=MODEL)
    with pytest.raises(LimitExceeded, match="limit is 10"):
        store.blocks.insert(block.id, "123456", origin=MODEL)
    assert value(store, agent, "small") == "12345"
    store.blocks.insert(block.id, "1234", origin=MODEL)
    with pytest.raises(LimitExceeded):
        store.blocks.create(agent.id, "tiny", value="abc", limit=2, origin=MODEL)


def test_limit_counts_characters_not_bytes(store: Store, agent: Agent):
    block = store.blocks.create(agent.id, "wide", limit=4, origin=MODEL)
    store.blocks.insert(block.id, "日本語😀", origin=MODEL)
    assert value(store, agent, "wide") == "日本語😀"


def test_read_only_blocks_refuse_all_but_a_person(store: Store, agent: Agent):
    block = store.blocks.create(agent.id, "rules", value="r", read_only=True, origin=PERSON)
    for edit in (
        lambda: store.blocks.insert(block.id, "x", origin=MODEL),
        lambda: store.blocks.replace(block.id, "r", "x", origin=MODEL),
        lambda: store.blocks.rethink(block.id, "x", origin=Origin("reflection")),
        lambda: store.blocks.undo(block.id, origin=MODEL),
    ):
        with pytest.raises(ReadOnly, match="rules"):
            edit()
    assert value(store, agent, "rules") == "r"
    store.blocks.rethink(block.id, "new rules", origin=PERSON)
    assert value(store, agent, "rules") == "new rules"


def test_a_label_is_given_once_in_a_scope(store: Store, agent: Agent, block: MemoryBlock):
    with pytest.raises(Conflict) as caught:
        store.blocks.create(agent.id, "notes", origin=MODEL)
    assert caught.value.current == block.value
    store.blocks.create(agent.id, "notes", scope="project", scope_key="/p", origin=MODEL)
    with pytest.raises(UsageError):
        store.blocks.create(agent.id, "  ", origin=MODEL)


def test_scopes_decide_who_sees_a_block(store: Store, agent: Agent, conversation: Conversation):
    project = store.blocks.ensure_project(agent.id, conversation.project)
    store.blocks.ensure_project(agent.id, "/elsewhere")
    own = store.blocks.create(
        agent.id, "draft", scope="conversation", scope_key=conversation.id, origin=MODEL
    )
    labels = [block.label for block in store.blocks.visible(conversation)]
    assert labels == ["persona", "human", "project", "draft"]
    other = store.conversations.create(agent.id, cwd="/x", project="/x")
    assert [b.label for b in store.blocks.visible(other)] == ["persona", "human"]
    assert len(store.blocks.list(agent.id)) == 5
    find = store.blocks.find
    assert find(agent.id, "project", project=conversation.project) == project
    assert find(agent.id, "draft", conversation_id=conversation.id) == own
    with pytest.raises(NotFound, match="persona, human"):
        find(agent.id, "draft")


def test_the_narrowest_scope_wins(store: Store, agent: Agent, conversation: Conversation):
    store.blocks.create(
        agent.id, "human", value="here", scope="conversation", scope_key=conversation.id,
        origin=MODEL,
    )  # fmt: skip
    assert store.blocks.find(agent.id, "human", conversation_id=conversation.id).value == "here"
    assert store.blocks.find(agent.id, "human").value == ""


def test_the_project_block_is_made_once(store: Store, agent: Agent):
    first = store.blocks.ensure_project(agent.id, "/p")
    assert store.blocks.ensure_project(agent.id, "/p") == first
    assert first.scope_key == "/p"


def test_changed_names_what_the_conversation_has_not_seen(
    store: Store, agent: Agent, conversation: Conversation
):
    seen = {block.id: block.version for block in store.blocks.visible(conversation)}
    store.conversations.set_prompt(conversation.id, "P", seen)
    conversation = store.conversations.get(conversation.id)
    assert store.blocks.changed(conversation) == []
    human = store.blocks.find(agent.id, "human")
    store.blocks.insert(human.id, "Ada", origin=MODEL)
    store.blocks.ensure_project(agent.id, "/elsewhere")
    (changed,) = store.blocks.changed(conversation)
    assert (changed.label, changed.value, changed.version) == ("human", "Ada", 2)
    told = replace(conversation, memory_versions={**seen, human.id: 2})
    assert store.blocks.changed(told) == []
    project = store.blocks.ensure_project(agent.id, conversation.project)
    assert store.blocks.changed(told) == [project]


def test_text_that_no_database_can_hold_is_made_fit(store: Store, agent: Agent):
    block = store.blocks.create(agent.id, "odd", value="a\0b\udcffc", origin=MODEL)
    assert value(store, agent, "odd") == block.value == "ab?c"


def test_an_unknown_block_is_named(store: Store):
    with pytest.raises(NotFound, match="block-x"):
        store.blocks.insert("block-x", "t", origin=MODEL)


def test_a_new_name_keeps_the_text_and_the_history(store, agent, block):
    made = store.blocks.rename(block.id, "facts", origin=PERSON)
    found = store.blocks.find(agent.id, "facts")
    assert (found.id, found.value, found.version) == (block.id, block.value, 2)
    assert (made.before, made.after, made.label) == (block.value, block.value, "facts")
    assert made.origin.note == 'renamed from "notes"'
    store.blocks.insert(block.id, "four", origin=MODEL)
    store.blocks.rename(block.id, "facts2", origin=PERSON)
    assert store.blocks.undo(block.id, origin=PERSON).after == block.value


def test_a_name_that_is_taken_or_empty_is_refused(store, agent, block):
    with pytest.raises(Conflict):
        store.blocks.rename(block.id, "human", origin=PERSON)
    with pytest.raises(UsageError):
        store.blocks.rename(block.id, " ", origin=PERSON)
    assert store.blocks.find(agent.id, "notes").version == 1


def test_a_deleted_block_is_nowhere_but_in_history_and_can_come_back(
    store: Store, agent: Agent, conversation: Conversation, block: MemoryBlock
):
    store.blocks.delete(block.id, origin=PERSON)
    assert "notes" not in [each.label for each in store.blocks.list(agent.id)]
    assert "notes" not in [each.label for each in store.blocks.visible(conversation)]
    with pytest.raises(NotFound):
        store.blocks.insert(block.id, "more", origin=MODEL)
    with pytest.raises(NotFound):
        store.blocks.set_limit(block.id, 10)
    assert store.blocks.revisions(agent.id, label="notes")[0].before == block.value
    [deleted] = store.blocks.deleted(agent.id)
    assert (deleted.scope, deleted.scope_key, deleted.deleted) == ("agent", "", True)
    store.blocks.restore(block.id, origin=PERSON)
    back = store.blocks.find(agent.id, "notes")
    assert (back.id, back.value, back.version, back.deleted) == (block.id, block.value, 3, False)


def test_a_label_may_be_used_again_after_a_deletion_and_deleted_again(store, agent, block):
    store.blocks.delete(block.id, origin=PERSON)
    second = store.blocks.create(agent.id, "notes", value="new", origin=PERSON)
    with pytest.raises(Conflict):
        store.blocks.restore(block.id, origin=PERSON)
    store.blocks.delete(second.id, origin=PERSON)
    assert [each.id for each in store.blocks.deleted(agent.id)] == [second.id, block.id]


def test_a_project_block_comes_back_where_it_was(store, agent):
    key = "https://git.example:8443/a:b"
    made = store.blocks.create(
        agent.id, "how", value="x", scope="project", scope_key=key, origin=PERSON
    )
    store.blocks.delete(made.id, origin=PERSON)
    store.blocks.restore(made.id, origin=PERSON)
    assert store.blocks.find(agent.id, "how", project=key).value == "x"


def test_a_model_may_neither_rename_nor_delete_what_is_read_only(store, agent):
    made = store.blocks.create(agent.id, "law", value="x", read_only=True, origin=PERSON)
    for call in (
        lambda: store.blocks.delete(made.id, origin=MODEL),
        lambda: store.blocks.rename(made.id, "lore", origin=MODEL),
    ):
        with pytest.raises(ReadOnly):
            call()
    store.blocks.delete(made.id, origin=PERSON)


def test_limit_and_description_are_set_without_a_new_version(store, agent, block):
    store.blocks.describe(block.id, "what I know")
    store.blocks.set_limit(block.id, 3)
    found = store.blocks.find(agent.id, "notes")
    assert (found.description, found.limit, found.version) == ("what I know", 3, 1)
    with pytest.raises(LimitExceeded):
        store.blocks.insert(block.id, "more", origin=MODEL)
    with pytest.raises(UsageError):
        store.blocks.set_limit(block.id, 0)


def test_what_was_deleted_is_among_the_changes_until_it_was_told(
    store: Store, agent: Agent, conversation: Conversation, block: MemoryBlock
):
    versions = {each.id: each.version for each in store.blocks.visible(conversation)}
    seen = replace(conversation, memory_versions=versions)
    assert store.blocks.changed(seen) == []
    store.blocks.delete(block.id, origin=PERSON)
    [gone] = store.blocks.changed(seen)
    assert (gone.id, gone.deleted, gone.version) == (block.id, True, 2)
    told = replace(seen, memory_versions={**versions, block.id: -2})
    assert store.blocks.changed(told) == []
    store.blocks.restore(block.id, origin=PERSON)
    assert [each.id for each in store.blocks.changed(told)] == [block.id]
