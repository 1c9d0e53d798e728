"""A store copied into another, over both drivers and back."""

import re
from pathlib import Path

import pytest
from store_children import url_of

from letta_cli.core.change import FileChange
from letta_cli.core.document import Reading, Section
from letta_cli.core.errors import StoreError, UsageError
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text, ToolCall, ToolReturn
from letta_cli.core.reflection import Slice
from letta_cli.core.run import Usage
from letta_cli.core.touch import Touch
from letta_cli.store import Store, open_store
from letta_cli.store import transfer as module
from letta_cli.store.catalog import tables
from letta_cli.store.compactions import Compaction
from letta_cli.store.imports import Heading, Imported
from letta_cli.store.migrations import steps
from letta_cli.store.transfer import transfer

EVERYTHING = {
    "setting", "agent", "conversation", "prompt", "message", "run", "step", "tool_call", "block",
    "block_revision", "block_attachment", "file_change", "session", "file_touch", "session_news",
    "passage", "passage_tag", "search_entry", "search_backlog", "imported", "agent_file", "file",
    "file_folder", "reflection", "reflection_cursor", "skill_draft", "skill_use",
    "compaction",
}  # fmt: skip


def fill(store: Store) -> str:
    """Something in every table; returns a conversation with a walrus in it."""
    agent = store.agents.current()
    made = store.conversations.create(agent.id, cwd="/ä", project="/ä", title="Füße 😀")
    store.conversations.set_prompt(made.id, "You are…", {})
    run, _ = store.runs.start(made.id, "m", [Text("the walrus\n'sings' % ? \\")], expected_head=0)
    store.runs.add_reply(
        run.id, [ToolCall("c1", "Read", {})], Usage(3, 4, cost_usd=0.1 + 0.2), expected_head=1
    )
    store.runs.add_returns(run.id, [ToolReturn("c1", "Read", "ok", "x")], expected_head=2)
    store.runs.add_reply(run.id, [ToolCall("c2", "Bash", {})], Usage(1), expected_head=3)
    with store.database.transaction():
        spent = Compaction(3, Usage(5, 6, cost_usd=0.7), made.created_at, run.id)
        store.runs.bring_compaction(made.id, spent)
    human = store.blocks.find(agent.id, "human")
    for line in ("Ada", "likes tea"):
        store.blocks.insert(human.id, line, origin=Origin("model", made.id))
    store.passages.insert(agent.id, "the zebra", tags=["ä"], origin=Origin("person"))
    other = store.agents.create(f"other of {made.id}")
    rules = store.blocks.create(agent.id, other.name, origin=Origin("person"))
    store.sharing.attach(rules.id, other.id, origin=Origin("person"))
    session = store.sessions.open(conversation_id=made.id, cwd="/", branch="main", terminal="")
    store.touches.record(session.session_id, made.id, [Touch("/ä/ß.py", "0" * 64, "write")])
    store.changes.record(made.id, run.id, "c1", [FileChange("/ä/ß.py", None, "1" * 64)])
    store.touches.tell([session.session_id], "another session is here")
    sections = [Section("1-2", "ä", "the ocelot")]
    store.files.put(agent.id, "/ä/notes.md", Reading("text", "0" * 64, 1, 2**60, sections))
    store.files.add_folder(agent.id, "/ä")
    with store.database.transaction():
        store.imports.keep_file(agent.id, '{"tools": ["ä"]}')
    heading = Heading("brought in", "/ä", "/ä", made.created_at)
    source = Imported("pi", "ä-1", "/ä/x.jsonl", 7, 2**60, messages=0)
    store.imports.take(agent.id, source, heading, lambda _: [], lambda _: "")
    own = store.conversations.create(agent.id, cwd="/", project="/", kind="reflection")
    reflection = store.reflections.begin(agent.id, own.id, "person", [Slice(made.id, 1, 4)])
    store.reflections.finish(reflection.id)
    store.skill_drafts.add(agent.id, "tie-a-knot", "---\nname: ä\n---\n", conversation_id=own.id)
    store.skill_uses.add(agent.id, "tie-a-knot", run_id=run.id)
    fork = store.conversations.fork(made.id, upto_seq=1)
    lost = store.conversations.create(agent.id, cwd="/", project="/")
    store.messages.append(lost.id, "user", [Text("a pelican flies")])
    store.conversations.fork(lost.id)
    store.conversations.delete(lost.id)
    for number in range(3):
        store.messages.append(fork.id, "user", [Text(f"line {number}")])
    return made.id


def content(store: Store) -> dict[str, list]:
    database = store.database
    return {
        table.name: database.query(
            f"SELECT {', '.join(sorted(table.columns))} FROM {table.name}"
            f" ORDER BY {', '.join(table.key)}"
        )
        for table in tables(database)
    }


@pytest.fixture
def other(folder: Path):
    """The URL of an empty SQLite database beside the store of the test."""
    return f"sqlite:///{folder.parent}/other/agent.db"


def test_everything_arrives_and_is_found_and_goes_on(store: Store, folder: Path, other: str):
    conversation_id = fill(store)
    target = open_store(other)
    copied = transfer(store, target)
    assert {each.table for each in copied} == EVERYTHING
    assert all(each.rows for each in copied if each.table != "search_backlog")
    assert content(target) == content(store)
    agent = target.agents.current()
    for words in ("walrus", "pelican", "füße", "line 2"):
        before, after = (
            {hit.citation for hit in each.search.messages(agent.id, words)}
            for each in (store, target)
        )
        assert before == after
    target.runs.recover(conversation_id)
    target.messages.append(conversation_id, "user", [Text("a zebra")])
    assert target.search.messages(agent.id, "zebra")
    target.close()


def test_the_way_there_and_back_changes_nothing(store: Store, folder: Path, request, driver):
    fill(store)
    before = content(store)
    urls = [f"sqlite:///{folder.parent}/{name}/agent.db" for name in ("second", "third")]
    if driver == "sqlite":
        server = request.getfixturevalue("server")
        urls[0] = server.new()
        request.addfinalizer(lambda: server.drop(urls[0]))
    second, third = (open_store(url) for url in urls)
    there = transfer(store, second)
    back = transfer(second, third)
    # New rows get numbers of their own.
    fill(second)
    assert {(each.table, each.sha256) for each in there} == {
        (each.table, each.sha256) for each in back
    }
    assert content(third) == content(store) == before
    for each in (second, third):
        each.close()


def test_a_target_with_something_in_it_is_refused_untouched(store: Store, other: str):
    fill(store)
    target = open_store(other)
    target.agents.current()
    before = content(target)
    with pytest.raises(UsageError, match="not empty"):
        transfer(store, target)
    assert content(target) == before
    target.close()


def test_what_does_not_arrive_as_it_was_is_noticed_and_nothing_is_kept(
    store: Store, other: str, monkeypatch: pytest.MonkeyPatch
):
    fill(store)
    target = open_store(other)
    real = type(target.database).execute_many

    def careless(self, sql: str, rows) -> None:
        rows = list(rows)
        real(self, sql, rows[:-1] if "block_revision" in sql else rows)

    monkeypatch.setattr(type(target.database), "execute_many", careless)
    with pytest.raises(StoreError, match="block_revision did not arrive"):
        transfer(store, target)
    assert not any(content(target).values())
    target.close()


def test_tables_larger_than_a_batch_are_copied_whole(
    store: Store, other: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_BATCH", 2)
    fill(store)
    target = open_store(other)
    transfer(store, target)
    assert content(target) == content(store)
    target.close()


def test_both_drivers_have_the_same_steps_and_the_same_tables(store: Store, other: str):
    names = {
        driver: [(s.version, s.name) for s in steps(driver)] for driver in ("sqlite", "postgres")
    }
    assert names["sqlite"] == names["postgres"]
    target = open_store(other)

    def shape(each: Store):
        return {(t.name, tuple(t.columns), tuple(t.key)) for t in tables(each.database)}

    assert shape(target) == shape(store)
    order = [table.name for table in tables(store.database)]
    assert order.index("agent") < order.index("conversation") < order.index("message")
    target.close()


def test_no_statement_holds_a_percent_sign_or_a_question_mark_in_its_text():
    folder = Path(module.__file__).parent
    for path in folder.glob("*.py"):
        if "postgres" in path.name:
            continue
        for literal in re.findall(r'"((?:SELECT|INSERT|UPDATE|DELETE)[^"]*)"', path.read_text()):
            assert "%" not in literal, f"{path.name}: {literal}"


def test_the_url_belongs_to_the_driver(store: Store, folder: Path, driver: str):
    assert store.database.driver == driver
    assert url_of(folder).startswith(driver)
