"""Which session touched which file, and news between sessions, in a real store."""

from datetime import timedelta

from letta_cli.core.agent import Conversation
from letta_cli.core.clock import now, to_text
from letta_cli.core.touch import Touch
from letta_cli.store import Store


def read(path: str, sha256: str = "1") -> Touch:
    return Touch(path, sha256, "read")


def wrote(path: str, sha256: str = "2") -> Touch:
    return Touch(path, sha256, "write")


def test_a_file_has_one_row_a_session_and_reading_does_not_undo_a_write(
    store: Store, conversation: Conversation
):
    for touch in (read("/a"), wrote("/a"), read("/a", "3")):
        store.touches.record("session-1", conversation.id, [touch])
    (writer,) = store.touches.writers("/a", but="session-2")
    assert (writer.session_id, writer.sha256, writer.title) == ("session-1", "3", "")
    assert store.touches.writers("/a", but="session-1") == []
    assert store.touches.known(conversation.id) == {"/a": "3"}
    assert store._database.query("SELECT count(*) FROM file_touch") == [(1,)]


def test_only_recent_writes_of_others_to_ones_own_files_are_shared(store, conversation):
    store.touches.record("mine", conversation.id, [read("/a"), wrote("/b"), read("/c")])
    assert store.touches.shared("mine") == []
    store.touches.record("other", conversation.id, [wrote("/a"), wrote("/b"), wrote("/d")])
    store.touches.record("other", conversation.id, [read("/c")])
    assert {writer.path for writer in store.touches.shared("mine")} == {"/a", "/b"}
    assert {writer.path for writer in store.touches.shared("other")} == {"/b"}
    with store._database.transaction():
        store._database.execute(
            "UPDATE file_touch SET written_at = ? WHERE path = '/a'",
            to_text(now() - timedelta(minutes=11)),
        )
    assert {writer.path for writer in store.touches.shared("mine")} == {"/b"}


def test_what_is_a_day_old_is_forgotten(store, conversation):
    store.touches.record("mine", conversation.id, [wrote("/a"), wrote("/b")])
    with store._database.transaction():
        store._database.execute(
            "UPDATE file_touch SET touched_at = ? WHERE path = '/a'",
            to_text(now() - timedelta(hours=25)),
        )
    store.touches.prune()
    assert store.touches.known(conversation.id) == {"/b": "2"}


def test_news_waits_for_its_session_and_ends_with_it(store, conversation):
    place = {"conversation_id": conversation.id, "cwd": "/", "branch": "", "terminal": ""}
    one, two = store.sessions.open(**place), store.sessions.open(**place)
    store.touches.tell([one.session_id, two.session_id, "session-gone"], "switched")
    store.touches.tell([one.session_id], "and back")
    told = store.touches.news(one.session_id)
    assert [news.text for news in told] == ["switched", "and back"]
    store.touches.heard(one.session_id, told[0].number)
    assert [news.text for news in store.touches.news(one.session_id)] == ["and back"]
    store.sessions.close(two.session_id)
    assert store.touches.news(two.session_id) == []
