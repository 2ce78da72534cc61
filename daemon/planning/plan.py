"""Events + audiences + people + clock -> plan. Pure and total: whatever it is given, it answers with a plan."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.mapping import Rule
from config.names import INBOX
from daemon.planning.catalogue import Catalogue
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
)

Audiences = Sequence[Mapping[str, Sequence[str]]]
"""For each event: audience -> user ids, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says about planning, ready to be looked up."""

    rules: Mapping[str, Sequence[Rule]]
    """Event name -> rules."""
    catalogue: Catalogue
    channels: frozenset[str]
    """Channels that have a dispatcher; what a rule says beyond them is left out."""
    expires_after: timedelta

    @classmethod
    def of(
        cls, rules: Iterable[Rule], catalogue: Catalogue, channels: Iterable[str], expires_after: timedelta
    ) -> "Policy":
        """The policy of these rules."""
        by_event: dict[str, list[Rule]] = {}
        for rule in rules:
            by_event.setdefault(rule.event, []).append(rule)
        return cls(by_event, catalogue, frozenset(channels), expires_after)

    def audiences_for(self, event: str, known: Iterable[str]) -> set[str]:
        """The audiences that must be looked up for ``event``: those told, and those its messages mention."""
        told = {rule.audience for rule in self.rules.get(event, ())}
        mentioned = {name for audience in told for name in self.catalogue.names_in(event, audience)}
        return told | (mentioned & set(known))


def plan(
    events: Sequence[Event],
    audiences: Audiences,
    people: Mapping[str, Person],
    policy: Policy,
    now: datetime,
    suppressed: Collection[tuple[str, str]] = (),
) -> Plan:
    """Who is told what about ``events``.

    ``audiences`` has one entry per event, ``people`` everyone whom they name, ``suppressed`` the (channel, address)
    that nothing is sent to. Each person in an audience is told once per event and audience, in the order of
    ``events``. Who cannot be told is named in the event's remarks or, where only a channel is closed to them, in
    ``skipped``; so is what a later event of the same batch supersedes.
    """
    draft = _Draft(people, policy, now, suppressed)
    for event, told in zip(events, audiences, strict=True):
        draft.add(event, told)
    return draft.finished()


class _Draft:
    """A plan in the making."""

    def __init__(
        self,
        people: Mapping[str, Person],
        policy: Policy,
        now: datetime,
        suppressed: Collection[tuple[str, str]],
    ) -> None:
        self._people = people
        self._suppressed = suppressed
        self._policy = policy
        self._now = now
        self._events: list[PlannedEvent] = []
        self._messages: list[PlannedMessage] = []
        self._notifications: list[PlannedNotification] = []
        self._deliveries: list[PlannedDelivery] = []
        self._skipped: list[SkippedDelivery] = []

    def finished(self) -> Plan:
        self._supersede()
        return Plan(
            tuple(self._events),
            tuple(self._messages),
            tuple(self._notifications),
            tuple(self._deliveries),
            tuple(self._skipped),
        )

    def add(self, event: Event, audiences: Mapping[str, Sequence[str]]) -> None:
        rules = self._policy.rules.get(event.name, ())
        remarks = [] if rules else [f"no rule is for {event.name}"]
        # What templates mean by an audience's name: the first person in it.
        named = {
            audience: next((self._people[user] for user in users if user in self._people), NOBODY)
            for audience, users in audiences.items()
        }
        for rule in rules:
            remarks += self._tell(event, rule, audiences.get(rule.audience, ()), named)
        self._events.append(PlannedEvent(event, tuple(remarks)))

    def _tell(self, event: Event, rule: Rule, users: Sequence[str], named: Mapping[str, Person]) -> list[str]:
        """Add what ``rule`` says; returns remarks about who could not be told."""
        if not users:
            return [f"{rule.audience}: nobody"]
        remarks = []
        catalogue = self._policy.catalogue
        personal = "recipient" in catalogue.names_in(event.name, rule.audience)
        lifetime = timedelta(seconds=rule.expires_after_seconds) if rule.expires_after_seconds else None
        expires_at = self._now + (lifetime or self._policy.expires_after)
        rendered: dict[tuple[str, str], int] = {}
        for user in dict.fromkeys(users):
            person = self._people.get(user)
            if person is None:
                remarks.append(f"{rule.audience}: user {user} is not among the people")
                continue
            locale = catalogue.locale_of(person.locale, event.name, rule.audience)
            variant = (locale, user if personal else "")
            if variant not in rendered:
                words = catalogue.render(event, rule.audience, locale, named, person if personal else NOBODY)
                rendered[variant] = len(self._messages)
                self._messages.append(PlannedMessage(len(self._events), rule.audience, locale, words))
            self._notifications.append(
                PlannedNotification(
                    event=len(self._events),
                    message=rendered[variant],
                    person=person,
                    audience=rule.audience,
                    category=rule.category,
                    priority=rule.priority,
                    expires_at=expires_at,
                )
            )
            self._deliver(rule, person)
        return remarks

    def _deliver(self, rule: Rule, person: Person) -> None:
        notification = len(self._notifications) - 1
        for channel in rule.channels:
            if channel == INBOX or channel not in self._policy.channels:
                continue
            addresses = person.addresses.get(channel, ())
            if not addresses:
                self._skipped.append(SkippedDelivery(notification, channel, "no_address", "this person has none"))
            for address in addresses:
                if (channel, address) in self._suppressed:
                    self._skipped.append(
                        SkippedDelivery(notification, channel, "suppressed", "see orderbell.suppression", address)
                    )
                else:
                    self._deliveries.append(PlannedDelivery(notification, channel, address))

    def _supersede(self) -> None:
        """Of several statuses of one subject in this batch, only the newest is sent to an audience on a channel."""
        newest: dict[tuple[str, str, str, str], int] = {}
        for delivery in self._deliveries:
            newest[self._line(delivery)] = delivery.notification
        kept = []
        for delivery in self._deliveries:
            if newest[self._line(delivery)] == delivery.notification:
                kept.append(delivery)
            else:
                self._skipped.append(
                    SkippedDelivery(
                        delivery.notification, delivery.channel, "superseded", "by a newer status", delivery.address
                    )
                )
        self._deliveries = kept

    def _line(self, delivery: PlannedDelivery) -> tuple[str, str, str, str]:
        """What a newer delivery must share with an older one to replace it."""
        notification = self._notifications[delivery.notification]
        subject = self._events[notification.event].event.subject
        return subject, notification.audience, notification.person.user_id, delivery.channel
