"""What the store keeps of changes of files."""

from letta_cli.core.change import FileChange
from letta_cli.core.clock import now, to_text
from letta_cli.core.message import Text
from letta_cli.store import Store


def test_changes_are_kept_by_conversation_and_time_until_they_are_taken_back(store: Store) -> None:
    agent = store.agents.current()
    mine = store.conversations.create(agent.id, cwd="/", project="/")
    other = store.conversations.create(agent.id, cwd="/", project="/")
    run, _ = store.runs.start(mine.id, "m", [Text("go")], expected_head=0)
    began = to_text(now())
    first = FileChange("/ä.py", None, "1" * 64)
    second = FileChange("/ä.py", "1" * 64, None, 0o755)
    store.changes.record(mine.id, run.id, "c1", [first])
    store.changes.record(mine.id, run.id, "c2", [second, FileChange("/b.py", "2" * 64, "3" * 64)])
    store.changes.record(other.id, "run-other", "c1", [first])
    kept = store.changes.since(mine.id, began)
    assert [each.change for each in kept[:2]] == [first, second]
    assert store.changes.counts(mine.id) == {run.id: 2}
    store.changes.undone([kept[0].number, kept[1].number])
    assert [each.change.path for each in store.changes.since(mine.id, began)] == ["/b.py"]
    assert store.changes.counts(mine.id) == {run.id: 1}
    assert store.changes.since(mine.id, "9999") == []
    assert len(store.changes.since(other.id, began)) == 1


def test_changes_go_with_their_conversation(store: Store) -> None:
    agent = store.agents.current()
    made = store.conversations.create(agent.id, cwd="/", project="/")
    store.changes.record(made.id, "run-1", "c1", [FileChange("/a", None, None)])
    store.conversations.delete(made.id)
    assert store.changes.since(made.id, "") == []
