"""permessage-deflate: one compressed frame for all, and no bomb gets through."""

import zlib
from typing import TYPE_CHECKING

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode

from dispatchers.websocket import frames

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Build, Client, House

DEFLATE = ClientPerMessageDeflateFactory(client_max_window_bits=True)


@pytest.fixture
async def small(build: "Build") -> "House":
    return await build(compression=True, messages_per_second=1000, max_frame_bytes=4096)


def agreed(client: "Client") -> str | None:
    assert client.socket.response is not None
    return client.socket.response.headers.get("Sec-WebSocket-Extensions")


async def test_it_is_off_unless_configured(house: "House") -> None:
    client = await house.come("ann", extensions=[DEFLATE])
    assert agreed(client) is None
    assert await client.is_quiet()


async def test_who_offers_it_gets_one_compressed_frame_and_who_does_not_a_plain_one(
    small: "House", monkeypatch: pytest.MonkeyPatch
) -> None:
    squeezing = [await small.come("ann", extensions=[DEFLATE]) for _ in range(3)]
    plain = await small.come("ann")
    assert {agreed(client) for client in squeezing} == {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    }
    assert agreed(plain) is None
    made: list[bytes] = []
    deflate = frames._deflate

    def counting(data: bytes) -> bytes:
        made.append(data)
        return deflate(data)

    monkeypatch.setattr(frames, "_deflate", counting)
    for _ in range(2):
        await small.tell("ann", body="Soon. " * 500)
        for client in (*squeezing, plain):
            assert (await client.frame())["notification"]["body"] == "Soon. " * 500
    assert len(made) == 2
    assert len(frames._deflate(made[0])) < len(made[0]) / 3


async def test_compressed_messages_are_understood_one_after_the_other(small: "House") -> None:
    client = await small.come("ann", extensions=[DEFLATE])
    for _ in range(3):
        await client.send(type="subscribe", room="order:" + "1" * 200)
        assert (await client.frame())["code"] == "not_found"
    await client.socket.send(iter(['{"type": ', '"ping"', "}"]))
    assert await client.frame() == {"type": "pong"}


async def test_a_bomb_is_not_inflated(small: "House") -> None:
    client = await small.come("ann", extensions=[DEFLATE])
    await client.socket.send('{"type": "ping", "x": "' + "0" * 10_000_000 + '"}')
    assert await client.closed() == 1009


async def test_a_bomb_in_fragments_is_not_inflated(small: "House") -> None:
    client = await small.come("ann", extensions=[DEFLATE])
    await client.socket.send(iter(["x" * 1500] * 20))
    assert await client.closed() == 1009


async def test_what_is_no_deflate_ends_the_connection(small: "House") -> None:
    client = await small.come("ann", extensions=[DEFLATE])
    data = Frame(Opcode.TEXT, b"\xff\xff not deflated").serialize(mask=True)
    client.socket.transport.write(bytes((data[0] | frames.RSV1,)) + data[1:])
    assert await client.closed() == 1002


async def test_an_offer_of_a_smaller_window_is_declined(small: "House") -> None:
    smaller = ClientPerMessageDeflateFactory(server_max_window_bits=10, client_max_window_bits=True)
    client = await small.come("ann", extensions=[smaller])
    assert agreed(client) is None
    await small.tell("ann", body="Soon. " * 500)
    assert await client.ids(1) == [1]


async def test_a_compressed_frame_without_the_offer_ends_the_connection(small: "House") -> None:
    client = await small.come("ann")
    squeeze = zlib.compressobj(wbits=-15)
    packed = squeeze.compress(b'{"type": "ping"}') + squeeze.flush(zlib.Z_SYNC_FLUSH)
    data = Frame(Opcode.TEXT, packed[:-4]).serialize(mask=True)
    client.socket.transport.write(bytes((data[0] | frames.RSV1,)) + data[1:])
    assert await client.closed() == 1002
