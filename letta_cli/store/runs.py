"""Runs and their journal: what a turn has done so far, so that it survives any end.

A run is open from the moment the person's words are stored until it is finished. In between, each
tool call stands in the journal until its return is in the thread: every call gets exactly one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from letta_cli.core.clock import from_text, now, to_text
from letta_cli.core.errors import Conflict, NotFound, StoreError
from letta_cli.core.ids import new_id
from letta_cli.core.message import Message, Part, Text, ToolReturn
from letta_cli.core.run import CallState, Run, StopReason, Usage
from letta_cli.store import compactions, rows
from letta_cli.store.compactions import Compaction
from letta_cli.store.database import Database
from letta_cli.store.journal import Journal
from letta_cli.store.messages import Messages
from letta_cli.store.recovery import describe, settle

_SKILL = re.compile(r'\s*<skill_content name="([\w.-]+)"')
_TITLE_MAX = 60
_OWNERS_KEPT = 1_000

# `Runs.list` hides the builtin in the class body.
_Texts = list[str]
_Returns = list[ToolReturn]


@dataclass(frozen=True, slots=True)
class Step:
    """One model call of a run.

    Attributes:
        seq: of the assistant message that it made.
    """

    seq: int
    usage: Usage
    created_at: datetime


class Runs:
    """The repository of runs. Raises what `Database` raises, and what methods name.

    Whoever calls `start` or `recover` holds the conversation's lease.
    """

    def __init__(self, database: Database, messages: Messages) -> None:
        self._database = database
        self._messages = messages
        self._journal = Journal(database)
        self._owners: dict[str, str] = {}

    def start(
        self,
        conversation_id: str,
        model: str,
        parts: Sequence[Part],
        *,
        expected_head: int | None,
    ) -> tuple[Run, Message]:
        """Store the person's words and open a run on them; the first words become the title.

        Raises:
            NotFound: there is no such conversation.
            Conflict: it went on elsewhere, or a run of it is still open: `recover` it first.
        """
        run_id = new_id("run")
        with self._database.transaction(only=conversation_id):
            if self._open_runs(conversation_id):
                raise Conflict(
                    f"Conversation {conversation_id} has a run that was never finished. "
                    "Open the conversation again to settle it."
                )
            message = self._messages.append(
                conversation_id, "user", parts, run_id=run_id, expected_head=expected_head
            )
            self._database.execute(
                "INSERT INTO run (id, conversation_id, model, state, error, partial, started_at)"
                " VALUES (?, ?, ?, 'open', '', '', ?)",
                run_id, conversation_id, model, to_text(message.created_at),
            )  # fmt: skip
            if title := title_from(message.words):
                self._database.execute(
                    "UPDATE conversation SET title = ? WHERE id = ? AND title = ''",
                    title, conversation_id,
                )  # fmt: skip
            return self.get(run_id), message

    def save_partial(self, run_id: str, text: str) -> None:
        """Keep what has streamed of the answer so far, instead of what was kept before.

        Does not wait for the disk: a power cut may lose it, the end of the program does not.
        """
        with self._database.transaction(durable=False, only=self._owner_of(run_id)):
            self._database.execute(
                "UPDATE run SET partial = ? WHERE id = ? AND state = 'open'",
                rows.clean(text), run_id,
            )  # fmt: skip

    def add_reply(
        self, run_id: str, parts: Sequence[Part], usage: Usage, *, expected_head: int | None
    ) -> Message:
        """Store the model's message, what it cost, and each tool call as pending.

        Raises:
            NotFound: there is no such run.
            Conflict: the conversation went on elsewhere, or the run is over.
            StoreError: two of the calls have the same id.
        """
        with self._database.transaction(only=self._owner_of(run_id)):
            conversation_id = self._conversation_of(run_id)
            message = self._messages.append(
                conversation_id, "assistant", parts, run_id=run_id, expected_head=expected_head
            )
            self._database.execute("UPDATE run SET partial = '' WHERE id = ?", run_id)
            self._add_step(message, run_id, usage)
            self._journal.add(message, run_id)
        return message

    def mark_call(
        self,
        call_id: str,
        state: CallState,
        *,
        arguments_sha256: str = "",
        pgid: int | None = None,
        run_id: str | None = None,
    ) -> None:
        """Write down how far a call has come. ``running`` must be on disk before it runs.

        Args:
            arguments_sha256: of the exact arguments that were approved; empty keeps what is there.
            pgid: the process group that does it; None keeps what is there.
            run_id: needed only where a provider gives one id to several calls.

        Raises:
            NotFound: no such call is open.
            Conflict: several are, and `run_id` does not say which.
        """
        with self._database.transaction(only=self._owner_of(run_id)):
            self._journal.mark(call_id, state, arguments_sha256, pgid, run_id)

    def finish_call(self, result: ToolReturn, *, run_id: str | None = None) -> None:
        """Keep a call's result until it is in the thread. Raises as `mark_call`."""
        with self._database.transaction(only=self._owner_of(run_id)):
            self._journal.finish(result, run_id)

    def add_returns(
        self, run_id: str, returns: Sequence[ToolReturn], *, expected_head: int | None
    ) -> Message:
        """Store the returns of all open calls as one message, in the order of the calls.

        Raises:
            NotFound: there is no such run.
            Conflict: the conversation went on elsewhere, or the run is over.
            StoreError: a call would be without a return, or a return without a call.
        """
        with self._database.transaction(only=self._owner_of(run_id)):
            conversation_id = self._conversation_of(run_id)
            wanted = [call.call_id for call in self._journal.open_calls(run_id)]
            given = {each.call_id: each for each in returns}
            if len(given) != len(returns) or given.keys() != set(wanted):
                raise StoreError(
                    f"Tool returns {sorted(each.call_id for each in returns)} do not fit the open "
                    f"calls {sorted(wanted)}: each call needs exactly one."
                )
            return self._put_returns(
                conversation_id, run_id, [given[call_id] for call_id in wanted], expected_head
            )

    def finish(self, run_id: str, stop_reason: StopReason, *, error: str = "") -> Run:
        """Close a run; one that is closed stays as it is.

        What is still open is settled first, as `recover` does, so that the thread stays
        well-formed: text kept with `save_partial` becomes a message, calls without a return get
        one.

        Raises:
            NotFound: there is no such run.
        """
        with self._database.transaction(only=self._owner_of(run_id)):
            run = self.get(run_id)
            if run.state == "open":
                self._settle(run_id, run.conversation_id)
                self._close(run_id, stop_reason, error)
                run = self.get(run_id)
        return run

    def is_open(self, conversation_id: str) -> bool:
        """Whether a run of it goes on, or was cut short and not settled yet."""
        return bool(self._open_runs(conversation_id))

    def recover(self, conversation_id: str) -> list[str]:
        """Settle the runs that a dead process left open; the caller holds the lease. Idempotent.

        Text that had streamed becomes the answer so far. Results that were kept stay; a call that
        was running returns ``unknown`` and is never run again; one that had not begun returns
        ``cancelled``. A notice tells the model, and the runs are closed.

        Returns:
            A line for the person for each run with something to tell.
        """
        if not self._open_runs(conversation_id):
            return []
        lines: list[str] = []
        with self._database.transaction(only=conversation_id):
            for run_id in self._open_runs(conversation_id):
                if self._is_answered(run_id):
                    # Only the mark that it is over was missing.
                    self._close(run_id, "end_turn", "")
                    continue
                calls = self._journal.open_calls(run_id)
                returns, kept_text = self._settle(run_id, conversation_id)
                notice, line = describe(
                    returns,
                    ["done" if call.result is not None else call.state for call in calls],
                    kept_text=kept_text,
                    answered=self._has_answers(run_id),
                )
                self._messages.append(conversation_id, "notice", (Text(notice),), run_id=run_id)
                self._close(run_id, "error", "The program stopped in the middle of this run.")
                lines.append(line)
        return lines

    def get(self, run_id: str) -> Run:
        """Raises NotFound."""
        found = self._database.query(
            f"SELECT {rows.RUN} {rows.FROM_RUN} WHERE r.id = ? GROUP BY r.id", run_id
        )
        if not found:
            raise NotFound(f"There is no run {run_id}.")
        return rows.run(found[0])

    def totals(self, conversation_id: str) -> Usage:
        """All tokens and known costs of a conversation, its summaries with them.

        What a fork took over is not counted.
        """
        counts = "input, output, cache_read, cache_write, reasoning, cost_usd"
        return rows.usage(
            self._database.query(
                f"SELECT {rows.USAGE} FROM"
                f" (SELECT {counts} FROM step WHERE conversation_id = ?"
                f" UNION ALL SELECT {counts} FROM compaction WHERE conversation_id = ?) s",
                conversation_id, conversation_id,
            )[0]
        )  # fmt: skip

    def compactions(self, conversation_id: str) -> Sequence[Compaction]:
        """What summaries a model wrote of it, oldest first."""
        return compactions.of(self._database, conversation_id)

    def last_context(self, conversation_id: str) -> tuple[int, int]:
        """How full the window was at the newest step; a fork starts with its origin's figure.

        Returns:
            Tokens, and the seq of the message up to which they count; zeros when there was no
            step, or none since the conversation was compacted.
        """
        first, last = self._after_compaction(conversation_id), None
        while True:
            found = self._database.query(
                "SELECT input + output + cache_read + cache_write, seq FROM step"
                " WHERE conversation_id = ? AND seq > ? AND seq <= coalesce(?, seq)"
                " ORDER BY number DESC LIMIT 1",
                conversation_id, first, last,
            )  # fmt: skip
            if found:
                return found[0][0], found[0][1]
            origin = self._database.query(
                "SELECT forked_from, forked_at FROM conversation"
                " WHERE id = ? AND forked_from IS NOT NULL",
                conversation_id,
            )
            if not origin:
                return 0, 0
            conversation_id, forked_at = origin[0]
            last = forked_at if last is None else min(last, forked_at)

    def last_models(self, agent_id: str) -> dict[str, str]:
        """The model that each conversation of an agent last ran on, by conversation."""
        return dict(
            self._database.query(
                "SELECT r.conversation_id, r.model FROM run r"
                " JOIN conversation c ON c.id = r.conversation_id WHERE c.agent_id = ?"
                " ORDER BY r.started_at, r.id",
                agent_id,
            )
        )

    def list(self, conversation_id: str) -> list[Run]:
        """All runs of a conversation, oldest first."""
        found = self._database.query(
            f"SELECT {rows.RUN} {rows.FROM_RUN} WHERE r.conversation_id = ?"
            " GROUP BY r.id ORDER BY r.started_at, r.id",
            conversation_id,
        )
        return [rows.run(row) for row in found]

    def steps(self, run_id: str) -> Sequence[Step]:
        """The model calls of a run, oldest first."""
        found = self._database.query(
            f"SELECT s.seq, s.created_at, {rows.USAGE} FROM step s WHERE s.run_id = ?"
            " GROUP BY s.number, s.seq, s.created_at ORDER BY s.number",
            run_id,
        )
        return [Step(seq, rows.usage(tuple(rest)), from_text(at)) for seq, at, *rest in found]

    def bring(self, conversation_id: str, run_id: str, run: Run, steps: Sequence[Step]) -> None:
        """Store a run that ended elsewhere, as `run_id`. Inside a transaction."""
        self._database.execute(
            "INSERT INTO run (id, conversation_id, model, state, stop_reason, error, partial,"
            " started_at, finished_at) VALUES (?, ?, ?, 'closed', ?, ?, '', ?, ?)",
            run_id, conversation_id, rows.clean(run.model), run.stop_reason,
            rows.clean(run.error), to_text(run.started_at),
            to_text(run.finished_at or run.started_at),
        )  # fmt: skip
        for step in steps:
            self._put_step(conversation_id, run_id, step)

    def bring_compaction(self, conversation_id: str, made: Compaction) -> None:
        """Store what a summary cost elsewhere. Inside a transaction."""
        compactions.add(self._database, conversation_id, made)

    def _after_compaction(self, conversation_id: str) -> int:
        """Seq of the summary that the window begins with; 0 when there is none."""
        found = self._database.query(
            "SELECT summary_seq FROM conversation WHERE id = ?", conversation_id
        )
        return (found[0][0] or 0) if found else 0

    def _add_step(self, message: Message, run_id: str, usage: Usage) -> None:
        step = Step(message.seq, usage, message.created_at)
        self._put_step(message.conversation_id, run_id, step)

    def _put_step(self, conversation_id: str, run_id: str, step: Step) -> None:
        usage = step.usage
        self._database.execute(
            "INSERT INTO step (id, run_id, conversation_id, seq, input, output, cache_read,"
            " cache_write, reasoning, cost_usd, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            new_id("step"), run_id, conversation_id, step.seq, usage.input, usage.output,
            usage.cache_read, usage.cache_write, usage.reasoning, usage.cost_usd,
            to_text(step.created_at),
        )  # fmt: skip

    def _settle(self, run_id: str, conversation_id: str) -> tuple[_Returns, bool]:
        """Give every open call its return and keep what has streamed; what was it?"""
        returns = [settle(call) for call in self._journal.open_calls(run_id)]
        if returns:
            self._put_returns(conversation_id, run_id, returns, None)
        partial = self._partial_of(run_id)
        if partial:
            self._messages.append(conversation_id, "assistant", (Text(partial),), run_id=run_id)
        return returns, bool(partial)

    def _put_returns(
        self,
        conversation_id: str,
        run_id: str,
        returns: Sequence[ToolReturn],
        expected_head: int | None,
    ) -> Message:
        message = self._messages.append(
            conversation_id, "tool", returns, run_id=run_id, expected_head=expected_head
        )
        self._journal.clear(run_id)
        return message

    def _close(self, run_id: str, stop_reason: StopReason, error: str) -> None:
        self._database.execute(
            "UPDATE run SET state = 'closed', stop_reason = ?, error = ?, partial = '',"
            " finished_at = ? WHERE id = ?",
            stop_reason, rows.clean(error), to_text(now()), run_id,
        )  # fmt: skip

    def _open_runs(self, conversation_id: str) -> _Texts:
        found = self._database.query(
            "SELECT id FROM run WHERE conversation_id = ? AND state = 'open'"
            " ORDER BY started_at, id",
            conversation_id,
        )
        return [row[0] for row in found]

    def _owner_of(self, run_id: str | None) -> str:
        """The conversation of a run, which never changes; empty for none."""
        if not run_id:
            return ""
        if run_id not in self._owners:
            sql = "SELECT conversation_id FROM run WHERE id = ?"
            found = self._database.query(sql, run_id)
            if not found:
                return ""
            if len(self._owners) >= _OWNERS_KEPT:
                self._owners.clear()
            self._owners[run_id] = found[0][0]
        return self._owners[run_id]

    def _conversation_of(self, run_id: str) -> str:
        """The conversation of an open run."""
        found = self._database.query("SELECT conversation_id, state FROM run WHERE id = ?", run_id)
        if not found:
            raise NotFound(f"There is no run {run_id} any more.")
        conversation_id, state = found[0]
        if state != "open":
            raise Conflict(
                f"Run {run_id} is over: another session settled it. Open the conversation again."
            )
        return conversation_id

    def _partial_of(self, run_id: str) -> str:
        text: str = self._database.query("SELECT partial FROM run WHERE id = ?", run_id)[0][0]
        return text if text.strip() else ""

    def _has_answers(self, run_id: str) -> bool:
        return bool(self._database.query("SELECT 1 FROM step WHERE run_id = ? LIMIT 1", run_id))

    def _is_answered(self, run_id: str) -> bool:
        """Whether the last thing in the run is a whole answer that asks for nothing more."""
        if self._journal.open_calls(run_id) or self._partial_of(run_id):
            return False
        found = self._database.query(
            f"SELECT {rows.MESSAGE} FROM message WHERE run_id = ? ORDER BY number DESC LIMIT 1",
            run_id,
        )
        newest = rows.message(found[0]) if found else None
        return newest is not None and newest.role == "assistant" and not newest.tool_calls


def title_from(text: str) -> str:
    """The first words of a message on one line, at most 60 characters; of a skill its command."""
    if skill := _SKILL.match(text):
        return f"/{skill[1]}"
    line = " ".join(rows.clean(text).split())
    if len(line) <= _TITLE_MAX:
        return line
    return line[:_TITLE_MAX].rsplit(" ", 1)[0].rstrip(" ,;:.-") + "…"
