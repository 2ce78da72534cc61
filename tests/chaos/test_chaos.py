"""A short run of ``make chaos``, and what it is made of, one at a time."""

import pytest

from tests.chaos.campaign import Result, campaign
from tests.chaos.faults import Amounts, Fault, Kind, schedule
from tests.sources import SOURCES, Source

SEED = 20


def complaints(result: Result) -> str:
    """What was wrong, for the report of a failed test; the folder is told, and kept."""
    account = result.account
    lines = [*account.missing, *account.wrong, *result.notes, *account.unexplained]
    return "\n".join([f"seed {result.seed}, logs in {result.folder}", result.line(), *lines[:20]])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", SOURCES)
async def test_nothing_is_lost_while_everything_fails(source: Source) -> None:
    amounts = Amounts(kills=8, restarts=3, cuts=6, pauses=1, provider=8, clock=0, full_log=0)
    result = await campaign(schedule(amounts, 40, SEED), 40, SEED, writers=4, source=source)
    assert result.good, complaints(result)
    counts = result.counts
    assert (counts[Kind.KILL], counts[Kind.RESTART], counts[Kind.CUT]) == (8, 3, 6)
    assert result.orders > 20


@pytest.mark.timeout(200)
async def test_nothing_is_lost_while_the_clock_of_a_daemon_is_an_hour_ahead() -> None:
    result = await campaign([Fault(4, Kind.CLOCK, "3600", seconds=8)], 13, SEED, writers=4)
    assert result.counts[Kind.CLOCK] == 1
    assert result.good, complaints(result)
    assert not result.account.duplicates, complaints(result)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("source", SOURCES)
async def test_nobody_is_told_twice_when_nothing_fails(source: Source) -> None:
    result = await campaign([], 5, SEED, source=source)
    assert result.good, complaints(result)
    assert result.orders > 5
    assert not result.account.duplicates
