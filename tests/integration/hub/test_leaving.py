"""A stop: connections are closed one after the other, so that they do not all come back at once."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import InvalidStatus

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Build, Client, House

LEAVE = ("hub", "server")


async def stop(house: "House", first: str) -> None:
    """In either order: the daemon's, and the one where uvicorn comes first."""
    if first == "hub":
        await house.hub.leave_all()
        assert house.hub.connections_of("ann") == 0
    await house.server.stop()


@pytest.mark.parametrize("first", LEAVE)
async def test_connections_are_closed_spread_over_some_time(build: "Build", first: str) -> None:
    house = await build(close_seconds=5.0)
    clients = [await house.come("ann") for _ in range(10)]
    began_at = house.hub.now()

    async def end(client: "Client") -> float:
        assert await client.closed() == 1012
        return house.hub.now() - began_at

    ends = [asyncio.create_task(end(client)) for client in clients]
    await stop(house, first)
    times = sorted([await each for each in ends])
    # One each half second, as a rule; a busy machine may stop for longer than that.
    assert times[0] < 4
    assert times[-1] >= 4.5
    apart = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(apart) < 4
    assert sum(seconds > 0.2 for seconds in apart) >= 3
    assert len(house.hub) == 0


async def test_meanwhile_nobody_is_let_in_and_who_is_there_is_served(
    build: "Build", until: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    house = await build(close_seconds=10.0)
    clients = [await house.come("ann") for _ in range(2)]
    assert [await client.is_quiet() for client in clients] == [True, True]
    leaving = asyncio.create_task(house.hub.leave_all())
    await until(lambda: house.hub.connections_of("ann") == 1)
    with pytest.raises(InvalidStatus) as refused:
        await house.open()
    assert refused.value.response.status_code == 503
    await house.tell("ann")
    await leaving
    assert [await client.closed() for client in clients] == [1012, 1012]
    assert sorted(len(client.socket.recv_messages.frames) for client in clients) == [0, 1]


@pytest.mark.parametrize("first", LEAVE)
async def test_a_peer_that_never_closes_does_not_keep_the_server_from_stopping(build: "Build", first: str) -> None:
    house = await build(close_seconds=0.1)
    client = await house.come("ann")
    client.socket.transport.pause_reading()
    async with asyncio.timeout(30):
        await stop(house, first)
    assert len(house.hub) == 0
    client.socket.transport.abort()


async def test_to_leave_twice_or_with_nobody_there_is_no_matter(house: "House") -> None:
    await asyncio.gather(house.hub.leave_all(), house.hub.leave_all())
    await house.hub.leave_all()
