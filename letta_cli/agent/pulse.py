"""Tells other sessions that this one is there: where, on what, and what it is doing now."""

import asyncio
import contextlib
from collections.abc import Callable

from letta_cli.agent.thread import Thread
from letta_cli.core.errors import StoreError
from letta_cli.core.presence import HEARTBEAT_SECONDS, SessionState
from letta_cli.store import Store
from letta_cli.workspace.workspace import Workspace


class Pulse:
    """The presence of one session; beats from `start` until `stop`.

    Presence informs others: a full disk or a busy store must not end the work for it.

    Attributes:
        activity: what it is doing, for people.
    """

    def __init__(self, store: Store, workspace: Workspace, thread: Thread, terminal: str) -> None:
        presence = store.sessions.open(
            conversation_id=thread.conversation.id,
            cwd=str(workspace.cwd),
            branch=workspace.branch(),
            terminal=terminal,
        )
        self.session_id = presence.session_id
        self.activity = ""
        self._state: SessionState = "idle"
        self._store = store
        self._workspace = workspace
        self._thread = thread
        self._task: asyncio.Task[None] | None = None

    def start(self, look: Callable[[], None]) -> None:
        """Beat from now on, and call `look` each time."""
        self._task = asyncio.create_task(self._beat_for_ever(look))

    def stop(self) -> None:
        """Beat no more, and be gone for others."""
        if self._task is not None:
            self._task.cancel()
        with contextlib.suppress(StoreError):
            self._store.sessions.close(self.session_id)

    def follow(self, thread: Thread) -> None:
        """Be on another conversation from now on."""
        self._thread = thread
        self._beat()

    def show(self, state: SessionState, activity: str) -> None:
        """Say what the session is doing now."""
        if (state, activity) != (self._state, self.activity):
            self._state, self.activity = state, activity
            self._beat()

    def _beat(self) -> None:
        with contextlib.suppress(StoreError):
            self._store.sessions.beat(
                self.session_id,
                state=self._state,
                activity=self.activity,
                branch=self._workspace.branch(),
                conversation_id=self._thread.conversation.id,
            )

    async def _beat_for_ever(self, look: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self._beat()
            look()
