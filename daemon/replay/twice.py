"""Each event planned by both rules, at the time when it was planned, with what the events before it left behind."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from daemon.planning.plan import plan
from daemon.planning.policy import Policy
from daemon.replay.carried import Carried
from daemon.replay.difference import Summary
from daemon.replay.values import Case, Given, Past


class Twice:
    """Events go in, in their order; what differs comes out in ``summary``."""

    def __init__(self, before: Policy, after: Policy, summary: Summary) -> None:
        self._policies = before, after
        self._carried = Carried(before, 0), Carried(after, 1)
        self._summary = summary

    @property
    def full(self) -> bool:
        """More was waiting at a time than is carried."""
        return any(carried.full for carried in self._carried)

    def add(self, pasts: Sequence[Past], before: Given, after: Given) -> None:
        """Plan these: what was planned in one transaction is planned together again."""
        for first, batch in _batches(pasts):
            now, cases = batch[0].now, [Case(past) for past in batch]
            events = [past.event for past in batch]
            for policy, carried, given in zip(self._policies, self._carried, (before, after), strict=True):
                own = _share(given, first, len(batch))
                carried.advance(now)
                known = carried.known(own.known, own.users)
                carried.take(plan(events, own.audiences, known, policy, now, own.mentioned), cases, now)
            self._collect(cases)

    def finish(self) -> None:
        """Nothing comes any more: what waits is told when it is due."""
        for carried in self._carried:
            carried.advance(None)
        self._collect([])

    def _collect(self, cases: Sequence[Case]) -> None:
        """Those of which nothing waits any more, neither before nor after."""
        for case in (*cases, *(case for carried in self._carried for case in carried.complete())):
            if case.waiting == 0 and not case.done:
                case.done = True
                self._summary.add(case)


def _batches(pasts: Sequence[Past]) -> Iterator[tuple[int, list[Past]]]:
    """Index of the first, and those that have the same time."""
    for _, numbered in groupby(enumerate(pasts), key=lambda each: each[1].now):
        batch = list(numbered)
        yield batch[0][0], [past for _, past in batch]


def _share(given: Given, first: int, count: int) -> Given:
    """What ``given`` says of ``count`` events."""
    failing = {(n - first, audience, step) for n, audience, step in given.known.failing if first <= n < first + count}
    return Given(given.audiences[first : first + count], replace(given.known, failing=failing), given.mentioned)
