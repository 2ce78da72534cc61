"""A short run of ``make resume``."""

import pytest

from tests.resume.campaign import TERM, Plan, Result, campaign


def complaints(result: Result) -> str:
    lines = [*result.account.missing, *result.account.wrong, *result.tally.out_of_order, *result.notes]
    return "\n".join([f"seed {result.plan.seed}", result.line(), *lines[:20]])


@pytest.mark.timeout(240)
async def test_each_client_ends_with_exactly_its_inbox_whatever_is_cut(empty_database: str) -> None:
    plan = Plan(people=40, rate=100, seconds=15, restarts=[TERM], seed=20, replay_limit=15)
    result = await campaign(empty_database, plan)
    assert result.good, complaints(result)
    assert (result.clients, result.restarts[TERM]) == (44, 1)
    assert result.notifications > 500
    assert result.withdrawn > 0
    assert result.deleted > 0
    assert result.tally.disconnects > 44
    assert result.tally.frames["reload"] > 0
    assert result.marks.total() > 20
