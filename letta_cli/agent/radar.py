"""The edit radar: notes what this session does with files, and tells of others at the same ones."""

from contextlib import suppress
from pathlib import Path

from letta_cli.agent.thread import Thread
from letta_cli.core.agent import Conversation
from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import NotFound, StoreError
from letta_cli.core.message import Message, Text
from letta_cli.core.presence import Presence
from letta_cli.core.touch import FileWriter
from letta_cli.permissions import tree_change
from letta_cli.store import Store
from letta_cli.workspace.workspace import Workspace

PREFIX = "Edit radar: "


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
        self._unheard = ""

    @property
    def badge(self) -> str:
        """For the toolbar: ``⚠ api.py: also in "billing" 40 s ago``; empty when all is quiet."""
        writer = self._newest
        if self._unheard:
            return f"⚠ {self._unheard}"
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
        """Live sessions of this machine that lately wrote files which this one read or wrote.

        Oldest first. The same path on another machine is another file.
        """
        found = self._store.touches.shared(self.session_id)
        if found:
            live = {each.session_id for each in self._store.sessions.live() if each.here}
            found = [writer for writer in found if writer.session_id in live]
        self._newest = found[-1] if found else None
        news = self._store.touches.news(self.session_id)
        self._unheard = news[-1].text.removeprefix(PREFIX).partition(" (")[0] if news else ""
        return found

    def names_in_tree(self) -> tuple[str, ...]:
        """The other live sessions in this working tree, as a person knows them."""
        return tuple(self._name(presence) for presence in self._neighbours())

    def announce(
        self, conversation: Conversation, command: str, before: tuple[str, str], *, good: bool
    ) -> None:
        """Tell the others in this tree when a command switched its branch or changed its files.

        Args:
            before: `Workspace.head` from before the command.
        """
        branch, commit = self._workspace.head()
        moving = tree_change(command)
        by = f'"{conversation.title}"' if conversation.title else conversation.id
        if branch != before[0]:
            what = f"{by} switched the branch from {before[0]} to {branch}"
        elif moving and commit != before[1]:
            what = f"{by} moved {branch} from {before[1][:8] or 'its commit'} to {commit[:8]}"
        elif moving and good:
            what = f"{by} ran {moving} on {branch}"
        else:
            return
        text = (
            f"{PREFIX}{what} (conversation {conversation.id}, in {self._workspace.git_root}). "
            "Files may not be as you read them: look at git status and Read before you edit."
        )
        with suppress(StoreError):
            others = [presence.session_id for presence in self._neighbours()]
            if others:
                self._store.touches.tell(others, text)

    def _neighbours(self) -> list[Presence]:
        """Live sessions on this machine in this working tree, but for this one."""
        live = self._store.sessions.live()
        return [
            each
            for each in live
            if each.session_id != self.session_id and each.here and self._workspace.holds(each.cwd)
        ]

    def _name(self, presence: Presence) -> str:
        try:
            title = self._store.conversations.get(presence.conversation_id).title
        except NotFound:
            title = ""
        where = presence.terminal or f"pid {presence.pid}"
        return f'"{title}" ({where})' if title else f"{presence.conversation_id} ({where})"

    def deliver(self, thread: Thread, run_id: str) -> list[Message]:
        """Append one notice: files that are another session's too, each told once, and news."""
        new = [writer for writer in self.look() if self._key(writer) not in self._told]
        news = self._store.touches.news(self.session_id) if self._unheard else []
        if not new and not news:
            return []
        lines = [each.text for each in news]
        lines += [describe(writer, self._label(writer.path)) for writer in new]
        notice = thread.append("notice", (Text("\n".join(lines)),), run_id=run_id)
        self._told.update(self._key(writer) for writer in new)
        if news:
            self._store.touches.heard(self.session_id, news[-1].number)
            self._unheard = ""
        return [notice]

    def _key(self, writer: FileWriter) -> tuple[str, str]:
        return writer.path, writer.session_id

    def _label(self, path: str) -> str:
        cwd = self._workspace.cwd
        return str(Path(path).relative_to(cwd)) if Path(path).is_relative_to(cwd) else path


def describe(writer: FileWriter, label: str) -> str:
    """Say whose file it is as well, since when, and what to do."""
    when = to_text(writer.written_at)[:16] + "Z"
    return (
        f"{PREFIX}{label} is also being changed by {writer.name}, last at {when}. "
        "Keep your edits of it small, Read it again before each, and leave its changes in place."
    )


def age(writer: FileWriter) -> str:
    seconds = max(0, round((now() - writer.written_at).total_seconds()))
    return f"{seconds} s ago" if seconds < 120 else f"{seconds // 60} min ago"


def recall_files(store: Store, workspace: Workspace, conversation: Conversation) -> None:
    """What the conversation read before counts as read while the file is the same."""
    known = store.touches.known(conversation.id)
    if not known and conversation.forked_from is not None:
        known = store.touches.known(conversation.forked_from)
    workspace.files.begin(known)
