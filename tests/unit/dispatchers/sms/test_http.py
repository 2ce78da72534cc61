"""Retry-After, as the channels over HTTP read it (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime

import pytest

from dispatchers.http import LONGEST_RETRY_AFTER_SECONDS, retry_after

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 12:01:30 -0000", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("9" * 400, LONGEST_RETRY_AFTER_SECONDS),
        ("Sun, 01 Mar 2037 11:00:00 GMT", LONGEST_RETRY_AFTER_SECONDS),
    ],
)
def test_seconds_and_dates_are_understood(header: str, seconds: float) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1.5", "Sun, 99 Mar 2026 99:00:00 GMT", "²"])
def test_nonsense_asks_for_nothing(header: str | None) -> None:
    assert retry_after(header, NOW) is None
