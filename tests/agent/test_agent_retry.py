"""Waits between tries: what the provider asks for, else doubling with a ceiling."""

import pytest

from letta_cli.agent.retry import LONGEST_WAIT_SECONDS, tries_for, wait_before
from letta_cli.agent.turn import Limits
from letta_cli.core.errors import Overloaded, RateLimited, Unreachable
from letta_cli.core.event import Retrying
from letta_cli.core.exit_codes import TRY_LATER


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.5), (2, 1.0), (4, 4.0), (12, 60.0)])
def test_waits_double_up_to_a_minute(attempt, seconds):
    assert wait_before(attempt, Overloaded("busy"), jitter=0.0) == seconds


def test_many_sessions_do_not_come_back_together():
    waits = {wait_before(5, Overloaded("busy")) for _ in range(20)}
    assert len(waits) > 10 and all(6.0 <= wait <= 8.0 for wait in waits)


def test_what_the_provider_asks_for_is_honoured_however_long():
    asked = LONGEST_WAIT_SECONDS * 5
    assert wait_before(1, RateLimited("slow down", retry_after=asked)) == asked


def test_a_provider_that_cannot_be_reached_is_given_up_soon_when_nobody_waits():
    refused = Unreachable("connection refused")
    assert tries_for(refused, 11, waits=False) == 3
    assert tries_for(refused, 11, waits=True) == 11
    assert tries_for(refused, 1, waits=False) == 1
    assert tries_for(Overloaded("busy"), 11, waits=False) == 11


async def test_a_network_that_goes_away_in_the_middle_of_a_run_is_waited_for(stage):
    gone = {"error": {"code": "unreachable", "message": "no route", "retry_after": 0.01}}
    read = {"name": "Read", "arguments": {"file_path": "app.py"}}
    built = stage([{"tool_calls": [read]}, *[gone] * 4, {"text": "done"}], limits=Limits())
    events = await built.play()
    assert [event.max_attempts for event in events if isinstance(event, Retrying)] == [11] * 4
    assert events[-1].stop_reason == "end_turn"


async def test_a_network_that_is_not_there_ends_a_run_after_three_tries(stage):
    gone = {
        "error": {"code": "unreachable", "message": "no route", "retry_after": 0.01},
        "repeat": True,
    }
    events = await stage([gone], limits=Limits()).play()
    assert sum(isinstance(event, Retrying) for event in events) == 2
    assert (events[-1].stop_reason, events[-1].exit_code) == ("error", TRY_LATER)


async def test_a_person_at_the_terminal_may_wait_for_the_network(stage):
    gone = {"error": {"code": "unreachable", "message": "no route", "retry_after": 0.01}}
    script = [*[gone] * 3, {"text": "done"}]
    events = await stage(script, interactive=True, limits=Limits()).play()
    assert events[-1].stop_reason == "end_turn"
