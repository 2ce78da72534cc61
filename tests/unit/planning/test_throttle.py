"""At most so many messages to one person in a time; the rest stay in the inbox."""

from datetime import timedelta
from typing import Any

from config.telling import Throttle
from daemon.planning.policy import Policy
from daemon.planning.timing import QUIET
from tests.unit.planning.shop import CHANNELS, NOON, event, person, planned, policy, rule, skipped
from tests.unit.planning.test_digests import NEW_ORDERS, NIGHT, hold_of

HOURLY = Throttle.model_validate({"channel": "email", "at_most": 2, "per": "1h"})
READY = rule()


def throttled(*rules: Any, by: Throttle = HOURLY, **more: Any) -> Policy:
    return policy(*rules, throttles=[(by.name, by)], **more)


def orders(count: int) -> list[Any]:
    return [event(key=str(n)) for n in range(count)]


def test_what_is_too_much_within_a_batch_is_skipped() -> None:
    made = planned(orders(5), throttled(READY))
    assert [d.notification for d in made.deliveries] == [0, 1]
    assert skipped(made) == [("email", "throttled")] * 3


def test_what_is_skipped_stays_in_the_inbox() -> None:
    assert len(planned(orders(5), throttled(READY)).notifications) == 5


def test_what_was_sent_before_counts() -> None:
    made = planned(orders(2), throttled(READY), spent={("c", HOURLY.name): 1})
    assert len(made.deliveries) == 1


def test_the_plan_says_what_counted() -> None:
    made = planned(orders(5), throttled(READY))
    assert made.spent == (("c", HOURLY.name), ("c", HOURLY.name))


def test_another_person_is_not_counted() -> None:
    made = planned(orders(2), throttled(READY), person("a"), person("b"))
    assert len(made.deliveries) == 4


def test_another_channel_is_not_counted() -> None:
    made = planned(orders(5), throttled(rule(channels=CHANNELS)))
    sent = [d.channel for d in made.deliveries]
    assert [sent.count(channel) for channel in CHANNELS] == [2, 5, 5]


def test_another_category_is_not_counted() -> None:
    own = Throttle.model_validate({"channel": "email", "category": "payment", "at_most": 1, "per": "1h"})
    assert len(planned(orders(5), throttled(READY, by=own)).deliveries) == 5


def test_what_is_critical_passes_and_does_not_count() -> None:
    made = planned(orders(5), throttled(rule(critical=True)), spent={("c", HOURLY.name): 9})
    assert len(made.deliveries) == 5
    assert made.spent == ()


def test_a_superseded_status_does_not_count() -> None:
    made = planned([event(), event(), event()], throttled(READY))
    assert len(made.spent) == 1


def test_one_message_to_several_devices_counts_once() -> None:
    push = Throttle.model_validate({"channel": "webpush", "at_most": 1, "per": "1h"})
    devices = person(addresses={"webpush": ("phone", "laptop")})
    made = planned([event()], throttled(rule(channels=["webpush"]), by=push), devices)
    assert [d.address for d in made.deliveries] == ["phone", "laptop"]


def test_a_digest_counts_once_whatever_its_entries() -> None:
    made = planned([event("created", str(n)) for n in range(20)], throttled(NEW_ORDERS))
    assert len(made.deliveries) == 20
    assert len(made.spent) == 1


def test_what_joins_an_open_digest_is_no_message_of_its_own() -> None:
    window = {("c", "email", "c@example.com", hold_of(NEW_ORDERS)): NOON + timedelta(minutes=3)}
    made = planned([event("created")], throttled(NEW_ORDERS), windows=window, spent={("c", HOURLY.name): 2})
    assert len(made.deliveries) == 1


def test_a_digest_that_would_be_too_much_is_not_begun() -> None:
    made = planned([event("created", "1"), event("created", "2")], throttled(NEW_ORDERS), spent={("c", HOURLY.name): 2})
    assert skipped(made) == [("email", "throttled")] * 2


def test_what_waits_for_the_morning_with_others_counts_once() -> None:
    made = planned(orders(5), throttled(READY, quiet=[NIGHT]))
    assert len(made.deliveries) == 5
    assert len(made.spent) == 1


def test_the_newest_status_takes_its_place_in_the_morning_though_nothing_more_may_be_sent() -> None:
    """Else the older one is superseded by what is never sent."""
    night = {("c", "email", "c@example.com", QUIET): NOON.replace(hour=14)}
    made = planned([event()], throttled(READY, quiet=[NIGHT]), windows=night, spent={("c", HOURLY.name): 2})
    assert len(made.deliveries) == 1


def test_every_throttle_of_a_channel_must_allow_it() -> None:
    daily = Throttle.model_validate({"channel": "email", "at_most": 1, "per": "1d"})
    both = policy(READY, throttles=[(HOURLY.name, HOURLY), (daily.name, daily)])
    assert len(planned(orders(5), both).deliveries) == 1


def test_what_one_throttle_refuses_does_not_count_towards_another() -> None:
    daily = Throttle.model_validate({"channel": "email", "at_most": 1, "per": "1d"})
    both = policy(READY, throttles=[(HOURLY.name, HOURLY), (daily.name, daily)])
    made = planned(orders(5), both, spent={("c", daily.name): 1})
    assert made.spent == ()
