"""What one event leaves behind for the next: what waits, open digests, what counted towards a throttle.

The planner finds it in the database; a replay writes nothing, so it is carried in memory, for each set of rules. What
is due is told and forgotten, so it grows with what waits at a time and not with the number of events.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heappop, heappush
from itertools import count

from config.names import INBOX
from daemon.planning.known import Hold, Known
from daemon.planning.policy import Policy
from daemon.planning.values import Plan, PlannedDelivery, PlannedNotification, Withdrawal
from daemon.replay.left import Spent, Windows
from daemon.replay.values import DIGESTED, TOLD, Case, Outcome, Way

AT_MOST = 100_000
"""Messages that wait at a time; of more, those that are due first are taken as told."""

SHOWN = (INBOX, "webpush")
"""Channels on which what was told already can be taken back."""


@dataclass(slots=True, eq=False)
class _Entry:
    """One way that can still change."""

    case: Case
    way: Way
    event: str
    due: datetime
    until: datetime
    """Then nothing changes it any more: when it is told, or later where it can be taken back."""
    hold: Hold | None
    later: bool
    """Of a step that is not taken at once."""
    told: bool = False
    over: bool = False


class Carried:
    """For one set of rules; time goes forward."""

    def __init__(self, policy: Policy, side: int) -> None:
        self._side = side
        self._steps = {(rule.event, rule.audience): rule.all_steps for rules in policy.rules.values() for rule in rules}
        self._can_be_withdrawn = {(r.event, r.audience) for rules in policy.withdrawals.values() for r in rules}
        self._moments: list[tuple[datetime, int, _Entry]] = []
        self._numbers = count()
        self._lines: dict[tuple[str, str], dict[str, list[_Entry]]] = {}
        """(subject, audience) -> user -> what can still change."""
        self._windows = Windows()
        self._spent = Spent({name: throttle.per for name, throttle in policy.throttles})
        self._released: tuple[datetime | None, set[Hold]] = (None, set())
        self._waiting = 0
        self._complete: list[Case] = []
        self.full = False
        """More was waiting than is carried."""

    def known(self, known: Known, users: Collection[str]) -> Known:
        """``known`` with what was left behind for ``users``, in place of what the database has today."""
        return replace(known, windows=self._windows.of(users), spent=self._spent.of(users))

    def advance(self, now: datetime | None) -> None:
        """What is due at ``now`` is told; None: everything that waits."""
        while self._moments and (now is None or self._moments[0][0] <= now or self._waiting > AT_MOST):
            moment, _, entry = heappop(self._moments)
            if entry.over:
                continue
            self.full = self.full or (now is not None and moment > now)
            if not entry.told:
                self._tell(entry)
            if moment >= entry.until:
                self._end(entry)
        if now is not None:
            self._spent.forget(now)

    def complete(self) -> list[Case]:
        """The cases of which nothing waits any more, since the last call."""
        done, self._complete = self._complete, []
        return done

    def take(self, plan: Plan, cases: Sequence[Case], now: datetime) -> None:
        """Remember what ``plan`` makes of ``cases`` (one for each of its events), which are the newest."""
        for withdrawal in plan.withdrawals:
            self._withdraw(withdrawal)
        deliveries: dict[int, list[PlannedDelivery]] = defaultdict(list)
        for delivery in plan.deliveries:
            deliveries[delivery.notification].append(delivery)
        turns: Counter[tuple[int, Way]] = Counter()
        for index, notification in enumerate(plan.notifications):
            case, own = cases[notification.event], deliveries[index]
            if not notification.withdrawn:
                self._supersede(case.past.event.subject, notification, {delivery.channel for delivery in own})
            self._inbox(plan, case, notification, now)
            for delivery in own:
                self._deliver(plan, case, delivery, turns, now)
        for skipped in plan.skipped:
            notification = plan.notifications[skipped.notification]
            known = notification.person.addresses.get(skipped.channel, ())
            for address in ((skipped.address,) if skipped.address is not None else known) or ("",):
                way = _turn(turns, notification, skipped.channel, address)
                outcome = Outcome(skipped.reason, detail=skipped.detail)
                cases[notification.event].outcomes[self._side][way] = outcome
        for user, name in plan.spent:
            self._spent.add(user, name, now)

    # --- the newest events ------------------------------------------------------------------------------------------

    def _inbox(self, plan: Plan, case: Case, notification: PlannedNotification, now: datetime) -> None:
        way = Way(notification.audience, notification.person.user_id, INBOX, "")
        words = plan.messages[notification.message].words
        if notification.withdrawn:
            case.outcomes[self._side][way] = Outcome("withdrawn", detail="before anybody saw it")
            return
        case.outcomes[self._side][way] = Outcome(TOLD, now, words)
        if (case.past.event.name, notification.audience) in self._can_be_withdrawn:
            self._wait(case, way, now, notification.expires_at, None, later=False, told=True)

    def _deliver(
        self, plan: Plan, case: Case, delivery: PlannedDelivery, turns: Counter[tuple[int, Way]], now: datetime
    ) -> None:
        notification = plan.notifications[delivery.notification]
        way = _turn(turns, notification, delivery.channel, delivery.address)
        message = plan.messages[notification.message if delivery.message is None else delivery.message]
        case.outcomes[self._side][way] = Outcome(TOLD, delivery.due_at, message.words)
        rule = (case.past.event.name, notification.audience)
        due, until = delivery.due_at, delivery.due_at
        if rule in self._can_be_withdrawn and delivery.channel in SHOWN:
            until = max(until, notification.expires_at)
        if until > now:
            hold = (way.user, way.channel, way.address, delivery.hold) if delivery.hold else None
            later = self._steps[rule][delivery.step].after is not None
            self._wait(case, way, due, until, hold, later=later, told=due <= now)

    def _wait(
        self, case: Case, way: Way, due: datetime, until: datetime, hold: Hold | None, *, later: bool, told: bool
    ) -> None:
        event = case.past.event
        entry = _Entry(case, way, event.name, due, until, hold, later, told)
        case.waiting += 1
        self._waiting += 1
        self._lines.setdefault((event.subject, way.audience), {}).setdefault(way.user, []).append(entry)
        if hold is not None:
            self._windows.join(hold, due)
        for moment in {due, until} if not told else {until}:
            heappush(self._moments, (moment, next(self._numbers), entry))

    # --- older ones -------------------------------------------------------------------------------------------------

    def _withdraw(self, withdrawal: Withdrawal) -> None:
        line = self._lines.get((withdrawal.subject, withdrawal.audience), {})
        for entry in [each for entries in line.values() for each in entries if each.event == withdrawal.event]:
            outcomes = entry.case.outcomes[self._side]
            if entry.told:
                outcomes[entry.way] = replace(outcomes[entry.way], taken_back=True)
            else:
                outcomes[entry.way] = Outcome("withdrawn", detail="before it was sent")
            self._end(entry)

    def _supersede(self, subject: str, newer: PlannedNotification, channels: Collection[str]) -> None:
        """A newer status ends what waits: on the channels that it is told on, and later steps on every one."""
        line = self._lines.get((subject, newer.audience), {})
        for entry in list(line.get(newer.person.user_id, ())):
            if not entry.told and (entry.later or entry.way.channel in channels):
                entry.case.outcomes[self._side][entry.way] = Outcome("superseded", detail="by a newer status")
                self._end(entry)

    def _tell(self, entry: _Entry) -> None:
        """It goes out; of those that waited under one name, the others are told with the first."""
        entry.told = True
        if entry.hold is None:
            return
        if self._released[0] != entry.due:
            self._released = entry.due, set()
        if entry.hold in self._released[1]:
            outcomes = entry.case.outcomes[self._side]
            outcomes[entry.way] = replace(outcomes[entry.way], label=DIGESTED)
        self._released[1].add(entry.hold)
        self._windows.leave(entry.hold)

    def _end(self, entry: _Entry) -> None:
        """Nothing changes it any more."""
        entry.over = True
        self._waiting -= 1
        key = (entry.case.past.event.subject, entry.way.audience)
        line = self._lines[key]
        line[entry.way.user].remove(entry)
        if not line[entry.way.user]:
            del line[entry.way.user]
            if not line:
                del self._lines[key]
        if entry.hold is not None and not entry.told:
            self._windows.leave(entry.hold)
        entry.case.waiting -= 1
        if entry.case.waiting == 0:
            self._complete.append(entry.case)


def _turn(turns: Counter[tuple[int, Way]], notification: PlannedNotification, channel: str, address: str) -> Way:
    """The way of a delivery, numbered where there are several of the same."""
    way = Way(notification.audience, notification.person.user_id, channel, address)
    turn = turns[notification.event, way]
    turns[notification.event, way] += 1
    return way._replace(turn=turn)
