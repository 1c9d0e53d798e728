"""Runs the coroutine of one command, without an event loop's slow end."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

GRACE_SECONDS = 2.0
Result = TypeVar("Result")


def run_async(main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` to its end and return what it returns.

    `asyncio.run` would now join every worker thread, also one that is importing an SDK nobody
    waits for; the process ends right after this, so the loop is left as it is.

    Raises:
        KeyboardInterrupt: after the coroutine had `GRACE_SECONDS` to clean up.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    task = loop.create_task(main)
    try:
        return loop.run_until_complete(task)
    except (KeyboardInterrupt, SystemExit):
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(asyncio.wait({task}, timeout=GRACE_SECONDS))
        raise


def on_interrupt(stop: Callable[[], object]) -> None:
    """Let Ctrl+C call `stop` instead of ending the process, where loops can listen for signals."""
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)
