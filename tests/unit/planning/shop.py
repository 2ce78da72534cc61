"""One shop for the tests of planning: orders, people who can be reached everywhere, and what they are told."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from config import Settings
from config.rules import Rule
from daemon.planning.known import Known
from daemon.planning.plan import plan
from daemon.planning.policy import Policy
from daemon.planning.values import Event, Person, Plan, PlannedDelivery
from daemon.policy import catalogue_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CATALOGUE = catalogue_of(Settings())
CHANNELS = ("email", "sms", "webpush")


def rule(event: str = "ready", audience: str = "customer", **more: Any) -> Rule:
    """For ``order.EVENT``; e-mail unless it says otherwise."""
    ways = {} if "steps" in more else {"channels": ("email",)}
    return Rule.model_validate({"event": f"order.{event}", "audience": audience, **ways, **more})


def policy(*rules: Rule, **more: Any) -> Policy:
    made = Policy.of(rules, CATALOGUE, CHANNELS, timedelta(days=1))
    return replace(made, **{"waiting": frozenset(CHANNELS), **more})


def event(what: str = "ready", key: str = "7", **more: Any) -> Event:
    return Event(f"order.{what}", f"order:{key}", "orders", key, f"#{key}", {"id": key}, NOON, **more)


def person(user: str = "c", **more: Any) -> Person:
    addresses = {"email": (f"{user}@example.com",), "sms": ("+12125550100",), "webpush": (f"{user}'s phone",)}
    return Person(user, **{"name": f"Person {user}", "addresses": addresses, **more})


def planned(
    events: Sequence[Event],
    by: Policy,
    *people: Person,
    audiences: Mapping[str, Sequence[str]] | None = None,
    now: datetime = NOON,
    **known: Any,
) -> Plan:
    """What ``people`` are told of ``events``: all of them are the customers, unless ``audiences`` says otherwise."""
    people = people or (person(),)
    told = audiences or {"customer": [one.user_id for one in people]}
    return plan(events, [told] * len(events), Known({one.user_id: one for one in people}, **known), by, now)


def skipped(made: Plan) -> list[tuple[str, str]]:
    """(channel, reason) of each delivery that is not made."""
    return [(each.channel, each.reason) for each in made.skipped]


def events_of(made: Plan, deliveries: Sequence[PlannedDelivery] | None = None) -> list[str]:
    """``ready`` for each delivery that is made."""
    chosen = made.deliveries if deliveries is None else deliveries
    return [made.events[made.notifications[d.notification].event].event.name.partition(".")[2] for d in chosen]
