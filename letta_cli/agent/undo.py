"""Keeps what the calls of a run do to files, so that a person can take it back.

Edits by tools are written down before they are made. A command in a repository is covered by a
snapshot before and after it; outside a repository it is not. Where the agent is killed in between,
whoever looks next makes up for the second one.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from letta_cli.core.change import FileChange
from letta_cli.core.errors import NotFound, StoreError
from letta_cli.core.message import ToolCall
from letta_cli.store import Store
from letta_cli.workspace.undo import Begun, NotCovered, TreeSnapshots
from letta_cli.workspace.workspace import Workspace

Complain = Callable[[str], None]


def _nothing() -> None:
    """There is nothing to settle."""


class UndoJournal:
    """Of one session. Nothing that goes wrong here ends a call: the work matters more."""

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store = store
        self._workspace = workspace
        self._snapshots: TreeSnapshots | None = workspace.snapshots()
        self._said: set[str] = set()
        if self._snapshots is not None:
            # What cannot be written down now is found again the next time.
            with contextlib.suppress(StoreError, OSError):
                self._make_up_for_killed(self._snapshots)

    @contextlib.asynccontextmanager
    async def covering(
        self, conversation_id: str, run_id: str, call: ToolCall, kind: str, complain: Complain
    ) -> AsyncGenerator[None]:
        """Keep what happens to files inside, as what `call` did.

        Args:
            kind: of the tool; edits and commands are covered.
            complain: takes a line for the person about what is not covered; each only once.
        """

        def keep(changes: list[FileChange]) -> bool:
            try:
                self._store.changes.record(conversation_id, run_id, call.id, changes)
            except StoreError as error:
                self._say(complain, f"cannot be undone: {error}")
                return False
            return True

        if kind == "edit":
            async with self._edits(keep, complain):
                yield
        elif kind == "execute":
            async with self._command(conversation_id, run_id, call.id, keep, complain):
                yield
        else:
            yield

    def close(self) -> None:
        if self._snapshots is not None:
            self._snapshots.close()

    @contextlib.asynccontextmanager
    async def _edits(
        self, keep: Callable[[list[FileChange]], bool], complain: Complain
    ) -> AsyncGenerator[None]:
        blobs = self._workspace.blobs

        def before_write(path: Path, old: bytes | None, new: bytes, mode: int) -> None:
            try:
                before = None if old is None else blobs.put(old)
                after = blobs.put(new)
            except OSError as error:
                self._say(complain, f"the edit of {path} cannot be undone: {error}")
                return
            keep([FileChange(str(path), before, after, mode)])

        self._workspace.files.before_write = before_write
        try:
            yield
        finally:
            self._workspace.files.before_write = None

    @contextlib.asynccontextmanager
    async def _command(
        self,
        conversation_id: str,
        run_id: str,
        call_id: str,
        keep: Callable[[list[FileChange]], bool],
        complain: Complain,
    ) -> AsyncGenerator[None]:
        snapshots = self._snapshots
        if snapshots is None:
            yield
            return
        with contextlib.ExitStack() as stack:
            before: str | None = None
            settled: Callable[[], None] = _nothing
            try:
                before = await asyncio.to_thread(snapshots.take)
                begun = Begun(conversation_id, run_id, call_id, before)
                settled = stack.enter_context(snapshots.pending.running(begun))
            except (NotCovered, OSError) as error:
                self._say(complain, f"what commands change here cannot be undone: {error}")
            try:
                yield
            finally:
                if before is not None:
                    # Not awaited in a thread: a cancelled call must still be written down.
                    try:
                        after = snapshots.take()
                        if keep(snapshots.changes(before, after, self._workspace.blobs)):
                            settled()
                    except (NotCovered, OSError) as error:
                        self._say(complain, f"this command cannot be undone: {error}")

    def _make_up_for_killed(self, snapshots: TreeSnapshots) -> None:
        """Write down what commands did whose agent was killed in the middle.

        What others changed since then counts as theirs too: nobody can tell it apart any more.
        One of which no snapshot can be made now is given up, so that no start waits for it again.

        Raises:
            StoreError, OSError: it could not be written down; it stays to be done.
        """
        with snapshots.pending.left() as left:
            for begun in left:
                try:
                    self._store.conversations.get(begun.conversation_id)
                    changes = snapshots.changes(
                        begun.before, snapshots.take(), self._workspace.blobs
                    )
                except (NotFound, NotCovered):
                    continue
                self._store.changes.record(
                    begun.conversation_id, begun.run_id, begun.call_id, changes
                )

    def _say(self, complain: Complain, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            complain(line)
