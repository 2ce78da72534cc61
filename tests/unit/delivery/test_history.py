"""Which partitions there must be, and which have had their time."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.delivery.history import AHEAD_DAYS, due, name_of

TODAY = date(2026, 11, 21)


def test_today_and_the_next_days_have_a_partition() -> None:
    missing, expired = due("attempt", set(), TODAY, keep_days=90)
    assert missing == [TODAY + timedelta(days=n) for n in range(AHEAD_DAYS + 1)]
    assert expired == []


def test_what_is_past_retention_is_dropped_and_nothing_else() -> None:
    old, kept = TODAY - timedelta(days=91), TODAY - timedelta(days=90)
    existing = {name_of("attempt", old), name_of("attempt", kept), "attempt_default", "delivery_history_20200101"}
    assert due("attempt", existing, TODAY, keep_days=90)[1] == [old]


@given(st.sets(st.dates(date(2020, 1, 1), date(2030, 1, 1)), max_size=20), st.integers(1, 400))
def test_no_day_within_retention_is_ever_dropped(days: set[date], keep: int) -> None:
    existing = {name_of("delivery_history", day) for day in days}
    missing, expired = due("delivery_history", existing, TODAY, keep)
    assert set(expired) == {day for day in days if day < TODAY - timedelta(days=keep)}
    assert {name_of("delivery_history", day) for day in missing}.isdisjoint(existing)
