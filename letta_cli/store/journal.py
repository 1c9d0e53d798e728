"""The journal of tool calls: where each stands until its return is in the thread."""

from collections.abc import Sequence

from letta_cli.core.errors import Conflict, NotFound, StoreError
from letta_cli.core.message import Message, ToolReturn, part_to_dict
from letta_cli.core.run import CallState
from letta_cli.store import rows
from letta_cli.store.database import Database
from letta_cli.store.recovery import OpenCall


class Journal:
    """Rows of calls without a return. Its callers hold the transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, message: Message, run_id: str) -> None:
        """Write down the calls of a message as pending. Raises StoreError when two share an id."""
        calls = message.tool_calls
        if len({call.id for call in calls}) != len(calls):
            raise StoreError("The model gave the same id to two tool calls of one message.")
        self._database.execute_many(
            "INSERT INTO tool_call (run_id, call_id, conversation_id, position, name, state,"
            " arguments_sha256) VALUES (?, ?, ?, ?, ?, 'pending', '')",
            [
                (run_id, call.id, message.conversation_id, position, call.name)
                for position, call in enumerate(calls)
            ],
        )

    def mark(
        self,
        call_id: str,
        state: CallState,
        arguments_sha256: str,
        pgid: int | None,
        run_id: str | None,
    ) -> None:
        """See `Runs.mark_call`."""
        self._database.execute(
            "UPDATE tool_call SET state = ?, pgid = coalesce(?, pgid),"
            " arguments_sha256 = CASE WHEN ? = '' THEN arguments_sha256 ELSE ? END"
            " WHERE call_id = ? AND run_id = ?",
            state, pgid, arguments_sha256, arguments_sha256, call_id,
            self._run_of(call_id, run_id),
        )  # fmt: skip

    def finish(self, result: ToolReturn, run_id: str | None) -> None:
        """See `Runs.finish_call`."""
        self._database.execute(
            "UPDATE tool_call SET state = 'done', result = ? WHERE call_id = ? AND run_id = ?",
            rows.to_json(part_to_dict(result)), result.call_id,
            self._run_of(result.call_id, run_id),
        )  # fmt: skip

    def open_calls(self, run_id: str) -> Sequence[OpenCall]:
        """The run's calls without a return, in the order they were made."""
        found = self._database.query(
            "SELECT call_id, name, state, pgid, result FROM tool_call WHERE run_id = ?"
            " ORDER BY position",
            run_id,
        )
        return [OpenCall(*row) for row in found]

    def clear(self, run_id: str) -> None:
        """Forget the run's calls: their returns are in the thread."""
        self._database.execute("DELETE FROM tool_call WHERE run_id = ?", run_id)

    def _run_of(self, call_id: str, run_id: str | None) -> str:
        found = self._database.query(
            "SELECT run_id FROM tool_call WHERE call_id = ? AND run_id = coalesce(?, run_id)",
            call_id, run_id,
        )  # fmt: skip
        if not found:
            raise NotFound(f"No tool call {call_id} is open.")
        if len(found) > 1:
            raise Conflict(f"Several open tool calls have the id {call_id}; say of which run.")
        return found[0][0]
