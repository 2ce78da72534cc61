"""What the hub does not put up with, and that it says so."""

import asyncio
import gc
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode

from dispatchers.websocket import metrics
from dispatchers.websocket.connection import Connection

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Build, House


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def refusal(opening: Awaitable[Any]) -> int:
    with pytest.raises(InvalidStatus) as refused:
        await opening
    return refused.value.response.status_code


async def test_a_wrong_token_is_refused(house: "House") -> None:
    client = await house.open()
    await client.send(type="hello", token="nonsense")
    assert (await client.frame())["code"] == "bad_token"
    assert await client.closed() == 4401


async def test_an_expired_token_is_to_be_renewed(house: "House") -> None:
    client = await house.open()
    await client.send(type="hello", token=house.tokens.mint("ann", lifetime=timedelta(seconds=-1)))
    assert (await client.frame())["code"] == "token_expired"
    assert await client.closed() == 4419


async def test_a_token_that_expires_meanwhile_closes_the_connection(house: "House") -> None:
    client = await house.open()
    await client.send(type="hello", token=house.tokens.mint("ann", lifetime=timedelta(minutes=1)))
    assert (await client.frame())["type"] == "welcome"
    house.pass_time(61)
    assert await client.closed() == 4419
    assert house.hub.connections_of("ann") == 0


async def test_who_does_not_say_hello_is_closed(build: "Build") -> None:
    house = await build(hello_timeout_seconds=0.1)
    assert await (await house.open()).closed() == 4408


async def test_nothing_flows_before_hello(house: "House") -> None:
    client = await house.open()
    await house.tell("ann")
    for message in ({"type": "ping"}, {"type": "mark_all_as_read"}, {"type": "get_unread_count"}):
        await client.send(**message)
        assert (await client.frame())["code"] == "hello_first"
    assert (await house.inbox.summary("ann")).unread_count == 1


async def test_hello_is_said_once(house: "House") -> None:
    client = await house.come("ann")
    await client.send(type="hello", token=house.tokens.mint("bob"))
    assert (await client.frame())["code"] == "already_welcome"
    assert house.hub.connections_of("bob") == 0


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        ("", "malformed"),
        ("{", "malformed"),
        ("[]", "malformed"),
        ("null", "malformed"),
        ('{"type": 1}', "malformed"),
        ("[" * 10_000, "malformed"),
        ("1" * 10_000, "malformed"),
        ('{"type": "mark_as_read"}', "malformed"),
        ('{"type": "mark_as_read", "id": "1"}', "malformed"),
        ('{"type": "mark_as_read", "id": true}', "malformed"),
        ('{"type": "mark_as_read", "id": 1e3}', "malformed"),
        ('{"type": "mark_as_read", "id": 9223372036854775808}', "malformed"),
        ('{"type": "subscribe_to_everything"}', "unknown_type"),
    ],
)
async def test_garbage_gets_an_error_and_the_connection_stays(house: "House", garbage: str, code: str) -> None:
    client = await house.come("ann")
    await client.socket.send(garbage)
    assert (await client.frame())["code"] == code
    assert await client.is_quiet()


async def test_garbage_without_end_is_closed(house: "House") -> None:
    client = await house.come("ann")
    for _ in range(10):
        await client.socket.send("garbage")
    assert {frame["code"] for frame in await client.frames(10)} == {"malformed"}
    assert await client.closed() == 1008


async def test_a_client_that_talks_too_fast_is_told_and_then_closed(build: "Build") -> None:
    house = await build(messages_per_second=2)
    client = await house.come("ann")
    for _ in range(20):
        await client.send(type="ping")
    answers = [await client.frame() for _ in range(13)]
    assert answers[0] == {"type": "pong"}
    assert answers[-1]["code"] == "rate_limited"
    assert await client.closed() == 1008


async def test_an_oversized_frame_closes_the_connection(house: "House") -> None:
    client = await house.come("ann")
    await client.socket.send("x" * 1_000_000)
    assert await client.closed() == 1009


async def test_fragments_of_a_message_are_put_together_and_their_sum_is_limited(house: "House") -> None:
    client = await house.come("ann")
    await client.socket.send(iter(['{"type": ', '"pi', 'ng"}']))
    assert await client.frame() == {"type": "pong"}
    await client.socket.send(iter(["x" * 10_000] * 2))
    assert await client.closed() == 1009


async def test_binary_frames_are_refused(house: "House") -> None:
    client = await house.come("ann")
    await client.socket.send(b'{"type": "ping"}')
    assert await client.closed() == 1003


async def test_text_that_is_not_utf8_is_refused(house: "House") -> None:
    client = await house.come("ann")
    await client.socket.send(b"\xff\xfe", text=True)
    assert await client.closed() == 1007


async def test_only_the_path_of_the_hub_has_a_websocket(house: "House") -> None:
    house_elsewhere = house.server.url.replace("http", "ws") + "/elsewhere"
    assert await refusal(connect(house_elsewhere).__aenter__()) == 404


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://shop.example.evil.example"])
async def test_a_page_of_an_unknown_origin_is_refused(build: "Build", origin: str) -> None:
    house = await build(origins=("https://shop.example",))
    assert await refusal(house.open(origin=origin)) == 403


async def test_a_page_of_a_known_origin_or_of_this_host_may_come(build: "Build") -> None:
    house = await build(origins=("https://shop.example",))
    await house.come("ann", origin="https://shop.example")
    await house.come("ann", origin=house.server.url)
    assert house.hub.connections_of("ann") == 2


async def test_there_is_room_for_so_many_and_then_again_when_one_leaves(build: "Build") -> None:
    house = await build(max_connections=2)
    first, _ = await house.come("ann"), await house.come("bob")
    assert await refusal(house.open()) == 503
    await first.socket.close()
    await until(lambda: len(house.hub) == 1)
    await house.come("ann")


async def test_a_slow_reader_is_cut_off_and_the_others_get_everything_in_time(build: "Build") -> None:
    house = await build(max_buffered_bytes=65_536)
    others = [await house.come("ann") for _ in range(3)]
    before = metrics.SLOW_CLOSES._value.get()
    reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port, limit=1024)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    hello = json.dumps({"type": "hello", "token": house.tokens.mint("ann")}).encode()
    writer.write(Frame(Opcode.TEXT, hello).serialize(mask=True))
    await until(lambda: house.hub.connections_of("ann") == 4)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    rounds = 200
    for _ in range(rounds):
        await house.tell("ann", body="x" * 50_000)
        for other in others:
            await other.ids(1)
    assert house.hub.connections_of("ann") == 3
    assert metrics.SLOW_CLOSES._value.get() == before + 1
    writer.transport.abort()


@pytest.fixture
async def pinging(build: "Build") -> "House":
    """Looks often, by a clock of the test's: a ping and its answer have all the time that a busy machine takes."""
    house = await build(ping_interval_seconds=100, ping_timeout_seconds=100)
    house.hub.crowd._sweep_seconds = 0.02
    return house


async def test_a_peer_that_answers_no_ping_is_cut_off(pinging: "House") -> None:
    client = await pinging.come("ann")
    [connection] = pinging.hub.people.of("ann")
    client.socket.transport.pause_reading()
    pinging.pass_time(101)
    await until(lambda: connection.pinged_at > 0)
    pinging.pass_time(101)
    await until(lambda: len(pinging.hub) == 0)
    client.socket.transport.abort()


async def test_a_peer_that_answers_pings_stays(pinging: "House") -> None:
    client = await pinging.come("ann")
    [connection] = pinging.hub.people.of("ann")
    for _ in range(5):
        pinging.pass_time(101)
        await until(lambda: 0 < connection.pinged_at < connection.heard_at)
        pinging.pass_time(101)
        await until(lambda: connection.pinged_at == 0)
    assert await client.is_quiet()


async def test_a_stopping_server_says_so_and_lets_nobody_in(house: "House") -> None:
    live, silent = await house.come("ann"), await house.open()
    await house.server.stop()
    assert await live.closed() == await silent.closed() == 1012
    assert len(house.hub) == 0


async def test_a_peer_that_never_closes_does_not_keep_the_server_from_stopping(house: "House") -> None:
    client = await house.come("ann")
    client.socket.transport.pause_reading()
    async with asyncio.timeout(30):
        await house.server.stop()
    assert len(house.hub) == 0
    client.socket.transport.abort()


async def test_a_hundred_quick_reconnects_leave_nothing_behind(house: "House") -> None:
    async def once(number: int) -> None:
        client = await house.come("ann" if number % 2 else f"person{number}", after=0)
        if number % 3:
            await client.socket.close()
        else:
            client.socket.transport.abort()

    for start in range(0, 100, 10):
        await asyncio.gather(*(once(number) for number in range(start, start + 10)))
    await until(lambda: len(house.hub) == 0 and not house.hub._tasks)
    assert len(house.hub.people) == 0
    assert metrics.CONNECTIONS._value.get() == 0
    assert not house.server._server.server_state.connections
    gc.collect()
    assert [one for one in gc.get_objects() if isinstance(one, Connection)] == []
