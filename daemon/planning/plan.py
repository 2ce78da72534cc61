"""Events + what is known + policy + clock -> plan. Pure and total: whatever it is given, it answers with a plan."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from config.names import INBOX, NOT_DECLINED, Closed
from config.rules import Rule
from config.telling import Step
from daemon.planning.known import Audiences, Known
from daemon.planning.policy import Policy
from daemon.planning.quiet import NEVER
from daemon.planning.timing import Schedule
from daemon.planning.values import (
    NOBODY,
    Event,
    Person,
    Plan,
    PlannedDelivery,
    PlannedEvent,
    PlannedMessage,
    PlannedNotification,
    SkippedDelivery,
    Withdrawal,
)
from daemon.planning.wording import Wording


def plan(
    events: Sequence[Event],
    audiences: Audiences,
    known: Known,
    policy: Policy,
    now: datetime,
    mentioned: Mapping[str, Sequence[str]] | None = None,
) -> Plan:
    """Who is told what about ``events``, and when.

    ``audiences`` has one entry per event, ``known`` what there is to know of everyone whom they name. Each person in an
    audience is told once per event and audience, in the order of ``events``. Who cannot be told is named in the
    event's remarks or, where only a channel is closed to them, in ``skipped``; so is what a later event of the same
    batch supersedes or takes back.

    With ``mentioned`` (audience -> first person), the plan goes on with one event that others were told of before.
    """
    draft = _Draft(known, policy, now)
    for event, told in zip(events, audiences, strict=True):
        draft.add(event, told, mentioned)
    return draft.finished()


class _Draft:
    """A plan in the making."""

    def __init__(self, known: Known, policy: Policy, now: datetime) -> None:
        self._known = known
        self._policy = policy
        self._now = now
        self._events: list[PlannedEvent] = []
        self._messages: list[PlannedMessage] = []
        self._notifications: list[PlannedNotification] = []
        self._deliveries: list[PlannedDelivery] = []
        self._skipped: list[SkippedDelivery] = []
        self._withdrawals: list[Withdrawal] = []
        self._withdrawn: dict[tuple[str, str, str], int] = {}
        """(subject, event, audience) -> the first event of the batch that is told after the last withdrawal."""
        self._schedule = Schedule(policy, known.windows, now)

    def finished(self) -> Plan:
        self._take_back()
        self._supersede()
        spent = self._throttle()
        return Plan(
            tuple(self._events),
            tuple(self._messages),
            tuple(self._notifications),
            tuple(self._deliveries),
            tuple(self._skipped),
            tuple(self._withdrawals),
            spent,
        )

    def add(
        self,
        event: Event,
        audiences: Mapping[str, Sequence[str]],
        mentioned: Mapping[str, Sequence[str]] | None,
    ) -> None:
        self._current = event
        if event.expires_at is not None and event.expires_at <= self._now:
            self._events.append(PlannedEvent(event, ("it expired before it was planned",)))
            return
        rules = self._policy.rules_for(event)
        remarks = [] if rules else [f"no rule is for {event.name}"]
        if mentioned is None:
            for rule in self._policy.withdrawals.get(event.name, ()):
                self._withdrawals.append(Withdrawal(event.subject, rule.event, rule.audience))
                self._withdrawn[event.subject, rule.event, rule.audience] = len(self._events)
        else:
            rules = [rule for rule in rules if rule.audience in audiences]
        people = self._known.people
        # What templates mean by an audience's name: the first person in it.
        named = {
            audience: next((people[user] for user in users if user in people), NOBODY)
            for audience, users in (audiences if mentioned is None else mentioned).items()
        }
        for rule in rules:
            remarks += self._tell(event, rule, audiences.get(rule.audience, ()), named)
        self._events.append(PlannedEvent(event, tuple(remarks)))

    def _tell(self, event: Event, rule: Rule, users: Sequence[str], named: Mapping[str, Person]) -> list[str]:
        """Add what ``rule`` says; returns remarks about who could not be told."""
        if not users:
            return [f"{rule.audience}: nobody"]
        remarks = []
        expires_at = self._end_of(event, rule)
        number = len(self._events)
        wording = Wording(self._policy, event, rule, named, self._messages)
        for user in dict.fromkeys(users):
            person = self._known.people.get(user)
            if person is None:
                remarks.append(f"{rule.audience}: user {user} is not among the people")
                continue
            self._notifications.append(
                PlannedNotification(
                    event=number,
                    message=wording.of(person, number),
                    person=person,
                    audience=rule.audience,
                    category=rule.category,
                    priority=rule.priority,
                    expires_at=expires_at,
                    critical=rule.critical,
                )
            )
            for position, step in enumerate(rule.all_steps):
                self._deliver(rule, position, step, person, wording)
        return remarks

    def _end_of(self, event: Event, rule: Rule) -> datetime:
        """Until when this may be sent; of an event with an end of its own, whichever comes first."""
        lifetime = timedelta(seconds=rule.expires_after_seconds) if rule.expires_after_seconds else None
        if event.expires_at is not None:
            return min(event.expires_at, self._now + lifetime) if lifetime else event.expires_at
        return self._now + (lifetime or self._policy.expires_after)

    def _deliver(self, rule: Rule, number: int, step: Step, person: Person, wording: Wording) -> None:
        """Add the deliveries of one step to the person who was just given a notification."""
        notification = len(self._notifications) - 1
        for channel in step.channels:
            if channel == INBOX or channel not in self._policy.channels:
                continue
            refusal = self._refusal(rule, number, person, channel)
            if refusal is not None:
                self._skip(notification, channel, *refusal)
                continue
            message = wording.on(channel, person, len(self._events))
            for address in person.addresses[channel]:
                self._plan_one(rule, number, step, person, channel, address, message)

    def _refusal(self, rule: Rule, number: int, person: Person, channel: str) -> tuple[str, str] | None:
        """Why this person is not told on this channel: the reason, and in words."""
        known = self._known
        if not rule.critical:
            if not self._policy.wants(known.choices, person.user_id, rule.category, channel):
                chose = any(
                    (person.user_id, category, on) in known.choices
                    for category in (rule.category, "")
                    for on in (channel, "")
                )
                return "preference", "as this person chose" if chose else "switched off by default"
            if person.do_not_disturb and channel in self._policy.waiting:
                return "preference", "do not disturb"
        if (len(self._events), rule.audience, number) in known.failing:
            return "condition", "the row is not as the step wants it"
        if not person.addresses.get(channel):
            return "no_address", "this person has none"
        return None

    def _plan_one(
        self, rule: Rule, number: int, step: Step, person: Person, channel: str, address: str, message: int | None
    ) -> None:
        notification = len(self._notifications) - 1
        closed = self._known.suppressed.get((channel, address))
        passes = closed == Closed.UNSUBSCRIBE and (rule.critical or rule.category in NOT_DECLINED)
        if closed is not None and not passes:
            self._skip(notification, channel, "suppressed", f"for the reason: {closed}", address)
            return
        expires_at = self._notifications[notification].expires_at
        subject = self._current.subject
        when = self._schedule.when(rule, step, person, channel, address, subject)
        if when.due_at >= expires_at:
            reason = "quiet hours never end" if when.due_at >= NEVER else "quiet until after its end"
            self._skip(notification, channel, "expired", reason if when.hold else "its end comes first", address)
            return
        self._deliveries.append(
            PlannedDelivery(
                notification=notification,
                channel=channel,
                address=address,
                due_at=when.due_at,
                step=number,
                hold=when.hold,
                zone=when.zone,
                message=message,
            )
        )

    def _skip(self, notification: int, channel: str, reason: str, detail: str, address: str | None = None) -> None:
        self._skipped.append(SkippedDelivery(notification, channel, reason, detail, address))

    # --- once all events are in -------------------------------------------------------------------------------------

    def _take_back(self) -> None:
        """What a later event of this batch withdraws is in nobody's inbox, and is not sent."""
        if not self._withdrawn:
            return
        for index, notification in enumerate(self._notifications):
            event = self._events[notification.event].event
            since = self._withdrawn.get((event.subject, event.name, notification.audience))
            if since is not None and notification.event < since:
                self._notifications[index] = replace(notification, withdrawn=True)
        self._keep(
            lambda d: None if not self._notifications[d.notification].withdrawn else ("withdrawn", "before it was sent")
        )

    def _supersede(self) -> None:
        """Of several statuses of one subject in this batch, only the newest is sent to an audience on a channel."""
        newest: dict[tuple[object, ...], int] = {}
        for delivery in self._deliveries:
            newest[self._line(delivery)] = delivery.notification
            if self._notifications[delivery.notification].critical:
                newest[*self._line(delivery), "critical"] = delivery.notification

        def verdict(delivery: PlannedDelivery) -> tuple[str, str] | None:
            # What is critical is not superseded by what is not.
            line: tuple[object, ...] = self._line(delivery)
            if self._notifications[delivery.notification].critical:
                line = (*line, "critical")
            return None if newest[line] == delivery.notification else ("superseded", "by a newer status")

        self._keep(verdict)

    def _throttle(self) -> tuple[tuple[str, str], ...]:
        """What is more than a person takes in a time stays in the inbox; returns what counted."""
        if not self._policy.throttles:
            return ()
        counts = Counter(self._known.spent)
        counted: list[tuple[str, str]] = []
        # One message to all of a person's devices counts once, and so does one that tells of several events.
        verdicts: dict[tuple[int, str, int] | tuple[str, str, str], tuple[str, str] | None] = {
            (user, channel, hold): None for user, channel, _, hold in self._known.windows
        }

        def count(delivery: PlannedDelivery) -> tuple[str, str] | None:
            notification = self._notifications[delivery.notification]
            user = notification.person.user_id
            throttles = self._policy.throttles_of(notification.category, delivery.channel)
            for name, throttle in throttles:
                if counts[user, name] >= throttle.at_most:
                    return "throttled", f"more than {throttle.at_most} in {throttle.per}"
            for name in {name for name, _ in throttles}:
                counts[user, name] += 1
                counted.append((user, name))
            return None

        def verdict(delivery: PlannedDelivery) -> tuple[str, str] | None:
            notification = self._notifications[delivery.notification]
            if notification.critical:
                return None
            together = (notification.person.user_id, delivery.channel, delivery.hold or "")
            message = together if delivery.hold else (delivery.notification, delivery.channel, delivery.step)
            if message not in verdicts or (delivery.hold and verdicts[message] is not None):
                verdicts[message] = count(delivery)
            return verdicts[message]

        self._keep(verdict)
        return tuple(counted)

    def _keep(self, verdict: Callable[[PlannedDelivery], tuple[str, str] | None]) -> None:
        """Keep the deliveries that ``verdict`` says nothing against; the others are skipped for what it says."""
        kept = []
        for delivery in self._deliveries:
            against = verdict(delivery)
            if against is None:
                kept.append(delivery)
            else:
                self._skip(delivery.notification, delivery.channel, *against, delivery.address)
        self._deliveries = kept

    def _line(self, delivery: PlannedDelivery) -> tuple[str, str, str, str]:
        """What a newer delivery must share with an older one to replace it."""
        notification = self._notifications[delivery.notification]
        subject = self._events[notification.event].event.subject
        return subject, notification.audience, notification.person.user_id, delivery.channel
