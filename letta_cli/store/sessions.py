"""Presence: which terminals have which conversation open, where, doing what."""

import os
import sys
from datetime import timedelta

from letta_cli.core.clock import from_text, now, to_text
from letta_cli.core.ids import new_id
from letta_cli.core.presence import EXPIRY_SECONDS, Presence, SessionState
from letta_cli.store import machine
from letta_cli.store.database import Database, Row
from letta_cli.store.rows import clean

_COLUMNS = (
    "id, conversation_id, pid, host, terminal, cwd, branch, state, activity, started_at,"
    " heartbeat_at"
)
_FORGOTTEN = timedelta(days=1)


class Sessions:
    """The repository of presence. Raises what `Database` raises.

    Its writes do not wait for the disk: after a power cut nobody is present anyway.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, *, conversation_id: str, cwd: str, branch: str, terminal: str) -> Presence:
        """Say that this process has the conversation open."""
        moment = now()
        made = Presence(
            session_id=new_id("session"), conversation_id=conversation_id, pid=os.getpid(),
            host=machine.host_name(), terminal=terminal, cwd=clean(cwd), branch=clean(branch),
            state="idle", activity="", started_at=moment, heartbeat_at=moment,
        )  # fmt: skip
        with self._database.transaction(durable=False):
            self._database.execute(
                "DELETE FROM session WHERE heartbeat_at < ?", to_text(moment - _FORGOTTEN)
            )
            self._database.execute(
                f"INSERT INTO session ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                made.session_id, made.conversation_id, made.pid, machine.place(), made.terminal,
                made.cwd, made.branch, made.state, made.activity, to_text(moment),
                to_text(moment),
            )  # fmt: skip
        return made

    def beat(
        self,
        session_id: str,
        *,
        state: SessionState,
        activity: str,
        branch: str | None = None,
        conversation_id: str | None = None,
    ) -> None:
        """Say what it does now; due every `HEARTBEAT_SECONDS`. A closed session stays closed."""
        with self._database.transaction(durable=False, only=session_id):
            self._database.execute(
                "UPDATE session SET state = ?, activity = ?, branch = coalesce(?, branch),"
                " conversation_id = coalesce(?, conversation_id), heartbeat_at = ? WHERE id = ?",
                state, clean(activity), None if branch is None else clean(branch),
                conversation_id, to_text(now()), session_id,
            )  # fmt: skip

    def close(self, session_id: str) -> None:
        """Say that it is over. Idempotent."""
        with self._database.transaction(durable=False):
            self._database.execute("DELETE FROM session WHERE id = ?", session_id)

    def forget_gone(self) -> int:
        """Remove those whose heart has stopped or whose process has ended; returns how many."""
        live = {each.session_id for each in self.live()}
        with self._database.transaction():
            known = [row[0] for row in self._database.query("SELECT id FROM session")]
            gone = [(each,) for each in known if each not in live]
            self._database.execute_many("DELETE FROM session WHERE id = ?", gone)
        return len(gone)

    def live(self) -> list[Presence]:
        """Who is there: a fresh heartbeat and, on this machine, a living process. Oldest first."""
        found = self._database.query(
            f"SELECT {_COLUMNS} FROM session WHERE heartbeat_at > ? ORDER BY started_at, id",
            to_text(now() - timedelta(seconds=EXPIRY_SECONDS)),
        )
        present = [_presence(row) for row in found]
        return [each for each in present if not each.here or _is_alive(each.pid)]


def _presence(row: Row) -> Presence:
    (
        session_id, conversation_id, pid, host, terminal, cwd, branch, state, activity,
        started_at, heartbeat_at,
    ) = row  # fmt: skip
    name, here = machine.split(host)
    return Presence(
        session_id, conversation_id, pid, name, terminal, cwd, branch, state, activity,
        from_text(started_at), from_text(heartbeat_at), here,
    )  # fmt: skip


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        # There, asking with a signal would end the process. The heartbeat has to do.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
