"""The edit radar: notes what this session does with files, and tells of others at the same ones."""

from contextlib import suppress
from pathlib import Path

from letta_cli.agent.thread import Thread
from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import StoreError
from letta_cli.core.message import Message, Text
from letta_cli.core.touch import FileWriter
from letta_cli.store import Store
from letta_cli.workspace import Workspace


class Radar:
    """What one session knows of the others in its files.

    Attributes:
        session_id: under which its reads and writes are recorded.
    """

    def __init__(self, store: Store, workspace: Workspace, session_id: str) -> None:
        self.session_id = session_id
        self._store = store
        self._workspace = workspace
        self._told: set[tuple[str, str]] = set()
        self._newest: FileWriter | None = None

    @property
    def badge(self) -> str:
        """For the toolbar: ``⚠ api.py: also in "billing" 40 s ago``; empty when all is quiet."""
        writer = self._newest
        if writer is None:
            return ""
        where = f'"{writer.title}"' if writer.title else writer.conversation_id[:13]
        return f"⚠ {Path(writer.path).name}: also in {where} {age(writer)}"

    def record(self, conversation_id: str) -> None:
        """Store what was read and written since the last time, in one transaction."""
        touches = self._workspace.files.take_touches()
        # It informs others; that it cannot be stored must not end the work.
        with suppress(StoreError):
            self._store.touches.record(self.session_id, conversation_id, touches)

    def look(self) -> list[FileWriter]:
        """Live sessions that lately wrote files which this one read or wrote; oldest first."""
        found = self._store.touches.shared(self.session_id)
        if found:
            live = {presence.session_id for presence in self._store.sessions.live()}
            found = [writer for writer in found if writer.session_id in live]
        self._newest = found[-1] if found else None
        return found

    def deliver(self, thread: Thread, run_id: str) -> list[Message]:
        """Append a notice on files that are also another session's, once for each of both."""
        new = [writer for writer in self.look() if self._key(writer) not in self._told]
        if not new:
            return []
        self._told.update(self._key(writer) for writer in new)
        text = "\n".join(describe(writer, self._label(writer.path)) for writer in new)
        return [thread.append("notice", (Text(text),), run_id=run_id)]

    def _key(self, writer: FileWriter) -> tuple[str, str]:
        return writer.path, writer.session_id

    def _label(self, path: str) -> str:
        cwd = self._workspace.cwd
        return str(Path(path).relative_to(cwd)) if Path(path).is_relative_to(cwd) else path


def describe(writer: FileWriter, label: str) -> str:
    """Say whose file it is as well, since when, and what to do."""
    when = to_text(writer.written_at)[:16] + "Z"
    return (
        f"Edit radar: {label} is also being changed by {writer.name}, last at {when}. "
        "Keep your edits of it small, Read it again before each, and leave its changes in place."
    )


def age(writer: FileWriter) -> str:
    seconds = max(0, round((now() - writer.written_at).total_seconds()))
    return f"{seconds} s ago" if seconds < 120 else f"{seconds // 60} min ago"
