from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from config.load import preset_rules
from config.rules import Rule
from demo.cast import Cast, Person
from demo.expectation import Expectation, event_of, expected
from demo.shop import FOLLOWING, LIFECYCLE, Order, next_status

CUSTOMER = Person("1", "Mia", "customer", "mia@example.com", "+12125550101")
VENDOR = Person("2", "Kitchen", "vendor", "kitchen@example.com", "+12125550102")
DRIVERS = [Person(str(n), f"Driver {n}", "driver", f"d{n}@example.com", f"+1212555010{n}") for n in (3, 4, 5)]
CAST = Cast(
    people={person.user_id: person for person in (CUSTOMER, VENDOR, *DRIVERS)},
    owner_of_vendor={1: "2"},
    user_of_driver={1: "3", 2: "4", 3: "5"},
    available=("3", "4", "5"),
)
ORDER = Order(1042, "A-1042", 1, 1, None, "pending", Decimal("24.50"))
RULES = [Rule.model_validate(rule) for rule in preset_rules("delivery")["rule"]]
EVERYONE = CAST.people.keys()


def lifecycle() -> list[Expectation]:
    found: list[Expectation] = []
    order = ORDER
    for status in LIFECYCLE:
        order = replace(order, status=status, driver_id=1 if status == "picked_up" else order.driver_id)
        found += expected(RULES, CAST, order, online=EVERYONE, subscribed=EVERYONE)
    return found


def test_a_lifecycle_makes_seven_seven_two_and_a_broadcast() -> None:
    told = {(one.audience, one.user_id, one.event) for one in lifecycle()}
    assert Counter(audience for audience, _, _ in told) == {
        "customer": 7,
        "vendor": 7,
        "driver": 2,
        "available_drivers": 3,
    }


def test_every_notification_is_in_the_inbox() -> None:
    told = {(one.user_id, one.event) for one in lifecycle()}
    assert {(one.user_id, one.event) for one in lifecycle() if one.channel == "websocket"} == told


def test_nothing_is_expected_twice() -> None:
    assert max(Counter(lifecycle()).values()) == 1


def test_a_channel_of_the_rule_is_expected_where_it_reaches_the_person() -> None:
    rule = Rule(event="order.created", audience="customer", channels=("email", "sms", "webpush"))
    found = expected([rule], CAST, ORDER, online=EVERYONE, subscribed=())
    assert {one.channel for one in found} == {"websocket", "email", "sms"}


@pytest.mark.parametrize(("field", "channel"), [("email", "email"), ("phone", "sms")])
def test_nothing_is_expected_at_an_address_that_is_not_there(field: str, channel: str) -> None:
    rule = Rule(event="order.created", audience="customer", channels=("email", "sms"))
    unreachable = {"email": replace(CUSTOMER, email=None), "phone": replace(CUSTOMER, phone=None)}[field]
    cast = replace(CAST, people={**CAST.people, "1": unreachable})
    found = expected([rule], cast, ORDER, online=(), subscribed=())
    assert {one.channel for one in found} == {"email", "sms"} - {channel}


def test_the_driver_is_expected_only_once_there_is_one() -> None:
    rule = Rule(event="order.picked_up", audience="driver", channels=("inbox",))
    order = replace(ORDER, status="picked_up")
    assert not list(expected([rule], CAST, order, online=EVERYONE, subscribed=()))
    found = expected([rule], CAST, replace(order, driver_id=2), online=EVERYONE, subscribed=())
    assert [one.user_id for one in found] == ["4"]


def test_an_audience_that_the_shop_does_not_have_is_an_error() -> None:
    rule = Rule(event="order.created", audience="admins")
    with pytest.raises(KeyError):
        list(expected([rule], CAST, ORDER, online=EVERYONE, subscribed=()))


def test_a_new_order_is_created_and_not_pending() -> None:
    assert event_of("pending") == "order.created"
    assert event_of("ready") == "order.ready"


def test_the_usual_way_leads_through_every_status() -> None:
    order, way = ORDER, ["pending"]
    while (status := next_status(order)) is not None:
        assert status == FOLLOWING[order.status][0]
        order = replace(order, status=status)
        way.append(status)
    assert tuple(way) == LIFECYCLE
