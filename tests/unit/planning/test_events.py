"""What a change means."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.mapping import Watch
from daemon.planning.events import event_of, name_of
from daemon.planning.values import Change, Event

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def event(old: dict[str, Any] | None, new: dict[str, Any], **watch: Any) -> Event | None:
    change = Change(1, "orders", str(new.get("id", "7")), old, new, NOON)
    return event_of(change, Watch.model_validate({"table": "orders", **watch}))


def name(old: dict[str, Any] | None, new: dict[str, Any], **watch: Any) -> str | None:
    made = event(old, new, **watch)
    return made.name if made else None


def test_a_new_row_means_the_event_of_its_status() -> None:
    assert name(None, {"status": "confirmed"}) == "order.confirmed"


def test_a_new_row_means_one_event_where_the_watch_says_so() -> None:
    assert name(None, {"status": "confirmed"}, on_insert="created") == "order.created"


def test_a_changed_status_means_its_event() -> None:
    assert name({"status": "pending"}, {"status": "ready"}) == "order.ready"


def test_another_changed_column_means_nothing() -> None:
    assert name({"status": "ready", "driver": 1}, {"status": "ready", "driver": 2}) is None


def test_a_status_that_goes_backwards_is_an_event_like_any_other() -> None:
    assert name({"status": "delivered"}, {"status": "preparing"}) == "order.preparing"


def test_no_status_means_nothing() -> None:
    assert name({"status": "ready"}, {"status": None}) is None
    assert name(None, {}) is None


def test_an_ignored_value_means_nothing() -> None:
    assert name(None, {"status": "draft"}, ignore=["draft"]) is None


def test_other_names_and_integer_codes_are_mapped() -> None:
    assert name({"status": 2}, {"status": 3}, events={"3": "ready"}) == "order.ready"
    assert name(None, {"status": "shipped"}, events={"shipped": "picked_up"}) == "order.picked_up"


def test_an_integer_code_without_a_mapping_still_makes_a_name() -> None:
    assert name({"status": 2}, {"status": 3}) == "order.value_3"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Picked Up", "picked_up"),
        ("PICKED_UP", "picked_up"),
        ("PickedUp", "picked_up"),
        ("out-for-delivery", "out_for_delivery"),
        ("  ready ", "ready"),
    ],
)
def test_a_status_is_named_in_snake_case(value: str, expected: str) -> None:
    assert name_of(value, {}) == expected


def test_a_mapping_also_catches_the_snake_case_of_a_value() -> None:
    assert name_of("Pending", {"pending": "created"}) == "created"


@given(st.text(max_size=30))
def test_every_value_makes_a_name_of_the_form_that_rules_can_name(value: str) -> None:
    made = name_of(value, {})
    assert made
    assert made[0].isalpha()
    assert made == made.lower()
    assert all(c.isascii() and (c.isalnum() or c == "_") for c in made)


@pytest.mark.parametrize(
    ("row", "watch", "label"),
    [
        ({"id": "7", "number": "A-17"}, {"label_column": "number"}, "A-17"),
        ({"id": "7", "number": None}, {"label_column": "number"}, "#7"),
        ({"id": "7"}, {}, "#7"),
        ({"id": "0b6ee7a2-3f5c-4f0e-9a53-1f0d3c5b8e11"}, {}, "0B6EE7A2"),
    ],
)
def test_people_read_a_label_they_can_say_aloud(row: dict[str, Any], watch: dict[str, Any], label: str) -> None:
    made = event(None, {"status": "ready", **row}, **watch)
    assert made is not None
    assert made.label == label
    assert made.subject == f"order:{row['id']}"
