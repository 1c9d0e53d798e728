"""Dates as they stand in the store."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from letta_cli.core.clock import from_text, to_text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (
            datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            "2025-12-31T23:00:00.000000Z",
        ),
    ],
)
def test_every_date_is_written_so_that_it_is_read_again_and_sorts(
    moment: datetime, text: str
) -> None:
    assert to_text(moment) == text
    assert from_text(text) == moment
