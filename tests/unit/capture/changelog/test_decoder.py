"""Each message of pgoutput, from literal bytes; and what is none."""

from datetime import UTC, datetime

import pytest

from daemon.capture.changelog.decoder import decode
from daemon.capture.changelog.messages import (
    UNCHANGED,
    BadMessage,
    Begin,
    BeginPrepare,
    Binary,
    Commit,
    CommitPrepared,
    Delete,
    Identity,
    Insert,
    LogicalMessage,
    Message,
    Origin,
    Prepare,
    Relation,
    RelationColumn,
    RollbackPrepared,
    StreamAbort,
    StreamCommit,
    StreamPrepare,
    StreamStart,
    StreamStop,
    Truncate,
    Type,
    Update,
)

AT = datetime(2000, 1, 1, 0, 0, 1, tzinfo=UTC)
LATER = datetime(2000, 1, 1, 0, 0, 2, tzinfo=UTC)
TIME = b"\0\0\0\0\0\x0f\x42\x40"
LATER_TIME = b"\0\0\0\0\0\x1e\x84\x80"
LSN = b"\0\0\0\x16\xb3\x74\xd8\x48"
END = b"\0\0\0\x16\xb3\x74\xd8\x50"
POSITION, END_POSITION = 0x16B374D848, 0x16B374D850
TABLE = b"\0\0\x40\x01"
XID = b"\0\0\x03\xe8"
SEVEN = b"\0\x02t\0\0\0\x017t\0\0\0\x05ready"

MESSAGES: list[tuple[bytes, Message]] = [
    (b"B" + LSN + TIME + XID, Begin(POSITION, AT, 1000)),
    (b"C\0" + LSN + END + TIME, Commit(POSITION, END_POSITION, AT)),
    (b"O" + LSN + b"elsewhere\0", Origin(POSITION, "elsewhere")),
    (
        b"R" + TABLE + b"public\0orders\0d\0\x02\x01id\0\0\0\0\x14\xff\xff\xff\xff\0status\0\0\0\x04\x13\0\0\0\x18",
        Relation(
            0x4001,
            "public",
            "orders",
            Identity.DEFAULT,
            (RelationColumn("id", 20, -1, in_key=True), RelationColumn("status", 1043, 24, in_key=False)),
        ),
    ),
    (b"R" + TABLE + b"\0t\0f\0\0", Relation(0x4001, "pg_catalog", "t", Identity.FULL, ())),
    (b"Y" + TABLE + b"public\0phase\0", Type(0x4001, "public", "phase")),
    (b"I" + TABLE + b"N" + SEVEN, Insert(0x4001, ("7", "ready"))),
    (b"I" + TABLE + b"N\0\x03nub\0\0\0\x02\0\xff", Insert(0x4001, (None, UNCHANGED, Binary(b"\0\xff")))),
    (b"I" + TABLE + b"N\0\x01t\0\0\0\0", Insert(0x4001, ("",))),
    (b"U" + TABLE + b"N" + SEVEN, Update(0x4001, None, None, ("7", "ready"))),
    (b"U" + TABLE + b"K\0\x02t\0\0\0\x016nN" + SEVEN, Update(0x4001, None, ("6", None), ("7", "ready"))),
    (b"U" + TABLE + b"O\0\x02t\0\0\0\x016nN" + SEVEN, Update(0x4001, ("6", None), None, ("7", "ready"))),
    (b"D" + TABLE + b"K" + SEVEN, Delete(0x4001, None, ("7", "ready"))),
    (b"D" + TABLE + b"O" + SEVEN, Delete(0x4001, ("7", "ready"), None)),
    (b"T\0\0\0\x02\x03" + TABLE + b"\0\0\x40\x02", Truncate((0x4001, 0x4002), cascade=True, restart_identity=True)),
    (b"T\0\0\0\x01\0" + TABLE, Truncate((0x4001,), cascade=False, restart_identity=False)),
    (b"M\x01" + LSN + b"orderbell\0\0\0\0\x02{}", LogicalMessage(True, POSITION, "orderbell", b"{}")),
    (b"M\0" + LSN + b"\0\0\0\0\0", LogicalMessage(False, POSITION, "", b"")),
    (b"S" + XID + b"\x01", StreamStart(1000, first=True)),
    (b"S" + XID + b"\0", StreamStart(1000, first=False)),
    (b"E", StreamStop()),
    (b"c" + XID + b"\0" + LSN + END + TIME, StreamCommit(1000, POSITION, END_POSITION, AT)),
    (b"A" + XID + b"\0\0\x03\xe9", StreamAbort(1000, 1001)),
    (b"A" + XID + b"\0\0\x03\xe9" + LSN + TIME, StreamAbort(1000, 1001, POSITION, AT)),
    (b"b" + LSN + END + TIME + XID + b"gid\0", BeginPrepare(POSITION, END_POSITION, AT, 1000, "gid")),
    (b"P\0" + LSN + END + TIME + XID + b"gid\0", Prepare(POSITION, END_POSITION, AT, 1000, "gid")),
    (b"K\0" + LSN + END + TIME + XID + b"gid\0", CommitPrepared(POSITION, END_POSITION, AT, 1000, "gid")),
    (b"p\0" + LSN + END + TIME + XID + b"gid\0", StreamPrepare(POSITION, END_POSITION, AT, 1000, "gid")),
    (
        b"r\0" + LSN + END + TIME + LATER_TIME + XID + b"gid\0",
        RollbackPrepared(POSITION, END_POSITION, AT, LATER, 1000, "gid"),
    ),
]


@pytest.mark.parametrize(("payload", "message"), MESSAGES, ids=[type(message).__name__ for _, message in MESSAGES])
def test_a_message_is_read_as_the_documentation_has_it(payload: bytes, message: Message) -> None:
    found = decode(payload)
    assert type(found) is type(message)
    assert found == message


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"I" + XID + TABLE + b"N" + SEVEN, Insert(0x4001, ("7", "ready"), 1000)),
        (b"U" + XID + TABLE + b"N" + SEVEN, Update(0x4001, None, None, ("7", "ready"), 1000)),
        (b"D" + XID + TABLE + b"K" + SEVEN, Delete(0x4001, None, ("7", "ready"), 1000)),
        (b"T" + XID + b"\0\0\0\0\x01", Truncate((), cascade=True, restart_identity=False, xid=1000)),
        (b"R" + XID + TABLE + b"s\0t\0i\0\0", Relation(0x4001, "s", "t", Identity.INDEX, (), 1000)),
        (b"Y" + XID + TABLE + b"s\0t\0", Type(0x4001, "s", "t", 1000)),
        (b"M" + XID + b"\x01" + LSN + b"p\0\0\0\0\x01x", LogicalMessage(True, POSITION, "p", b"x", 1000)),
        (b"E", StreamStop()),
    ],
)
def test_inside_a_stream_messages_say_whose_they_are(payload: bytes, message: Message) -> None:
    assert decode(payload, streaming=True) == message


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "0 bytes is cut off in what begins at byte 0"),
        (b"?", "unknown kind b'?' at byte 0"),
        (b"\xff\0\0", "unknown kind b'\\xff' at byte 0"),
        (b"E!", "ends at byte 1, of 2"),
        (b"B" + LSN + TIME + XID + b"\0", "ends at byte 21, of 22"),
        (b"C\x01" + LSN + END + TIME, "unknown flags 0x01 at byte 1"),
        (b"B" + LSN + b"\x7f" + TIME[1:] + XID, "outside the years 1 to 9999, at byte 9"),
        (b"B" + LSN + b"\x80" + TIME[1:] + XID, "outside the years 1 to 9999, at byte 9"),
        (b"O" + LSN + b"endless", "a string at byte 9 has no end"),
        (b"O" + LSN + b"a\xff\0", "not UTF-8 at byte 10"),
        (b"R" + TABLE + b"s\0t\0x\0\0", "b'x' at byte 9, where a replica identity"),
        (b"I" + TABLE + b"O\0\0", "b'O' at byte 5, where N is expected"),
        (b"U" + TABLE + b"D\0\0", "b'D' at byte 5, where K, O or N is expected"),
        (b"U" + TABLE + b"K\0\0O\0\0", "b'O' at byte 8, where N is expected"),
        (b"D" + TABLE + b"N\0\0", "b'N' at byte 5, where K or O is expected"),
        (b"I" + TABLE + b"N\0\x01x", "a value of the unknown kind b'x' at byte 8"),
        (b"I" + TABLE + b"N\0\x02n", "cut off in what begins at byte 9"),
        (b"I" + TABLE + b"N\0\x01t\0\0", "cut off in what begins at byte 8"),
        (b"I" + TABLE + b"N\0\x01t\xff\xff\xff\xff", "4294967295 bytes at byte 13 ends beyond"),
        (b"I" + TABLE + b"N\0\x01t\0\0\0\x02a", "2 bytes at byte 13 ends beyond the message's 14"),
        (b"I" + TABLE + b"N\0\x01b\x7f\xff\xff\xff", "2147483647 bytes at byte 13 end beyond"),
        (b"I" + TABLE + b"N\0\x01t\0\0\0\x02a\xc3", "not UTF-8 at byte 14"),
        (b"I" + TABLE + b"N\0\x01t\0\0\0\x03\xed\xa0\x80", "not UTF-8 at byte 13"),
        (b"T\xff\xff\xff\xff\0", "4294967295 tables at byte 6 end beyond"),
        (b"T\0\0\0\0\x04", "unknown flags 0x04 at byte 5"),
        (b"M\x01" + LSN + b"p\0\0\0\0\x02x", "2 bytes at byte 16 end beyond"),
        (b"A" + XID + XID + LSN, "cut off in what begins at byte 17"),
    ],
)
def test_what_is_no_message_is_told_with_its_place(payload: bytes, said: str) -> None:
    with pytest.raises(BadMessage) as told:
        decode(payload)
    assert said in str(told.value)
