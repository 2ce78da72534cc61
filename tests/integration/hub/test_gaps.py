"""Gaps that come in a steady stream neither keep anybody waiting nor send everybody to the REST API."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from dispatchers.websocket import Mark, frames

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Client, House

QUIET_SECONDS = 2.0
"""Three times as long without a gap is calm: a busy machine does not stand still for that long."""
Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
async def node(house: "House", monkeypatch: pytest.MonkeyPatch) -> "House":
    """One of several daemons, that has noted how far the database is."""
    monkeypatch.setattr("dispatchers.websocket.catchup.MARGIN_SECONDS", 0.0)
    monkeypatch.setattr("dispatchers.websocket.catchup.QUIET_SECONDS", QUIET_SECONDS)
    house.hub.outward = lambda _: None
    await house.hub.catching_up.note()
    return house


@pytest.fixture
async def noise(node: "House") -> AsyncIterator[None]:
    """A gap every other millisecond."""

    async def make() -> None:
        while True:
            node.hub.catch_up(0.0)
            await asyncio.sleep(0.002)

    making = asyncio.create_task(make())
    yield
    making.cancel()


async def told(client: "Client", seconds: float) -> Counter[str]:
    """What comes within so long."""
    types: Counter[str] = Counter()
    try:
        async with asyncio.timeout(seconds):
            while True:
                types[json.loads(await client.socket.recv())["type"]] += 1
    except TimeoutError:
        return types


@pytest.mark.usefixtures("noise")
async def test_in_a_stream_of_gaps_frames_go_out_in_time_and_one_reload_is_enough(
    node: "House", monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who reads as long as there are gaps would hold everything for ever.
    monkeypatch.setattr("dispatchers.websocket.catchup.HOLD_SECONDS", 3600.0)
    ann = await node.come("ann")
    async with asyncio.timeout(30):
        for _ in range(5):
            await node.tell("ann")
            await asyncio.sleep(0.2)
    types: Counter[str] = Counter()
    while types["new_notification"] < 5:
        types[(await ann.frame())["type"]] += 1
    types += await told(ann, 2 * QUIET_SECONDS)
    assert types["new_notification"] == 5
    assert types["reload"] <= 1


async def test_a_stream_of_gaps_asks_the_database_now_and_then(
    node: "House", monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    ann = await node.come("ann")
    asked = 0
    missed = node.inbox.missed

    async def counted(*args: object) -> object:
        nonlocal asked
        asked += 1
        return await missed(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(node.inbox, "missed", counted)
    began_at = node.hub.now()
    async with asyncio.timeout(60):
        while node.hub.now() < began_at + QUIET_SECONDS or asked < 3:
            node.hub.catch_up(0.0)
            await asyncio.sleep(0.002)
    assert asked <= 3 + (node.hub.now() - began_at) / QUIET_SECONDS + 1
    await until(lambda: not node.hub.outbox._holds)
    assert (await told(ann, 0.1))["reload"] <= 1


async def test_what_is_found_too_late_is_a_reload_and_never_a_smaller_id_after_a_greater(
    node: "House", until: Until
) -> None:
    ann, bob = await node.come("ann"), await node.come("bob")
    await node.store("ann")  # lost on the way
    await node.tell("ann")
    await node.store("bob")  # lost as well, and nothing newer went to bob
    assert await ann.ids(1) == [2]
    node.hub.catch_up(0.0)
    assert await ann.frame() == {"type": "reload"}
    assert await bob.ids(1) == [3]
    await until(lambda: not node.hub._tasks)
    node.hub.catch_up(0.0)
    await until(lambda: not node.hub._tasks)
    assert await ann.is_quiet()
    assert await bob.is_quiet()


def use_up_the_rounds(node: "House") -> None:
    """As of this moment: a step that waits for the database may take as long as a round needs to come back."""
    node.hub.catching_up._rounds, node.hub.catching_up._rounds_at = 0.0, node.hub.now()


async def test_a_gap_with_no_round_left_is_a_reload_before_anything_newer(node: "House", until: Until) -> None:
    ann = await node.come("ann")
    await node.store("ann")
    use_up_the_rounds(node)
    node.hub.catch_up(0.0)
    await node.tell("ann")
    assert await ann.frame() == {"type": "reload"}
    assert await ann.ids(1) == [2]
    # Another one waits for its turn, and is read then.
    await node.hub.catching_up.note()
    await node.store("ann")
    use_up_the_rounds(node)
    node.hub.catch_up(0.0)
    assert not node.hub.outbox._holds
    assert await ann.ids(1) == [3]
    await until(lambda: not node.hub._tasks)
    await node.hub.reading.mark("ann", [1], Mark.READ)
    assert {frame["type"] for frame in await ann.frames(2)} == {"notification_update", "unread_count"}


async def test_a_database_that_does_not_answer_holds_nothing_for_long(
    node: "House", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_: object) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr("dispatchers.websocket.turns.QUERY_SECONDS", 3600.0)
    monkeypatch.setattr("dispatchers.websocket.catchup.HOLD_SECONDS", 0.2)
    monkeypatch.setattr(node.inbox, "missed", slow)
    ann = await node.come("ann")
    node.hub.catch_up(0.0)
    node.hub.publish("ann", frames.unread_count(1, 1))
    assert [frame["type"] for frame in await ann.frames(2)] == ["reload", "unread_count"]
