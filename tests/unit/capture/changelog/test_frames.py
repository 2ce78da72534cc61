"""The frames of streaming replication, from literal bytes."""

import struct
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.capture.changelog.frames import (
    Keepalive,
    XLogData,
    frame_of,
    lsn_of,
    lsn_text,
    microseconds_of,
    moment_of,
    standby_status,
)
from daemon.capture.changelog.messages import BadMessage

LSN = b"\0\0\0\x16\xb3\x74\xd8\x48"
END = b"\0\0\0\x16\xb3\x74\xd8\x50"
SECOND = b"\0\0\0\0\0\x0f\x42\x40"
AT = datetime(2000, 1, 1, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("as_libpq_has_it", [bytes, memoryview])
def test_a_piece_of_the_log(as_libpq_has_it: type[bytes] | type[memoryview]) -> None:
    frame = frame_of(as_libpq_has_it(b"w" + LSN + END + SECOND + b"payload"))
    assert frame == XLogData(0x16B374D848, 0x16B374D850, AT, b"payload")
    assert isinstance(frame.payload, bytes)


@pytest.mark.parametrize(("last", "asked"), [(b"\0", False), (b"\x01", True)])
def test_a_keepalive(last: bytes, *, asked: bool) -> None:
    assert frame_of(b"k" + END + SECOND + last) == Keepalive(0x16B374D850, AT, asked)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "unknown kind b''"),
        (b"x" + LSN, "unknown kind b'x'"),
        (b"w" + LSN + END + SECOND[:-1], "cut off at byte 24"),
        (b"k" + LSN + SECOND, "has 17 bytes, not 18"),
        (b"k" + LSN + SECOND + b"\0\0", "has 19 bytes, not 18"),
        (b"k" + LSN + SECOND + b"\x02", "says 2 at byte 17"),
        (b"k" + LSN + b"\x7f" + SECOND[1:] + b"\0", "outside the years 1 to 9999"),
        (b"w" + LSN + END + b"\x80" + SECOND[1:], "outside the years 1 to 9999"),
    ],
)
def test_what_is_no_frame(data: bytes, said: str) -> None:
    with pytest.raises(BadMessage, match=said):
        frame_of(data)


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    try:
        frame = frame_of(data)
    except BadMessage:
        return
    sent = struct.pack("!q", microseconds_of(frame.sent_at))
    if isinstance(frame, XLogData):
        assert data == b"w" + struct.pack("!QQ", frame.start, frame.end) + sent + frame.payload
    else:
        assert data == b"k" + struct.pack("!Q", frame.end) + sent + bytes([frame.reply_requested])


@pytest.mark.parametrize("reply", [False, True])
def test_a_standby_status_update(*, reply: bool) -> None:
    status = standby_status(3, 2, 1, AT, reply=reply)
    assert len(status) == 34
    assert status == b"r" + b"".join(number.to_bytes(8) for number in (3, 2, 1)) + SECOND + bytes([reply])


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_a_moment_is_counted_from_2000(moment: datetime) -> None:
    if datetime(1, 1, 2, tzinfo=UTC) < moment < datetime(9999, 12, 30, tzinfo=UTC):
        assert moment_of(microseconds_of(moment)) == moment


@pytest.mark.parametrize(("lsn", "text"), [(0, "0/0"), (0x16B374D848, "16/B374D848"), (2**64 - 1, "FFFFFFFF/FFFFFFFF")])
def test_a_position_is_written_as_postgresql_does(lsn: int, text: str) -> None:
    assert lsn_text(lsn) == text
    assert lsn_of(text) == lsn_of(text.lower()) == lsn


@pytest.mark.parametrize("text", ["", "16", "16/", "/1", "G/0", "123456789/0", "0/123456789", "0/0 ", "-1/0", "0x1/0"])
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match="is not a position"):
        lsn_of(text)
