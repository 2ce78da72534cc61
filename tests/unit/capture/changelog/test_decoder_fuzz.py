"""Whatever the bytes are: a message that is written by just these bytes, or BadMessage. Nothing else, and at once."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from tests.unit.capture.changelog.encoding import encoded
from tests.unit.capture.changelog.test_decoder import MESSAGES

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
AT = st.datetimes(timezones=st.just(UTC))
NAME = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
VALUE = st.one_of(st.none(), st.just(UNCHANGED), TEXT, st.binary(max_size=20).map(Binary))
VALUES = st.lists(VALUE, max_size=12).map(tuple)
NOTHING = st.none()
COLUMN = st.builds(RelationColumn, NAME, U32, st.integers(-(2**31), 2**31 - 1), st.booleans())
COLUMNS = st.lists(COLUMN, max_size=10).map(tuple)
PREPARED = (U64, U64, AT, U32, NAME)


def rows(xid: st.SearchStrategy[int | None]) -> st.SearchStrategy[Message]:
    """The messages that say their transaction inside a stream."""
    return st.one_of(
        st.builds(Insert, U32, VALUES, xid),
        st.builds(Update, U32, VALUES, NOTHING, VALUES, xid),
        st.builds(Update, U32, NOTHING, VALUES, VALUES, xid),
        st.builds(Update, U32, NOTHING, NOTHING, VALUES, xid),
        st.builds(Delete, U32, VALUES, NOTHING, xid),
        st.builds(Delete, U32, NOTHING, VALUES, xid),
        st.builds(Relation, U32, NAME.filter(bool), NAME, st.sampled_from(Identity), COLUMNS, xid),
        st.builds(Type, U32, NAME.filter(bool), NAME, xid),
        st.builds(Truncate, st.lists(U32, max_size=5).map(tuple), st.booleans(), st.booleans(), xid),
        st.builds(LogicalMessage, st.booleans(), U64, NAME, st.binary(max_size=50), xid),
    )


OTHERS: st.SearchStrategy[Message] = st.one_of(
    st.builds(Begin, U64, AT, U32),
    st.builds(Commit, U64, U64, AT),
    st.builds(Origin, U64, NAME),
    st.builds(StreamStart, U32, st.booleans()),
    st.builds(StreamStop),
    st.builds(StreamCommit, U32, U64, U64, AT),
    st.builds(StreamAbort, U32, U32),
    st.builds(StreamAbort, U32, U32, U64, AT),
    st.builds(BeginPrepare, *PREPARED),
    st.builds(Prepare, *PREPARED),
    st.builds(StreamPrepare, *PREPARED),
    st.builds(CommitPrepared, *PREPARED),
    st.builds(RollbackPrepared, U64, U64, AT, AT, U32, NAME),
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(rows(NOTHING), OTHERS))
def test_every_message_comes_back(message: Message) -> None:
    found = decode(encoded(message))
    assert (type(found), found) == (type(message), message)


@settings(max_examples=200, deadline=None)
@given(rows(U32))
def test_every_message_of_a_stream_comes_back(message: Message) -> None:
    found = decode(encoded(message), streaming=True)
    assert (type(found), found) == (type(message), message)


@settings(max_examples=500, deadline=None)
@given(payload=st.binary(max_size=200), streaming=st.booleans())
def test_any_bytes(payload: bytes, *, streaming: bool) -> None:
    assert_sound(payload, streaming=streaming)


def test_cut_off_anywhere() -> None:
    for whole in samples():
        for size in range(len(whole)):
            if not (whole.startswith(b"A") and size == 9):  # complete: an older protocol has no more
                refused(whole[:size], streaming=False)


@pytest.mark.parametrize("streaming", [False, True])
def test_mutated_anywhere(*, streaming: bool) -> None:
    chance = random.Random(4711)
    wholes = list(samples())
    for _ in range(15_000):
        assert_sound(mutated(chance, chance.choice(wholes), chance.choice(wholes)), streaming=streaming)


def test_a_length_of_gigabytes_takes_no_memory() -> None:
    for count in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        huge = count.to_bytes(4)
        for payload in (
            b"I\0\0\0\1N\0\1t" + huge,
            b"I\0\0\0\1N\0\1b" + huge,
            b"T" + huge + b"\0",
            b"I\0\0\0\1N\xff\xff",
        ):
            refused(payload, streaming=False)


def samples() -> Iterable[bytes]:
    yield from (payload for payload, _ in MESSAGES)
    many = tuple(None if n % 3 == 0 else f"value {n} é \N{BELL}" for n in range(40))
    yield encoded(Insert(16384, many))
    yield encoded(Update(16384, many, None, (UNCHANGED, *many[1:])))
    yield encoded(LogicalMessage(False, 1, "orderbell", b"\0" * 100))
    yield encoded(BeginPrepare(1, 2, datetime(2026, 1, 1, tzinfo=UTC), 3, "gid"))


def mutated(chance: random.Random, payload: bytes, other: bytes) -> bytes:
    """Bytes flipped, dropped, doubled, moved, or two messages joined somewhere."""
    found = bytearray(payload)
    for _ in range(chance.randint(1, 4)):
        at, to = sorted((chance.randrange(len(found) + 1), chance.randrange(len(found) + 1)))
        match chance.randrange(6):
            case 0 if found:
                found[chance.randrange(len(found))] = chance.randrange(256)
            case 1:
                del found[at:to]
            case 2:
                found[at:at] = found[at:to]
            case 3:
                found = found[to:] + found[at:to] + found[:at]
            case 4:
                found = found[:at] + other[chance.randrange(len(other)) :]
            case _:
                found[at:at] = chance.randbytes(chance.randint(1, 8))
    return bytes(found)


def assert_sound(payload: bytes, *, streaming: bool) -> None:
    try:
        message = decode(payload, streaming=streaming)
    except BadMessage:
        return
    again = encoded(message)
    assert again == payload or b"pg_catalog" in payload, (payload, message)


def refused(payload: bytes, *, streaming: bool) -> None:
    with pytest.raises(BadMessage):
        decode(payload, streaming=streaming)
