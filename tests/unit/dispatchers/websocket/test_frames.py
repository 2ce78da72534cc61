import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from config.names import Priority
from daemon.api.inbox.shapes import NotificationOut
from dispatchers.websocket import frames
from dispatchers.websocket.frames import Notification
from tests.deliveries import delivery

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


TEXTS = st.one_of(st.text(), st.sampled_from(['"', "\\", "\x00\x1f", "\u2028", "😀", "a\tb"]))


@given(TEXTS, TEXTS, st.one_of(st.none(), TEXTS), st.booleans())
def test_a_notification_is_the_json_that_the_rest_api_gives(title: str, body: str, url: str | None, read: bool) -> None:  # noqa: FBT001
    made = notification(title=title, body=body, url=url, read_at=NOON if read else None, expires_at=NOON)
    shown = json.loads(NotificationOut.model_validate(made).model_dump_json())
    frame = payload(frames.new_notification(made).data)
    assert frame == {"type": "new_notification", "id": 4711, "notification": shown}
    assert list(frame["notification"]) == list(shown), "in the same order"


def test_what_is_delivered_is_the_notification_that_it_is_of_and_unread() -> None:
    given = delivery(notification_id=4711, title='"Hi"', url="https://shop.example", priority=Priority.URGENT)
    frame = payload(frames.new_notification(given).data)
    alike = notification(
        **{name: getattr(given, name) for name in ("event", "subject", "audience", "title", "body", "url", "action")},
        category="order",
        priority="urgent",
        created_at=given.created_at,
        expires_at=given.expires_at,
    )
    assert frame == payload(frames.new_notification(alike).data)
    assert frame["notification"]["read_at"] is None


def test_frames_that_go_out_together_are_those_frames_one_after_the_other() -> None:
    each = [frames.text_frame({"n": number, "text": "x" * 200}) for number in range(3)]
    together = frames.Together([frames.Outgoing(0, data) for data in each])
    assert together.id == 0
    assert together.data == b"".join(each)
    assert together.deflated == b"".join(frames.Outgoing(0, data).deflated for data in each)


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
