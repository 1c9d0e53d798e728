"""Keeps what the calls of a run do to files, so that a person can take it back.

Edits by tools are written down before they are made. A command in a repository is covered by a
snapshot before and after it; outside a repository it is not.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from letta_cli.core.change import FileChange
from letta_cli.core.errors import StoreError
from letta_cli.core.message import ToolCall
from letta_cli.store import Store
from letta_cli.workspace.undo import NotCovered, TreeSnapshots
from letta_cli.workspace.workspace import Workspace

Complain = Callable[[str], None]


class UndoJournal:
    """Of one session. Nothing that goes wrong here ends a call: the work matters more."""

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store = store
        self._workspace = workspace
        self._snapshots: TreeSnapshots | None = workspace.snapshots()
        self._said: set[str] = set()

    @contextlib.asynccontextmanager
    async def covering(
        self, conversation_id: str, run_id: str, call: ToolCall, kind: str, complain: Complain
    ) -> AsyncGenerator[None]:
        """Keep what happens to files inside, as what `call` did.

        Args:
            kind: of the tool; edits and commands are covered.
            complain: takes a line for the person about what is not covered; each only once.
        """

        def keep(changes: list[FileChange]) -> None:
            try:
                self._store.changes.record(conversation_id, run_id, call.id, changes)
            except StoreError as error:
                self._say(complain, f"cannot be undone: {error}")

        if kind == "edit":
            async with self._edits(keep, complain):
                yield
        elif kind == "execute":
            async with self._command(keep, complain):
                yield
        else:
            yield

    def close(self) -> None:
        if self._snapshots is not None:
            self._snapshots.close()

    @contextlib.asynccontextmanager
    async def _edits(
        self, keep: Callable[[list[FileChange]], None], complain: Complain
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
        self, keep: Callable[[list[FileChange]], None], complain: Complain
    ) -> AsyncGenerator[None]:
        snapshots = self._snapshots
        before: str | None = None
        if snapshots is not None:
            try:
                before = await asyncio.to_thread(snapshots.take)
            except NotCovered as error:
                self._say(complain, f"what commands change here cannot be undone: {error}")
        try:
            yield
        finally:
            if snapshots is not None and before is not None:
                # Not awaited in a thread: a cancelled call must still be written down.
                try:
                    after = snapshots.take()
                    keep(snapshots.changes(before, after, self._workspace.blobs))
                except (NotCovered, OSError) as error:
                    self._say(complain, f"this command cannot be undone: {error}")

    def _say(self, complain: Complain, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            complain(line)
