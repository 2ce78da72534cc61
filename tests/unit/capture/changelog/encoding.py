"""Messages as pgoutput writes them: what the decoder is tested against."""

import struct
from datetime import datetime
from typing import assert_never

from daemon.capture.changelog.frames import EPOCH, microseconds_of
from daemon.capture.changelog.messages import (
    UNCHANGED,
    Begin,
    BeginPrepare,
    Binary,
    Commit,
    CommitPrepared,
    Delete,
    Insert,
    LogicalMessage,
    Message,
    Origin,
    Prepare,
    Relation,
    RollbackPrepared,
    StreamAbort,
    StreamCommit,
    StreamPrepare,
    StreamStart,
    StreamStop,
    Truncate,
    Type,
    Update,
    Value,
    Values,
)


def encoded(message: Message) -> bytes:  # noqa: C901, PLR0912 - one message after another
    found: bytes
    match message:
        case Insert() | Update() | Delete():
            found = row_message(message)
        case Begin():
            found = b"B" + u64(message.final_lsn) + moment(message.committed_at) + u32(message.xid)
        case Commit():
            found = b"C\0" + u64(message.lsn) + u64(message.end_lsn) + moment(message.committed_at)
        case Origin():
            found = b"O" + u64(message.lsn) + string(message.name)
        case Relation():
            found = relation(message)
        case Type():
            found = b"Y" + xid(message.xid) + u32(message.oid) + schema(message.schema) + string(message.name)
        case Truncate():
            flags = bytes([message.cascade | message.restart_identity << 1])
            tables = b"".join(map(u32, message.relations))
            found = b"T" + xid(message.xid) + u32(len(message.relations)) + flags + tables
        case LogicalMessage():
            head = b"M" + xid(message.xid) + bytes([message.transactional]) + u64(message.lsn)
            found = head + string(message.prefix) + u32(len(message.content)) + message.content
        case StreamStart():
            found = b"S" + u32(message.xid) + bytes([message.first])
        case StreamStop():
            found = b"E"
        case StreamCommit():
            ends = u64(message.lsn) + u64(message.end_lsn)
            found = b"c" + u32(message.xid) + b"\0" + ends + moment(message.committed_at)
        case StreamAbort():
            known = message.lsn is not None and message.aborted_at is not None
            place = u64(message.lsn or 0) + moment(message.aborted_at or EPOCH) if known else b""
            found = b"A" + u32(message.xid) + u32(message.subxid) + place
        case BeginPrepare():
            found = b"b" + prepared(message)
        case Prepare():
            found = b"P\0" + prepared(message)
        case StreamPrepare():
            found = b"p\0" + prepared(message)
        case CommitPrepared():
            found = b"K\0" + prepared(message)
        case RollbackPrepared():
            ends = u64(message.prepare_end_lsn) + u64(message.rollback_end_lsn)
            times = moment(message.prepared_at) + moment(message.rolled_back_at)
            found = b"r\0" + ends + times + u32(message.xid) + string(message.gid)
        case _:
            assert_never(message)
    return found


def row_message(message: Insert | Update | Delete) -> bytes:
    head = {Insert: b"I", Update: b"U", Delete: b"D"}[type(message)] + xid(message.xid) + u32(message.relation)
    before = b""
    if not isinstance(message, Insert):
        before = b"O" + values(message.old) if message.old is not None else before
        before = b"K" + values(message.key) if message.key is not None else before
    return head + before + (b"" if isinstance(message, Delete) else b"N" + values(message.new))


def relation(message: Relation) -> bytes:
    head = b"R" + xid(message.xid) + u32(message.oid) + schema(message.schema) + string(message.name)
    columns = [
        bytes([column.in_key]) + string(column.name) + u32(column.type_oid) + struct.pack("!i", column.type_modifier)
        for column in message.columns
    ]
    return head + message.identity.value.encode() + struct.pack("!H", len(columns)) + b"".join(columns)


def values(row: Values) -> bytes:
    return struct.pack("!H", len(row)) + b"".join(map(one, row))


def one(value: Value) -> bytes:
    match value:
        case None:
            return b"n"
        case str():
            content = value.encode()
            return b"t" + u32(len(content)) + content
        case Binary():
            return b"b" + u32(len(value.content)) + value.content
        case _:
            assert value is UNCHANGED
            return b"u"


def prepared(message: BeginPrepare | Prepare | StreamPrepare | CommitPrepared) -> bytes:
    at = message.committed_at if isinstance(message, CommitPrepared) else message.prepared_at
    return u64(message.lsn) + u64(message.end_lsn) + moment(at) + u32(message.xid) + string(message.gid)


def u32(number: int) -> bytes:
    return struct.pack("!I", number)


def u64(number: int) -> bytes:
    return struct.pack("!Q", number)


def moment(at: datetime) -> bytes:
    return struct.pack("!q", microseconds_of(at))


def string(text: str) -> bytes:
    return text.encode() + b"\0"


def schema(name: str) -> bytes:
    return string("" if name == "pg_catalog" else name)


def xid(number: int | None) -> bytes:
    return b"" if number is None else u32(number)
