"""Waits between tries: what the provider asks for, else doubling with a ceiling."""

import pytest

from letta_cli.agent.retry import LONGEST_WAIT_SECONDS, wait_before
from letta_cli.core.errors import Overloaded, RateLimited


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.5), (2, 1.0), (4, 4.0), (12, 60.0)])
def test_waits_double_up_to_a_minute(attempt, seconds):
    assert wait_before(attempt, Overloaded("busy"), jitter=0.0) == seconds


def test_many_sessions_do_not_come_back_together():
    waits = {wait_before(5, Overloaded("busy")) for _ in range(20)}
    assert len(waits) > 10 and all(6.0 <= wait <= 8.0 for wait in waits)


def test_what_the_provider_asks_for_is_honoured_however_long():
    asked = LONGEST_WAIT_SECONDS * 5
    assert wait_before(1, RateLimited("slow down", retry_after=asked)) == asked
