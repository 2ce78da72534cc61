import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchers.websocket.codes import ErrorCode
from dispatchers.websocket.commands import (
    BadFrame,
    Command,
    GetUnreadCount,
    Hello,
    Locate,
    MarkAll,
    MarkSome,
    Ping,
    Renew,
    Subscribe,
    Unsubscribe,
    parse,
)
from dispatchers.websocket.contract import Mark

LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ({"type": "hello"}, Hello(None)),
        ({"type": "hello", "token": None}, Hello(None)),
        ({"type": "hello", "token": "t"}, Hello("t")),
        ({"type": "hello", "token": "t", "after": None, "since": None}, Hello("t")),
        ({"type": "hello", "token": "t", "after": 0}, Hello("t", 0)),
        ({"type": "hello", "token": "t", "after": 1, "since": "815"}, Hello("t", 1, "815")),
        ({"type": "hello", "token": "t", "since": "8\x0015"}, Hello("t", None, "")),
        ({"type": "hello", "token": "t", "since": "8" * 65}, Hello("t", None, "")),
        ({"type": "hello", "token": "t", "since": "\u0664"}, Hello("t", None, "")),
        ({"type": "renew", "token": "t"}, Renew("t")),
        ({"type": "ping"}, Ping()),
        ({"type": "mark_as_read", "id": 1}, MarkSome((1,), Mark.READ)),
        ({"type": "mark_as_read", "id": LARGEST}, MarkSome((LARGEST,), Mark.READ)),
        ({"type": "mark_as_unread", "ids": [1, 2, 1]}, MarkSome((1, 2), Mark.UNREAD)),
        ({"type": "mark_as_seen", "ids": list(range(1, 101))}, MarkSome(tuple(range(1, 101)), Mark.SEEN)),
        ({"type": "archive", "id": 1}, MarkSome((1,), Mark.ARCHIVED)),
        ({"type": "unarchive", "id": 1}, MarkSome((1,), Mark.UNARCHIVED)),
        ({"type": "delete", "id": 1}, MarkSome((1,), Mark.DELETED)),
        ({"type": "mark_all_as_read"}, MarkAll(Mark.READ)),
        ({"type": "mark_all_as_seen"}, MarkAll(Mark.SEEN)),
        ({"type": "get_unread_count", "and": "more"}, GetUnreadCount()),
        ({"type": "subscribe", "room": "order:4711"}, Subscribe("order:4711")),
        ({"type": "unsubscribe", "room": "ä" * 256}, Unsubscribe("ä" * 256)),
        ({"type": "location", "room": "r", "lat": -90, "lng": 180}, Locate("r", -90, 180)),
        (
            {"type": "location", "room": "r", "lat": 1.5, "lng": 2, "heading": 360, "speed": 0, "accuracy": 1e9},
            Locate("r", 1.5, 2, 360, 0, 1e9),
        ),
        ({"type": "location", "room": "r", "lat": 1, "lng": 2, "heading": None}, Locate("r", 1, 2)),
    ],
)
def test_a_message_is_a_command(message: dict[str, Any], command: Command) -> None:
    assert parse(json.dumps(message).encode()) == command


HERE = {"type": "location", "room": "r", "lat": 1, "lng": 2}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "hello", "token": ""},
        {"type": "hello", "token": 1},
        {"type": "hello", "token": "t", "after": -1},
        {"type": "hello", "token": "t", "after": "1"},
        {"type": "hello", "token": "t", "after": False},
        {"type": "hello", "token": "t", "after": 2**63},
        {"type": "hello", "token": "t", "since": 815},
        {"type": "renew"},
        {"type": "renew", "token": None},
        {"type": "mark_as_read"},
        {"type": "mark_as_read", "id": 0},
        {"type": "mark_as_read", "id": 1.0},
        {"type": "mark_as_read", "id": 1, "ids": [1]},
        {"type": "mark_as_read", "ids": []},
        {"type": "mark_as_read", "ids": None},
        {"type": "mark_as_read", "ids": {"1": 1}},
        {"type": "delete", "ids": [1, True]},
        {"type": "delete", "ids": [1, 2**63]},
        {"type": "delete", "ids": list(range(1, 102))},
        {"type": "subscribe"},
        {"type": "subscribe", "room": ""},
        {"type": "subscribe", "room": 4711},
        {"type": "subscribe", "room": "x" * 257},
        {"type": "subscribe", "room": "order:1\n"},
        {"type": "subscribe", "room": "order:\x001"},
        {"type": "unsubscribe", "room": "\ud800"},
        HERE | {"room": None},
        HERE | {"lat": None},
        HERE | {"lat": "1"},
        HERE | {"lat": True},
        HERE | {"lat": 90.1},
        HERE | {"lng": -180.1},
        HERE | {"lat": float("nan")},
        HERE | {"lng": float("inf")},
        HERE | {"heading": 361},
        HERE | {"heading": -1},
        HERE | {"speed": -0.1},
        HERE | {"speed": float("inf")},
        HERE | {"accuracy": 10**400},
        HERE | {"accuracy": []},
        {"type": None},
        {},
        [],
        "ping",
        None,
    ],
)
def test_a_wrong_field_is_malformed(message: object) -> None:
    with pytest.raises(BadFrame) as bad:
        parse(json.dumps(message).encode())
    assert bad.value.code is ErrorCode.MALFORMED


def test_an_unknown_type_is_told_from_a_malformed_message() -> None:
    with pytest.raises(BadFrame) as bad:
        parse(b'{"type": "welcome"}')
    assert bad.value.code is ErrorCode.UNKNOWN_TYPE


@given(st.binary())
def test_any_bytes_are_a_command_or_a_bad_frame_or_no_utf8(data: bytes) -> None:
    with contextlib.suppress(BadFrame, UnicodeDecodeError):
        parse(data)
