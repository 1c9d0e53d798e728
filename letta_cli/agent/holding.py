"""Holds a conversation: waits for its lease without blocking the loop, and watches over it."""

import asyncio
import time
from collections.abc import Callable

from letta_cli.agent.thread import Thread
from letta_cli.core.errors import Busy, LeaseLost, StoreError
from letta_cli.store.leases import Lease, Leases

LEASE_POLL_SECONDS = 0.1
LEASE_WATCH_SECONDS = 0.5


async def acquire(
    leases: Leases,
    conversation_id: str,
    *,
    wait_seconds: float,
    interrupted: Callable[[], bool],
    advice: str,
) -> Lease:
    """Hold the conversation.

    Raises:
        Busy: it stayed in use for so long, or the person interrupted; says who has it.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return leases.acquire(conversation_id)
        except Busy as error:
            if interrupted() or time.monotonic() >= deadline:
                raise Busy(f"{error} {advice}".strip(), holder=error.holder) from error
        await asyncio.sleep(LEASE_POLL_SECONDS)


async def watch(thread: Thread, lease: Lease, interrupt: Callable[[], None]) -> None:
    """Notice at once when the lease is lost; interrupt the run when another session has it."""
    while True:
        await asyncio.sleep(LEASE_WATCH_SECONDS)
        if lease.is_held:
            continue
        try:
            if await asyncio.to_thread(lease.keep):
                thread.retaken()
        except LeaseLost as error:
            thread.lost(error)
            interrupt()
            return
        except StoreError:
            continue  # the server is away, and the next write will wait for it
