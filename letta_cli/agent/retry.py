"""Whether and when a failed model request is tried again."""

import random

from letta_cli.core.errors import Retryable, Unreachable

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0

UNREACHED_TRIES = 3
"""Tries of a script whose provider has not answered it yet and cannot be reached: two seconds."""


def tries_for(error: Retryable, most: int, *, waits: bool) -> int:
    """How many tries this failure is worth.

    Args:
        most: tries that the settings allow.
        waits: somebody sees the wait and can end it, or there is work done to be lost.
    """
    if isinstance(error, Unreachable) and not waits:
        return min(most, UNREACHED_TRIES)
    return most


def wait_before(attempt: int, error: Retryable, *, jitter: float | None = None) -> float:
    """Seconds to wait before try number ``attempt + 1``.

    What the provider asks for (Retry-After) is honoured, however long; otherwise the wait
    doubles from half a second to a minute, less up to a quarter, so that many sessions that
    failed together do not come back together.

    Args:
        attempt: tries so far, at least 1.
        jitter: 0 to 1; random when None.
    """
    if error.retry_after is not None:
        return max(0.0, error.retry_after)
    spread = random.random() if jitter is None else jitter
    wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
    return wait * (1 - 0.25 * spread)
