"""Decodes pgoutput, protocol versions 1 to 4 (PostgreSQL documentation, "Logical Replication Message Formats")."""

from collections.abc import Callable
from datetime import datetime
from struct import Struct, error
from typing import Final

from daemon.capture.changelog.frames import moment_of
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
    Value,
    Values,
)

_BYTE = Struct("!B")
_UINT16 = Struct("!H")
_UINT32 = Struct("!I")
_INT32 = Struct("!i")
_UINT64 = Struct("!Q")
_INT64 = Struct("!q")

_TEXT: Final = ord("t")
_NULL: Final = ord("n")
_UNCHANGED: Final = ord("u")
_BINARY: Final = ord("b")

_length = _UINT32.unpack_from


def decode(payload: bytes, *, streaming: bool = False) -> Message:
    """The message in ``payload``, the whole of it.

    ``streaming``: it stands between :class:`StreamStart` and :class:`StreamStop`, where messages say their xid.
    Raises :class:`BadMessage`, whatever the bytes are.
    """
    reader = _Reader(payload, streaming=streaming)
    kind = reader.byte()
    read = _KINDS.get(kind)
    if read is None:
        raise BadMessage(f"a message of the unknown kind {bytes([kind])!r} at byte 0")
    message = read(reader)
    if reader.at != len(payload):
        raise BadMessage(f"the message {bytes([kind])!r} ends at byte {reader.at}, of {len(payload)}")
    return message


class _Reader:
    """Takes one thing after another from a message, and never reads beyond its end."""

    __slots__ = ("at", "payload", "streaming")

    def __init__(self, payload: bytes, *, streaming: bool) -> None:
        self.payload = payload
        self.streaming = streaming
        self.at = 0

    def number(self, form: Struct) -> int:
        try:
            (found,) = form.unpack_from(self.payload, self.at)
        except error:
            raise self.cut_off() from None
        self.at += form.size
        number: int = found
        return number

    def byte(self) -> int:
        return self.number(_BYTE)

    def uint32(self) -> int:
        return self.number(_UINT32)

    def lsn(self) -> int:
        return self.number(_UINT64)

    def moment(self) -> datetime:
        at, microseconds = self.at, self.number(_INT64)
        try:
            return moment_of(microseconds)
        except BadMessage as wrong:
            raise BadMessage(f"{wrong}, at byte {at}") from None

    def flags(self, known: int) -> int:
        """A byte of which no other bits are set than ``known``."""
        flags = self.byte()
        if flags & ~known:
            raise BadMessage(f"unknown flags {flags:#04x} at byte {self.at - 1}")
        return flags

    def string(self) -> str:
        """Text that a zero byte ends."""
        end = self.payload.find(b"\0", self.at)
        if end < 0:
            raise BadMessage(f"a string at byte {self.at} has no end")
        text = self.text(end)
        self.at = end + 1
        return text

    def text(self, end: int) -> str:
        try:
            return self.payload[self.at : end].decode()
        except UnicodeDecodeError as wrong:
            raise BadMessage(f"text that is not UTF-8 at byte {self.at + wrong.start}") from None

    def content(self) -> bytes:
        """Bytes with their count before them."""
        length = self.uint32()
        end = self.at + length
        if end > len(self.payload):
            raise BadMessage(f"{length} bytes at byte {self.at} end beyond the message's {len(self.payload)}")
        content = self.payload[self.at : end]
        self.at = end
        return content

    def xid(self) -> int | None:
        return self.uint32() if self.streaming else None

    def values(self) -> Values:
        """The values of a row. What every row goes through: one loop, without calls of our own."""
        count = self.number(_UINT16)
        payload, at = self.payload, self.at
        size = len(payload)
        values: list[Value] = []
        append = values.append
        try:
            for _ in range(count):
                kind = payload[at]
                if kind == _TEXT:
                    (length,) = _length(payload, at + 1)
                    start = at + 5
                    end = start + length
                    if end > size:
                        raise BadMessage(f"a value of {length} bytes at byte {start} ends beyond the message's {size}")
                    append(payload[start:end].decode())
                    at = end
                elif kind == _NULL:
                    append(None)
                    at += 1
                elif kind == _UNCHANGED:
                    append(UNCHANGED)
                    at += 1
                elif kind == _BINARY:
                    self.at = at + 1
                    append(Binary(self.content()))
                    at = self.at
                else:
                    raise BadMessage(f"a value of the unknown kind {bytes([kind])!r} at byte {at}")
        except (IndexError, error):
            self.at = at
            raise self.cut_off() from None
        except UnicodeDecodeError as wrong:
            raise BadMessage(f"text that is not UTF-8 at byte {at + 5 + wrong.start}") from None
        self.at = at
        return tuple(values)

    def cut_off(self) -> BadMessage:
        return BadMessage(f"a message of {len(self.payload)} bytes is cut off in what begins at byte {self.at}")

    def unexpected(self, found: int, expected: str) -> BadMessage:
        return BadMessage(f"{bytes([found])!r} at byte {self.at - 1}, where {expected} is expected")


def _insert(reader: _Reader) -> Insert:
    xid, relation = reader.xid(), reader.uint32()
    part = reader.byte()
    if part != ord("N"):
        raise reader.unexpected(part, "N")
    return Insert(relation, reader.values(), xid)


def _update(reader: _Reader) -> Update:
    xid, relation = reader.xid(), reader.uint32()
    old = key = None
    part = reader.byte()
    if part == ord("O"):
        old = reader.values()
        part = reader.byte()
    elif part == ord("K"):
        key = reader.values()
        part = reader.byte()
    if part != ord("N"):
        raise reader.unexpected(part, "K, O or N" if old is key else "N")
    return Update(relation, old, key, reader.values(), xid)


def _delete(reader: _Reader) -> Delete:
    xid, relation = reader.xid(), reader.uint32()
    part = reader.byte()
    if part == ord("O"):
        return Delete(relation, reader.values(), None, xid)
    if part == ord("K"):
        return Delete(relation, None, reader.values(), xid)
    raise reader.unexpected(part, "K or O")


def _truncate(reader: _Reader) -> Truncate:
    xid, count, flags = reader.xid(), reader.uint32(), reader.flags(0b11)
    if reader.at + 4 * count > len(reader.payload):  # before anything is made of so many
        raise BadMessage(f"{count} tables at byte {reader.at} end beyond the message's {len(reader.payload)}")
    relations = tuple(reader.uint32() for _ in range(count))
    return Truncate(relations, cascade=bool(flags & 1), restart_identity=bool(flags & 2), xid=xid)


def _relation(reader: _Reader) -> Relation:
    xid, oid, schema, name = reader.xid(), reader.uint32(), reader.string(), reader.string()
    identity = reader.byte()
    try:
        known = Identity(chr(identity))
    except ValueError:
        raise reader.unexpected(identity, "a replica identity (d, n, f or i)") from None
    columns = tuple(_column(reader) for _ in range(reader.number(_UINT16)))
    return Relation(oid, schema or "pg_catalog", name, known, columns, xid)


def _column(reader: _Reader) -> RelationColumn:
    in_key = bool(reader.flags(1))
    return RelationColumn(reader.string(), reader.uint32(), reader.number(_INT32), in_key)


def _type(reader: _Reader) -> Type:
    xid, oid, schema, name = reader.xid(), reader.uint32(), reader.string(), reader.string()
    return Type(oid, schema or "pg_catalog", name, xid)


def _logical_message(reader: _Reader) -> LogicalMessage:
    xid, transactional = reader.xid(), bool(reader.flags(1))
    return LogicalMessage(transactional, reader.lsn(), reader.string(), reader.content(), xid)


def _begin(reader: _Reader) -> Begin:
    return Begin(reader.lsn(), reader.moment(), reader.uint32())


def _commit(reader: _Reader) -> Commit:
    reader.flags(0)
    return Commit(reader.lsn(), reader.lsn(), reader.moment())


def _origin(reader: _Reader) -> Origin:
    return Origin(reader.lsn(), reader.string())


def _stream_start(reader: _Reader) -> StreamStart:
    return StreamStart(reader.uint32(), first=bool(reader.flags(1)))


def _stream_stop(_: _Reader) -> StreamStop:
    return StreamStop()


def _stream_commit(reader: _Reader) -> StreamCommit:
    xid = reader.uint32()
    reader.flags(0)
    return StreamCommit(xid, reader.lsn(), reader.lsn(), reader.moment())


def _stream_abort(reader: _Reader) -> StreamAbort:
    xid, subxid = reader.uint32(), reader.uint32()
    if reader.at == len(reader.payload):
        return StreamAbort(xid, subxid)
    return StreamAbort(xid, subxid, reader.lsn(), reader.moment())


def _begin_prepare(reader: _Reader) -> BeginPrepare:
    return BeginPrepare(*_prepared(reader))


def _rollback_prepared(reader: _Reader) -> RollbackPrepared:
    reader.flags(0)
    ends = reader.lsn(), reader.lsn()
    return RollbackPrepared(*ends, reader.moment(), reader.moment(), reader.uint32(), reader.string())


def _ending(made: Callable[[int, int, datetime, int, str], Message]) -> Callable[[_Reader], Message]:
    """What reads one of the messages at the end of a prepared transaction: flags, and as BeginPrepare from there."""

    def read(reader: _Reader) -> Message:
        reader.flags(0)
        return made(*_prepared(reader))

    return read


def _prepared(reader: _Reader) -> tuple[int, int, datetime, int, str]:
    return reader.lsn(), reader.lsn(), reader.moment(), reader.uint32(), reader.string()


_KINDS: dict[int, Callable[[_Reader], Message]] = {
    ord("I"): _insert,
    ord("U"): _update,
    ord("D"): _delete,
    ord("B"): _begin,
    ord("C"): _commit,
    ord("O"): _origin,
    ord("R"): _relation,
    ord("Y"): _type,
    ord("T"): _truncate,
    ord("M"): _logical_message,
    ord("S"): _stream_start,
    ord("E"): _stream_stop,
    ord("c"): _stream_commit,
    ord("A"): _stream_abort,
    ord("b"): _begin_prepare,
    ord("P"): _ending(Prepare),
    ord("K"): _ending(CommitPrepared),
    ord("r"): _rollback_prepared,
    ord("p"): _ending(StreamPrepare),
}
