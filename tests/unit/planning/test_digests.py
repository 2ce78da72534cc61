"""Several events in one message: the window opens with the first, and closes on time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config.quiet import QuietWindow
from config.rules import Rule
from daemon.planning.timing import name_of
from daemon.planning.values import PlannedDelivery
from tests.unit.planning.shop import NOON, event, events_of, person, planned, policy, rule

TEN_MINUTES = timedelta(minutes=10)
NEW_ORDERS = rule("created", digest={"every": "10m"})
NIGHT = QuietWindow(start="11:00", end="14:00")


def hold_of(made_by: Rule, key: str = "7") -> str:
    assert made_by.digest is not None
    return name_of(made_by.digest, made_by, f"order:{key}")


def together(*deliveries: PlannedDelivery) -> bool:
    """Whether they will be one message."""
    return len({(d.channel, d.address, d.hold, d.due_at) for d in deliveries}) == 1


def test_twenty_orders_wait_for_one_message() -> None:
    made = planned([event("created", str(n)) for n in range(20)], policy(NEW_ORDERS))
    assert len(made.deliveries) == 20
    assert together(*made.deliveries)
    assert made.deliveries[0].due_at == NOON + TEN_MINUTES


def test_what_comes_while_a_window_is_open_joins_it() -> None:
    closes = NOON + timedelta(minutes=3)
    window = {("c", "email", "c@example.com", hold_of(NEW_ORDERS)): closes}
    made = planned([event("created")], policy(NEW_ORDERS), windows=window)
    assert made.deliveries[0].due_at == closes


@pytest.mark.parametrize("closed", [timedelta(0), timedelta(seconds=1)])
def test_a_window_that_has_closed_is_not_joined(closed: timedelta) -> None:
    window = {("c", "email", "c@example.com", hold_of(NEW_ORDERS)): NOON - closed}
    made = planned([event("created")], policy(NEW_ORDERS), windows=window)
    assert made.deliveries[0].due_at == NOON + TEN_MINUTES


@pytest.mark.parametrize(
    "other",
    [
        rule("confirmed", digest={"every": "10m", "by": "event"}),
        rule("confirmed", digest={"every": "5m"}),
        rule("confirmed", digest={"every": "10m"}, priority="urgent"),
        rule("created", "vendor", digest={"every": "10m"}),
    ],
    ids=["by something else", "another time", "urgent", "another audience"],
)
def test_what_is_of_another_kind_is_not_put_together(other: Rule) -> None:
    assert hold_of(other) != hold_of(NEW_ORDERS)


def test_two_events_of_an_audience_come_together() -> None:
    confirmed = rule("confirmed", digest={"every": "10m"})
    made = planned([event("created", "1"), event("confirmed", "2")], policy(NEW_ORDERS, confirmed))
    assert together(*made.deliveries)


@pytest.mark.parametrize(("by", "keys", "one"), [("event", "12", True), ("subject", "12", False)])
def test_what_comes_together_is_what_the_rule_says(by: str, keys: str, one: bool) -> None:  # noqa: FBT001
    own = rule("created", digest={"every": "10m", "by": by})
    made = planned([event("created", key) for key in keys], policy(own))
    assert together(*made.deliveries) is one


def test_two_people_with_one_address_are_told_apart() -> None:
    """A shop and its owner at the same mailbox: each has an inbox of their own."""
    shared: dict[str, Any] = {"addresses": {"email": ("shop@example.com",)}}
    made = planned([event("created")], policy(NEW_ORDERS), person("a", **shared), person("b", **shared))
    assert [made.notifications[d.notification].person.user_id for d in made.deliveries] == ["a", "b"]


def test_a_window_of_another_address_is_not_joined() -> None:
    window = {("c", "email", "old@example.com", hold_of(NEW_ORDERS)): NOON + timedelta(minutes=3)}
    made = planned([event("created")], policy(NEW_ORDERS), windows=window)
    assert made.deliveries[0].due_at == NOON + TEN_MINUTES


def test_only_the_newest_status_of_an_order_is_an_entry() -> None:
    confirmed = rule("confirmed", digest={"every": "10m"})
    made = planned([event("created"), event("confirmed")], policy(NEW_ORDERS, confirmed))
    assert events_of(made) == ["confirmed"]


def test_a_step_that_comes_later_is_not_put_together() -> None:
    own = rule(
        "created", steps=[{"channels": ["email"]}, {"after": "1m", "channels": ["sms"]}], digest={"every": "10m"}
    )
    made = planned([event("created")], policy(own))
    assert [(d.channel, d.hold is None) for d in made.deliveries] == [("email", False), ("sms", True)]


def test_a_window_that_would_close_at_night_closes_in_the_morning() -> None:
    made = planned([event("created")], policy(NEW_ORDERS, quiet=[NIGHT]))
    assert made.deliveries[0].due_at == NOON.replace(hour=14)
    assert made.deliveries[0].hold == hold_of(NEW_ORDERS)


def test_joining_a_window_that_closes_at_night_waits_for_the_morning() -> None:
    """Whoever goes to bed after the window opened."""
    window = {("c", "email", "c@example.com", hold_of(NEW_ORDERS)): NOON + timedelta(minutes=3)}
    made = planned([event("created")], policy(NEW_ORDERS), person(quiet=(NIGHT,)), windows=window)
    assert made.deliveries[0].due_at == NOON.replace(hour=14)


def test_what_is_urgent_does_not_wait_for_a_digest_that_waits_for_the_morning() -> None:
    urgent = rule("cancelled", digest={"every": "10m"}, priority="urgent")
    made = planned([event("created", "1"), event("cancelled", "2")], policy(NEW_ORDERS, urgent, quiet=[NIGHT]))
    assert [d.due_at for d in made.deliveries] == [NOON.replace(hour=14), NOON + TEN_MINUTES]


def test_an_entry_that_would_come_after_its_end_is_expired_and_the_others_stay() -> None:
    brief = replace(event("created", "1"), expires_at=NOON + timedelta(minutes=5))
    made = planned([brief, event("created", "2")], policy(NEW_ORDERS))
    assert [(s.notification, s.reason) for s in made.skipped] == [(0, "expired")]
    assert [d.notification for d in made.deliveries] == [1]
