"""SIGTERM and SIGHUP end the chat as a person would: the run is interrupted and kept whole."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Generator

from letta_cli.core.exit_codes import INTERRUPTED, TERMINATED


@contextlib.contextmanager
def stopping_on_signals(leave: Callable[[int], None]) -> Generator[None]:
    """While inside, the first of these signals calls `leave` with the exit code for it."""
    loop = asyncio.get_running_loop()
    codes = {signal.SIGTERM: TERMINATED, signal.SIGINT: INTERRUPTED}
    if hasattr(signal, "SIGHUP"):
        codes[signal.SIGHUP] = TERMINATED
    added: list[signal.Signals] = []
    for number, code in codes.items():
        # Not every event loop can do this (Windows); there the default action stays.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, leave, code)
            added.append(number)
    try:
        yield
    finally:
        for number in added:
            loop.remove_signal_handler(number)
