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
    MarkAllAsRead,
    MarkAsRead,
    Ping,
    parse,
)


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ({"type": "hello", "token": "t"}, Hello("t", None)),
        ({"type": "hello", "token": "t", "after": None}, Hello("t", None)),
        ({"type": "hello", "token": "t", "after": 0}, Hello("t", 0)),
        ({"type": "ping"}, Ping()),
        ({"type": "mark_as_read", "id": 1}, MarkAsRead(1)),
        ({"type": "mark_as_read", "id": 2**63 - 1}, MarkAsRead(2**63 - 1)),
        ({"type": "mark_all_as_read"}, MarkAllAsRead()),
        ({"type": "get_unread_count", "and": "more"}, GetUnreadCount()),
    ],
)
def test_a_message_is_a_command(message: dict[str, Any], command: Command) -> None:
    assert parse(json.dumps(message).encode()) == command


@pytest.mark.parametrize(
    "message",
    [
        {"type": "hello"},
        {"type": "hello", "token": ""},
        {"type": "hello", "token": 1},
        {"type": "hello", "token": "t", "after": -1},
        {"type": "hello", "token": "t", "after": "1"},
        {"type": "hello", "token": "t", "after": False},
        {"type": "hello", "token": "t", "after": 2**63},
        {"type": "mark_as_read"},
        {"type": "mark_as_read", "id": 0},
        {"type": "mark_as_read", "id": 1.0},
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
        parse(b'{"type": "renew"}')
    assert bad.value.code is ErrorCode.UNKNOWN_TYPE


@given(st.binary())
def test_any_bytes_are_a_command_or_a_bad_frame_or_no_utf8(data: bytes) -> None:
    with contextlib.suppress(BadFrame, UnicodeDecodeError):
        parse(data)
