"""The edit radar's memory: which session read and wrote which files, and what it tells others."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from letta_cli.core.clock import from_text, now, to_text
from letta_cli.core.touch import RECENT_WRITE_SECONDS, FileWriter, News, Touch
from letta_cli.store.database import Database, Row
from letta_cli.store.rows import clean

_KEPT = timedelta(days=1)
_WRITER = "t.path, t.session_id, t.conversation_id, c.title, t.sha256, t.written_at"
_FROM = "FROM file_touch t JOIN conversation c ON c.id = t.conversation_id"


class Touches:
    """The repository of file touches and of news between sessions.

    Its writes do not wait for the disk: after a power cut every session is over. Raises what
    `Database` raises.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, session_id: str, conversation_id: str, touches: Sequence[Touch]) -> None:
        """Keep the newest touch of each file; all of them in one transaction."""
        if not touches:
            return
        moment = to_text(now())
        with self._database.transaction(durable=False, only=session_id):
            self._database.execute_many(
                "INSERT INTO file_touch (session_id, conversation_id, path, sha256, kind,"
                " touched_at, written_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (session_id, path) DO UPDATE SET"
                " conversation_id = excluded.conversation_id, sha256 = excluded.sha256,"
                " kind = excluded.kind, touched_at = excluded.touched_at,"
                " written_at = coalesce(excluded.written_at, file_touch.written_at)",
                [
                    (
                        session_id, conversation_id, clean(touch.path), touch.sha256, touch.kind,
                        moment, moment if touch.kind == "write" else None,
                    )
                    for touch in touches
                ],
            )  # fmt: skip

    def known(self, conversation_id: str) -> Mapping[str, str]:
        """For each file that the conversation touched: the hash that it last saw."""
        found = self._database.query(
            "SELECT path, sha256 FROM file_touch WHERE conversation_id = ? ORDER BY touched_at",
            conversation_id,
        )
        return dict(found)

    def writers(self, path: str, *, but: str) -> list[FileWriter]:
        """Who wrote the file within a day, sessions that ended included; newest first."""
        found = self._database.query(
            f"SELECT {_WRITER} {_FROM} WHERE t.path = ? AND t.written_at IS NOT NULL"
            " AND t.session_id <> ? ORDER BY t.written_at DESC",
            clean(path), but,
        )  # fmt: skip
        return [_writer(row) for row in found]

    def shared(self, session_id: str) -> list[FileWriter]:
        """Recent writes, by other sessions, of files that this session touched; oldest first.

        Whether such a session still lives is for `Sessions.live` to say.
        """
        found = self._database.query(
            f"SELECT {_WRITER} {_FROM}"
            " JOIN file_touch mine ON mine.path = t.path AND mine.session_id = ?"
            " WHERE t.written_at > ? AND t.session_id <> ? ORDER BY t.written_at",
            session_id, to_text(now() - timedelta(seconds=RECENT_WRITE_SECONDS)), session_id,
        )  # fmt: skip
        return [_writer(row) for row in found]

    def tell(self, session_ids: Sequence[str], text: str) -> None:
        """Leave news for other sessions; those that have ended meanwhile are left out."""
        moment = to_text(now())
        with self._database.transaction(durable=False):
            for session_id in session_ids:
                self._database.execute(
                    "INSERT INTO session_news (session_id, text, created_at)"
                    " SELECT id, ?, ? FROM session WHERE id = ?",
                    clean(text), moment, session_id,
                )  # fmt: skip

    def news(self, session_id: str) -> list[News]:
        """What others left for this session; it stays until `heard`."""
        found = self._database.query(
            "SELECT number, text FROM session_news WHERE session_id = ? ORDER BY number",
            session_id,
        )
        return [News(*row) for row in found]

    def heard(self, session_id: str, last: int) -> None:
        """Forget the session's news up to number `last`."""
        with self._database.transaction(durable=False):
            self._database.execute(
                "DELETE FROM session_news WHERE session_id = ? AND number <= ?", session_id, last
            )

    def prune(self) -> None:
        """Forget what is older than a day."""
        old = to_text(now() - _KEPT)
        if not self._database.query("SELECT 1 FROM file_touch WHERE touched_at < ? LIMIT 1", old):
            return
        with self._database.transaction(durable=False):
            self._database.execute("DELETE FROM file_touch WHERE touched_at < ?", old)


def _writer(row: Row) -> FileWriter:
    path, session_id, conversation_id, title, sha256, written_at = row
    return FileWriter(path, session_id, conversation_id, title, sha256, from_text(written_at))
