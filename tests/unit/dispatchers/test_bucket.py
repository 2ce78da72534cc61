"""The rate limit: never more than the rate and the burst, and those who are sent away come back spread out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchers.bucket import LONGEST_DEFERRAL_SECONDS, Bucket


def test_without_a_rate_there_is_no_limit() -> None:
    bucket = Bucket(0.0, 1)
    assert all(bucket.take(0.0) for _ in range(1000))
    assert bucket.defer(0.0, 3.0) == 3.0


def test_a_rested_bucket_holds_its_burst_and_fills_at_its_rate() -> None:
    bucket = Bucket(2.0, 3)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait(10.0) == 0.5
    assert [bucket.take(10.5) for _ in range(2)] == [True, False]
    assert [bucket.take(60.0) for _ in range(4)] == [True, True, True, False]


@given(
    rate=st.floats(0.01, 1000),
    burst=st.integers(1, 50),
    steps=st.lists(st.floats(0, 2), max_size=200),
)
def test_no_stretch_of_time_sees_more_than_burst_and_rate(rate: float, burst: int, steps: list[float]) -> None:
    bucket, now, taken = Bucket(rate, burst), 0.0, []
    for step in steps:
        now += step
        if bucket.take(now):
            taken.append(now)
    for first, start in enumerate(taken):
        for count, end in enumerate(taken[first:], start=1):
            assert count <= burst + rate * (end - start) + 1e-6 * count


@given(rate=st.floats(0.01, 1000), burst=st.integers(1, 50), steps=st.lists(st.floats(0, 2), max_size=50))
def test_who_waits_as_long_as_it_says_finds_a_token(rate: float, burst: int, steps: list[float]) -> None:
    bucket, now = Bucket(rate, burst), 1.0
    for step in steps:
        now += step
        while bucket.take(now):
            pass
        later = now + bucket.wait(now)
        assert bucket.wait(later) == pytest.approx(0.0, abs=1e-9)


def test_those_who_are_sent_away_come_back_one_interval_apart() -> None:
    bucket = Bucket(2.0, 1)
    bucket.take(0.0)
    assert [bucket.defer(0.0, 0.5) for _ in range(3)] == [0.5, 1.0, 1.5]
    assert bucket.defer(1.0, 0.1) == 1.0


def test_nobody_is_sent_away_for_longer_than_the_limit_but_for_a_longer_pause() -> None:
    bucket = Bucket(0.001, 1)
    bucket.take(0.0)
    for _ in range(10):
        assert bucket.defer(0.0, 1.0) <= max(LONGEST_DEFERRAL_SECONDS, bucket.wait(0.0))
    assert bucket.defer(0.0, 5000.0) == 5000.0
