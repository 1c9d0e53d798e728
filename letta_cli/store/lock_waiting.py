"""Two ways to stand in the kernel's queue for a ``flock`` and yet give up in time."""

import os
import signal
import sys
import threading
from types import FrameType

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl


class _Late(Exception):
    """The alarm rang."""


def can_wait_here() -> bool:
    """Whether this thread may be woken by the process's alarm, which nobody else uses.

    Only Linux gives the alarm to the main thread first.
    """
    return (
        sys.platform == "linux"
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
        and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        and signal.SIGALRM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    )


def wait_here(descriptor: int, seconds: float) -> bool:
    """Block this thread until it has the lock; an alarm ends the wait. See `can_wait_here`.

    A thread of its own would have to hand the lock over, and each hand-over costs all who wait a
    turn of the scheduler. After False the lock may have come in that very moment: close the
    descriptor.

    Raises:
        OSError: the kernel refused the lock.
    """
    assert sys.platform == "linux" and fcntl is not None
    waiting = True

    def ring(_signal: int, _frame: FrameType | None) -> None:
        if waiting:
            raise _Late

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        waiting = False
    except _Late:
        return False
    finally:
        waiting = False
        # In this order: an alarm without a handler would end the process.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return True


class Waiter:
    """One blocking ``flock`` in a thread of its own, so that the wait can be given up."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._guard = threading.Lock()
        self._done = threading.Event()
        self._abandoned = False
        self._error: OSError | None = None
        threading.Thread(target=self._run, name="lock-waiter", daemon=True).start()

    def _run(self) -> None:
        assert fcntl is not None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            self._error = error
        with self._guard:
            if self._abandoned or self._error is not None:
                os.close(self._descriptor)
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """True when the lock is taken. In any other case the thread closes the descriptor.

        Raises:
            OSError: the kernel refused the lock.
        """
        taken = False
        try:
            taken = self._done.wait(seconds)
        finally:
            if not taken:
                taken = self._give_up()
        if self._error is not None:
            raise self._error
        return taken

    def _give_up(self) -> bool:
        """Leave the queue; True when the lock came in this very moment."""
        with self._guard:
            self._abandoned = not self._done.is_set()
            return not self._abandoned
