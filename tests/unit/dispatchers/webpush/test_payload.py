"""What the service worker gets to read, and how much of it."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.names import Category, Priority
from dispatchers.base import Delivery
from dispatchers.webpush.payload import ELLIPSIS, PLAINTEXT_BYTES, payload, topic

CREATED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DELIVERY = Delivery(
    id=1,
    attempt=1,
    channel="webpush",
    address="{}",
    notification_id=42,
    user_id="7",
    recipient_name="Ada",
    locale="en",
    event="order.ready",
    subject="order:4711",
    audience="customer",
    category=Category.ORDER,
    priority=Priority.HIGH,
    title="Ready",
    body="Your order is ready.",
    text="Order ready",
    url="https://shop.example/orders/4711",
    action="View order",
    created_at=CREATED,
    expires_at=CREATED + timedelta(hours=1),
)


def test_a_payload_says_everything_that_is_shown() -> None:
    assert json.loads(payload(DELIVERY)) == {
        "id": 42,
        "event": "order.ready",
        "subject": "order:4711",
        "title": "Ready",
        "body": "Your order is ready.",
        "url": "https://shop.example/orders/4711",
        "action": "View order",
        "tag": "order:4711",
        "priority": "high",
        "created_at": "2026-03-01T12:00:00+00:00",
    }


def test_a_payload_names_nobody() -> None:
    assert b"Ada" not in payload(DELIVERY)


@pytest.mark.parametrize("character", ["x", "é", "€", "🍕", '"', "\n"])
def test_a_long_body_is_shortened_and_ends_in_an_ellipsis(character: str) -> None:
    sent = payload(replace(DELIVERY, body="x" + character * 5000 + "x"))
    shown = json.loads(sent)
    assert PLAINTEXT_BYTES - 8 <= len(sent) <= PLAINTEXT_BYTES or character == "\n"
    assert shown["body"].endswith(ELLIPSIS)
    assert shown["title"] == "Ready"
    assert shown["url"] == DELIVERY.url


def test_a_body_that_just_fits_is_left_alone() -> None:
    room = PLAINTEXT_BYTES - len(payload(replace(DELIVERY, body="")))
    body = "x" * room
    assert json.loads(payload(replace(DELIVERY, body=body)))["body"] == body
    assert json.loads(payload(replace(DELIVERY, body=body + "x")))["body"].endswith(ELLIPSIS)


def test_an_absurd_url_is_dropped_rather_than_cut() -> None:
    shown = json.loads(payload(replace(DELIVERY, url="https://shop.example/" + "x" * 5000)))
    assert shown["url"] is None
    assert shown["tag"] == "order:4711"


anything = st.text(max_size=30) | st.builds(str.__mul__, st.text(min_size=1, max_size=3), st.integers(0, 6000))


@given(subject=anything, title=anything, body=anything, url=st.none() | anything, action=st.none() | anything)
def test_whatever_is_said_the_payload_fits_into_one_record(
    subject: str, title: str, body: str, url: str | None, action: str | None
) -> None:
    sent = payload(
        replace(DELIVERY, subject=subject, title=title, body=body, url=url, action=action, event=subject[:4000])
    )
    assert len(sent) <= PLAINTEXT_BYTES
    assert json.loads(sent)["id"] == 42


@given(st.text())
def test_a_topic_is_32_characters_of_base64url(subject: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", topic(subject))


def test_topics_of_two_subjects_differ_and_of_one_agree() -> None:
    assert topic("order:1") == topic("order:1") != topic("order:2")
