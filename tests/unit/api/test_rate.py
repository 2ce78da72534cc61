"""How often one person may ask."""

import pytest

from daemon.api.rate import Rates, TooMany


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def passed(rates: Rates, user: str, tries: int) -> int:
    """How many of so many tries at once were let through."""
    through = 0
    for _ in range(tries):
        try:
            rates.take(user)
        except TooMany:
            continue
        through += 1
    return through


def test_five_seconds_worth_passes_at_once_and_then_so_many_a_second(clock: Clock) -> None:
    rates = Rates(2.0, clock=clock)
    assert passed(rates, "ann", 50) == 10
    clock.now += 1
    assert passed(rates, "ann", 50) == 2


def test_nobody_pays_for_anybody_else(clock: Clock) -> None:
    rates = Rates(2.0, clock=clock)
    assert passed(rates, "ann", 50) == passed(rates, "bob", 50) == 10


@pytest.mark.parametrize(("per_second", "seconds"), [(20.0, "1"), (0.1, "10"), (0.03, "34")])
def test_who_asks_too_often_is_told_after_how_many_seconds_to_come_back(
    clock: Clock, per_second: float, seconds: str
) -> None:
    rates = Rates(per_second, clock=clock)
    passed(rates, "ann", 1000)
    with pytest.raises(TooMany) as refused:
        rates.take("ann")
    assert (refused.value.status_code, refused.value.headers) == (429, {"Retry-After": seconds})
    clock.now += float(seconds)
    rates.take("ann")


def test_only_so_many_people_are_remembered_and_the_longest_idle_are_forgotten(clock: Clock) -> None:
    rates = Rates(1.0, most_people=3, clock=clock)
    for user in ("ann", "bob", "cid"):
        assert passed(rates, user, 9) == 5
    assert passed(rates, "ann", 1) == 0
    assert passed(rates, "dan", 1) == 1
    assert len(rates) == 3
    assert passed(rates, "ann", 1) == 0
    assert passed(rates, "bob", 1) == 1
