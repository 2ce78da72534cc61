"""An offer that somebody has taken is taken back from everybody else."""

from daemon.planning.values import Withdrawal
from tests.unit.planning.shop import NOON, event, events_of, person, planned, policy, rule, skipped

OFFER = rule("ready", "available_drivers", channels=["inbox", "webpush"], withdraw_on=["order.picked_up"])
TAKEN = rule("picked_up", "driver", channels=["inbox", "webpush"])
DRIVERS = {"available_drivers": ["d", "e"], "driver": ["d"]}
BOTH = (person("d"), person("e"))


def test_the_plan_says_what_is_to_be_taken_back_of_what_was_told_before() -> None:
    made = planned([event("picked_up")], policy(OFFER, TAKEN), *BOTH, audiences=DRIVERS)
    assert made.withdrawals == (Withdrawal("order:7", "order.ready", "available_drivers"),)


def test_an_offer_that_is_taken_in_the_same_batch_is_never_sent() -> None:
    made = planned([event("ready"), event("picked_up")], policy(OFFER, TAKEN), *BOTH, audiences=DRIVERS)
    assert events_of(made) == ["picked_up"]
    assert skipped(made) == [("webpush", "withdrawn")] * 2


def test_an_offer_that_is_taken_in_the_same_batch_is_in_no_inbox() -> None:
    made = planned([event("ready"), event("picked_up")], policy(OFFER, TAKEN), *BOTH, audiences=DRIVERS)
    assert [n.withdrawn for n in made.notifications] == [True, True, False]


def test_a_second_offer_after_a_withdrawal_stays() -> None:
    batch = [event("ready"), event("picked_up"), event("ready")]
    made = planned(batch, policy(OFFER, TAKEN), *BOTH, audiences=DRIVERS)
    offers = [n.withdrawn for n in made.notifications if n.audience == "available_drivers"]
    assert offers == [True, True, False, False]
    assert events_of(made) == ["picked_up", "ready", "ready"]


def test_an_older_status_comes_back_to_life_when_the_newer_one_is_withdrawn() -> None:
    """Else nobody would be told anything: the one was superseded by what the other then took back."""
    reminder = rule("preparing", "available_drivers", channels=["webpush"])
    batch = [event("preparing"), event("ready"), event("picked_up")]
    made = planned(batch, policy(OFFER, reminder), *BOTH, audiences={"available_drivers": ["d"]})
    assert events_of(made) == ["preparing"]


def test_another_orders_offer_is_left_alone() -> None:
    made = planned([event("ready", "8"), event("picked_up", "7")], policy(OFFER), *BOTH, audiences=DRIVERS)
    assert [n.withdrawn for n in made.notifications] == [False, False]


def test_another_audiences_notification_of_the_same_event_is_left_alone() -> None:
    told = rule("ready", "customer")
    batch = [event("ready"), event("picked_up")]
    made = planned(batch, policy(OFFER, told), *BOTH, audiences={"available_drivers": ["d"], "customer": ["e"]})
    assert [(n.audience, n.withdrawn) for n in made.notifications] == [("available_drivers", True), ("customer", False)]


def test_an_expired_event_takes_nothing_back() -> None:
    made = planned([event("picked_up", expires_at=NOON)], policy(OFFER), *BOTH, audiences=DRIVERS)
    assert made.withdrawals == ()


def test_what_is_withdrawn_does_not_count_towards_a_throttle() -> None:
    from config.telling import Throttle

    throttle = Throttle.model_validate({"channel": "webpush", "at_most": 1, "per": "1h"})
    by = policy(OFFER, TAKEN, throttles=[(throttle.name, throttle)])
    made = planned([event("ready"), event("picked_up")], by, *BOTH, audiences=DRIVERS)
    assert events_of(made) == ["picked_up"]
