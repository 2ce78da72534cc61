from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchers.websocket import frames
from dispatchers.websocket.broker import Content, Envelope, Missed, ToPeople
from dispatchers.websocket.values import Location, Status

NOON = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)


def plain(content: Content) -> Any:
    """To compare: frames are compared by what they are."""
    match content:
        case ToPeople(items):
            return [(user_id, frame.id, frame.data) for user_id, frame in items]
        case _:
            return content


@pytest.mark.parametrize(
    "content",
    [
        ToPeople(()),
        ToPeople((("ann", frames.PONG), ("böb", frames.Outgoing(2**63 - 1, frames.text_frame({"x": "ü" * 70_000}))))),
        Status("order:1", "order.ready", "ready", NOON),
        Location("order:1", 1.5, -2.5, None, 0.0, 10.0, NOON),
        Missed(0.0),
        Missed(17.5),
    ],
)
def test_what_is_sent_is_what_comes(content: Content) -> None:
    envelope = Envelope.decode(Envelope(content).encode())
    assert type(envelope.content) is type(content)
    assert plain(envelope.content) == plain(content)


@given(st.binary(max_size=100))
def test_any_bytes_are_an_envelope_or_a_value_error(data: bytes) -> None:
    for start in (b"", *(bytes((1, kind)) for kind in range(7))):
        try:
            Envelope.decode(start + data)
        except ValueError:
            continue


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "[]",
        "{}",
        "1",
        '"x"',
        '{"room": 1}',
        '{"seconds": true}',
        '{"seconds": 1e400}',
        '{"seconds": -1}',
        "[" * 9999,
    ],
)
@pytest.mark.parametrize("kind", [1, 2, 3])
def test_json_of_another_shape_is_a_value_error(kind: int, body: str) -> None:
    with pytest.raises(ValueError):
        Envelope.decode(bytes((1, kind)) + body.encode())


@given(st.data())
def test_a_cut_or_changed_envelope_is_never_another_error(data: st.DataObject) -> None:
    whole = bytearray(Envelope(Location("order:1", 1.5, -2.5, None, 0.0, 10.0, NOON)).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        Envelope.decode(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    except ValueError:
        return


def test_only_whole_text_frames_get_to_browsers() -> None:
    for bad in (b"\x88\x00", b"\x81\x05abc", b"\x81\x02\xff\xfe"):
        data = Envelope(ToPeople((("r", frames.Outgoing(0, bad)),))).encode()
        with pytest.raises(ValueError):
            Envelope.decode(data)


def test_another_version_is_refused() -> None:
    data = Envelope(Missed(1)).encode()
    with pytest.raises(ValueError, match="version 2"):
        Envelope.decode(b"\x02" + data[1:])
