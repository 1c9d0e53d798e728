"""Holds a conversation while something is done in it, and notices when it is held no more."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator

from letta_cli.agent.inbox import Inbox
from letta_cli.agent.thread import Thread
from letta_cli.core.errors import Busy, LeaseLost, StoreError
from letta_cli.store import Lease, Store

POLL_SECONDS = 0.1
WATCH_SECONDS = 0.5


@contextlib.asynccontextmanager
async def holding(
    store: Store, thread: Thread, inbox: Inbox | None, *, wait_seconds: float, advice: str
) -> AsyncGenerator[None]:
    """Hold the conversation of `thread` until the block ends.

    Args:
        inbox: is cancelled when another session has taken the conversation; its own interrupt
            ends the waiting.
        wait_seconds: how long to wait for another session.
        advice: what else can be done, for the message of `Busy`.

    Raises:
        Busy: another session is using it; says who.
    """
    lease = await _acquire(store, thread.conversation.id, inbox, wait_seconds, advice)
    watch = asyncio.create_task(_watch(thread, lease, inbox))
    try:
        yield thread.held_by(lease)
    finally:
        watch.cancel()
        thread.held_by(None)
        lease.release()


async def _acquire(
    store: Store, conversation_id: str, inbox: Inbox | None, wait_seconds: float, advice: str
) -> Lease:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return store.leases.acquire(conversation_id)
        except Busy as error:
            interrupted = inbox is not None and inbox.cancelled
            if interrupted or time.monotonic() >= deadline:
                raise Busy(f"{error} {advice}".strip(), holder=error.holder) from error
        await asyncio.sleep(POLL_SECONDS)


async def _watch(thread: Thread, lease: Lease, inbox: Inbox | None) -> None:
    """Notice at once when the lease is lost; interrupt the run when another session has it."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if lease.is_held:
            continue
        try:
            if await asyncio.to_thread(lease.keep):
                thread.retaken()
        except LeaseLost as error:
            thread.lost(error)
            if inbox is not None:
                inbox.cancel()
            return
        except StoreError:
            continue  # the server is away, and the next write will wait for it
