"""Waits for a conversation that another session is using, without blocking the event loop."""

import asyncio
import time
from collections.abc import Callable

from letta_cli.core.errors import Busy
from letta_cli.store.leases import Lease, Leases

LEASE_POLL_SECONDS = 0.1


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
