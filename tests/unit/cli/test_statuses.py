"""What an application calls its statuses, and the events that they make."""

import pytest

from config.load import preset_rules
from daemon.cli.statuses import LIFECYCLE, meanings_of
from daemon.planning.events import name_of
from schema.discovery import Value


def events_of(*values: str, ordered: bool = True) -> dict[str, str | None]:
    meanings = meanings_of([Value(value) for value in values], ordered=ordered)
    return {meaning.value: meaning.event for meaning in meanings}


@pytest.mark.parametrize(
    ("value", "event"),
    [
        ("pending", "created"),
        ("PLACED", "created"),
        ("accepted", "confirmed"),
        ("Cooking", "preparing"),
        ("ready-for-pickup", "ready"),
        ("collected", "picked_up"),
        ("OutForDelivery", "in_transit"),
        ("out for delivery", "in_transit"),
        ("shipped", "in_transit"),
        ("order_completed", "delivered"),
        ("done", "delivered"),
        ("canceled", "cancelled"),
        ("declined", "rejected"),
        ("refunded", "refunded"),
        ("on_hold", None),
        ("3", None),
    ],
)
def test_a_status_makes_the_event_that_it_means(value: str, event: str | None) -> None:
    assert events_of(value) == {value: event}


def test_a_code_means_what_its_name_says() -> None:
    (meaning,) = meanings_of([Value("7", "Out for delivery")], ordered=True)
    assert (meaning.value, meaning.event) == ("7", "in_transit")


def test_shipped_before_out_for_delivery_is_the_pickup() -> None:
    assert events_of("shipped", "out_for_delivery") == {"shipped": "picked_up", "out_for_delivery": "in_transit"}


def test_the_plain_name_wins_over_another_word_for_it() -> None:
    assert events_of("completed", "delivered") == {"completed": None, "delivered": "delivered"}


def test_of_two_words_for_one_event_the_second_is_told_once() -> None:
    first, second = meanings_of([Value("new"), Value("pending")], ordered=True)
    assert (first.event, first.same_as) == ("created", None)
    assert (second.event, second.same_as) == (None, "new")


def test_what_is_no_order_yet_makes_no_event() -> None:
    (meaning,) = meanings_of([Value("draft")], ordered=True)
    assert meaning.ignored


def test_values_without_an_order_are_put_in_that_of_an_orders_life() -> None:
    seen = events_of("delivered", "zzz", "cart", "new", "ready", ordered=False)
    assert list(seen) == ["cart", "new", "ready", "delivered", "zzz"]


def test_each_event_of_the_lifecycle_has_rules_and_a_value_of_its_own_name() -> None:
    assert {f"order.{event}" for event in LIFECYCLE} == {rule["event"] for rule in preset_rules("delivery")["rule"]}
    assert all(name_of(event, {}) == event for event in LIFECYCLE)
