"""Changes of files by tool calls, so that they can be taken back."""

from collections.abc import Sequence

from letta_cli.core.change import FileChange, RecordedChange
from letta_cli.core.clock import now, to_text
from letta_cli.store.database import Database, Row
from letta_cli.store.rows import clean

_CHANGE = "number, conversation_id, run_id, call_id, path, before_sha256, after_sha256, mode"


class Changes:
    """The repository of file changes. Raises what `Database` raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self, conversation_id: str, run_id: str, call_id: str, changes: Sequence[FileChange]
    ) -> None:
        """Keep what one call changes; for an edit before it is made, so that none is missed.

        A change that was then not made does no harm: the file is what it would be restored to.
        """
        if not changes:
            return
        moment = to_text(now())
        with self._database.transaction(only=conversation_id):
            self._database.execute_many(
                "INSERT INTO file_change (conversation_id, run_id, call_id, path, before_sha256,"
                " after_sha256, mode, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        conversation_id, run_id, call_id, clean(change.path), change.before,
                        change.after, change.mode, moment,
                    )
                    for change in changes
                ],
            )  # fmt: skip

    def since(self, conversation_id: str, started_at: str) -> list[RecordedChange]:
        """What the conversation changed from a moment on and has not taken back; oldest first.

        Args:
            started_at: as `clock.to_text` writes it.
        """
        found = self._database.query(
            f"SELECT {_CHANGE} FROM file_change WHERE conversation_id = ? AND created_at >= ?"
            " AND undone_at IS NULL ORDER BY number",
            conversation_id, started_at,
        )  # fmt: skip
        return [_recorded(row) for row in found]

    def counts(self, conversation_id: str) -> dict[str, int]:
        """For each run: how many files it changed that are not taken back."""
        found = self._database.query(
            "SELECT run_id, count(DISTINCT path) FROM file_change WHERE conversation_id = ?"
            " AND undone_at IS NULL GROUP BY run_id",
            conversation_id,
        )
        return dict(found)

    def undone(self, numbers: Sequence[int]) -> None:
        """Note that these changes were taken back."""
        moment = to_text(now())
        with self._database.transaction():
            self._database.execute_many(
                "UPDATE file_change SET undone_at = ? WHERE number = ?",
                [(moment, number) for number in numbers],
            )


def _recorded(row: Row) -> RecordedChange:
    number, conversation_id, run_id, call_id, path, before, after, mode = row
    return RecordedChange(
        number, conversation_id, run_id, call_id, FileChange(path, before, after, mode)
    )
