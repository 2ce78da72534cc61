"""Frames of the streaming replication protocol (PostgreSQL documentation, "Streaming Replication Protocol")."""

import re
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import NamedTuple

from daemon.capture.changelog.messages import BadMessage

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""What PostgreSQL counts its microseconds from."""

_MICROSECOND = timedelta(microseconds=1)
_XLOG_DATA = Struct("!cQQq")
_KEEPALIVE = Struct("!cQqB")
_STATUS = Struct("!cQQQqB")
_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")


class XLogData(NamedTuple):
    """A piece of the log: of logical replication, one message of the output plugin."""

    start: int
    """LSN at which it begins; 0 for what is not in the log itself (a Relation message)."""
    end: int
    """As ``start``: of logical replication the server does not say here how far its log goes."""
    sent_at: datetime
    payload: bytes


class Keepalive(NamedTuple):
    """The server is there; it may want to hear the same of us."""

    end: int
    """LSN of the end of the log on the server."""
    sent_at: datetime
    reply_requested: bool


def frame_of(data: bytes | memoryview) -> XLogData | Keepalive:
    """The frame in one CopyData message. Raises :class:`BadMessage`."""
    size = len(data)
    kind = bytes(data[:1])
    if kind == b"w":
        if size < _XLOG_DATA.size:
            raise BadMessage(f"a frame of log is cut off at byte {size} of its {_XLOG_DATA.size} before the data")
        _, start, end, sent = _XLOG_DATA.unpack_from(data)
        return XLogData(start, end, moment_of(sent), bytes(data[_XLOG_DATA.size :]))
    if kind == b"k":
        if size != _KEEPALIVE.size:
            raise BadMessage(f"a keepalive has {size} bytes, not {_KEEPALIVE.size}")
        _, end, sent, reply = _KEEPALIVE.unpack(data)
        if reply > 1:
            raise BadMessage(f"a keepalive says {reply} at byte {size - 1}, not 0 or 1")
        return Keepalive(end, moment_of(sent), bool(reply))
    raise BadMessage(f"a frame of the unknown kind {kind!r} at byte 0")


def standby_status(written: int, flushed: int, applied: int, now: datetime, *, reply: bool = False) -> bytes:
    """A standby status update of 34 bytes: up to which LSN (exclusive) the log was written, flushed and applied.

    The server forgets the log up to ``flushed``. ``reply``: it is to answer at once.
    """
    return _STATUS.pack(b"r", written, flushed, applied, microseconds_of(now), reply)


def moment_of(microseconds: int) -> datetime:
    """The moment (aware, UTC) so many microseconds after 2000-01-01. Raises :class:`BadMessage` beyond year 1-9999."""
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        raise BadMessage(f"{microseconds} microseconds from 2000-01-01 are outside the years 1 to 9999") from None


def microseconds_of(moment: datetime) -> int:
    """Microseconds from 2000-01-01 UTC to ``moment``, which is aware."""
    return (moment - EPOCH) // _MICROSECOND


def lsn_text(lsn: int) -> str:
    """``16/B374D848``: the LSN as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def lsn_of(text: str) -> int:
    """The LSN that ``16/B374D848`` means. Raises :class:`ValueError`."""
    match = _LSN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a position in the log, like 16/B374D848")
    return int(match[1], 16) << 32 | int(match[2], 16)
