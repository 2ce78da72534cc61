import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode

from dispatchers.websocket import frames
from dispatchers.websocket.frames import Notification

NOON = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)


def notification(**values: Any) -> Notification:
    given: dict[str, Any] = {
        "id": 4711,
        "event": "order.ready",
        "subject": "order:815",
        "audience": "customer",
        "category": "order",
        "priority": "normal",
        "title": "Ready",
        "body": "Soon.",
        "url": None,
        "action": None,
        "created_at": NOON,
        "read_at": None,
    }
    return Notification(**given | values)


def payload(frame: bytes) -> Any:
    """The JSON in one unmasked text frame."""
    assert frame[0] == 0x80 | Opcode.TEXT
    assert not frame[1] & 0x80
    length = frame[1] & 0x7F
    header = {126: 4, 127: 10}.get(length, 2)
    if header > 2:
        length = int.from_bytes(frame[2:header], "big")
    assert len(frame) == header + length
    return json.loads(frame[header:].decode())


@pytest.mark.parametrize("size", [0, 10, 200, 70_000, 1_000_000])
def test_a_notification_of_any_size_is_one_frame(size: int) -> None:
    made = frames.new_notification(notification(body="x" * size))
    assert made.id == 4711
    assert payload(made.data)["notification"]["body"] == "x" * size


def test_moments_are_in_utc_whatever_zone_they_came_in() -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    assert frames.moment(berlin) == frames.moment(NOON) == "2026-03-01T12:00:00.000005Z"


@given(st.text())
def test_any_text_goes_through(text: str) -> None:
    assert payload(frames.new_notification(notification(body=text)).data)["notification"]["body"] == text


def test_a_lone_surrogate_becomes_a_question_mark_and_not_an_error() -> None:
    made = frames.new_notification(notification(body="a\ud800b"))
    assert payload(made.data)["notification"]["body"] == "a?b"
