"""A past of one shop, told by two sets of rules without a database."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count

from daemon.planning.known import Known
from daemon.planning.policy import Policy
from daemon.planning.values import Person
from daemon.replay.difference import Summary
from daemon.replay.twice import Twice
from daemon.replay.values import Ask, Given, Past
from tests.unit.planning.shop import NOON, event, person

_ids = count(1)


def past(what: str = "ready", minutes: float = 0, key: str = "7") -> Past:
    """An event that was planned so many minutes after noon."""
    return Past(next(_ids), event(what, key), NOON + timedelta(minutes=minutes))


def given(pasts: Sequence[Past], people: Sequence[Person], told: Mapping[str, Sequence[str]] | None = None) -> Given:
    audiences = told or {"customer": [one.user_id for one in people]}
    return Given([audiences] * len(pasts), Known({one.user_id: one for one in people}))


def replayed(
    before: Policy, after: Policy, *pages: Sequence[Past], people: Sequence[Person] = (), ask: Ask | None = None
) -> Summary:
    """What differs, where the events come in these pages; everybody is a customer of every order."""
    summary = Summary(ask or Ask(limit=100))
    twice = Twice(before, after, summary)
    known = people or [person()]
    for page in pages:
        for each in page:
            summary.begin(each)
        twice.add(page, given(page, known), given(page, known))
    twice.finish()
    return summary


def outcomes(summary: Summary, what: str, channel: str, side: int = 1) -> dict[str, int]:
    """Label -> ways, after (or before)."""
    tally = summary.rules[f"order.{what}", "customer"]
    return {label: n for (on, label), n in tally.outcomes[side].items() if on == channel}


def times(summary: Summary) -> list[datetime | None]:
    """When the examples are told after."""
    return [each.after.at for found in summary.examples.values() for each in found]
