import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

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
    return json.loads(frames.payload(frame).decode())


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


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        b"\x82\x02ok",
        b"\x01\x02ok",
        b"\xc1\x02ok",
        b"\x81\x03ok",
        b"\x81\x02ok!",
        b"\x81\x82\0\0\0\0ok",
        b"\x81\x7e\x00",
        b"\x88\x00",
    ],
)
def test_what_is_not_one_whole_text_frame_has_no_payload(data: bytes) -> None:
    with pytest.raises(ValueError, match="frame"):
        frames.payload(data)


def inflated(frame: bytes) -> bytes:
    """What a client reads that has agreed on permessage-deflate without context takeover."""
    reader = StreamReader()
    reader.feed_data(frame)
    extension = PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )
    parsing = Frame.parse(reader.read_exact, mask=False, extensions=[extension])
    with pytest.raises(StopIteration) as read:
        next(parsing)
    made: Frame = read.value.value
    assert made.opcode is Opcode.TEXT
    assert made.fin
    return bytes(made.data)


@given(st.text(max_size=3000))
def test_a_compressed_frame_says_the_same(text: str) -> None:
    made = frames.new_notification(notification(body=text))
    assert len(made.deflated) <= len(made.data)
    assert inflated(made.deflated) == frames.payload(made.data)


@pytest.mark.parametrize("size", [0, 200, 70_000, 1_000_000])
def test_a_compressed_frame_of_any_size_says_the_same(size: int) -> None:
    made = frames.new_notification(notification(body="abc" * size))
    assert inflated(made.deflated) == frames.payload(made.data)


def test_a_frame_is_compressed_once_and_a_short_one_not_at_all() -> None:
    made = frames.new_notification(notification(body="x" * 500))
    assert made.deflated is made.deflated
    assert frames.PONG.deflated is frames.PONG.data
