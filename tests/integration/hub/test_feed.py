"""From the planner's commit to the screens: in the order of commits, and nobody who comes meanwhile misses anything."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from daemon.live import LiveFeed
from daemon.store.withdraw import TakenBack

if TYPE_CHECKING:
    from tests.integration.hub.conftest import House


@pytest.fixture
async def feed(house: "House") -> AsyncIterator[LiveFeed]:
    made = LiveFeed(house.hub, lambda _: None)
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_is_taken_back_goes_from_every_screen_of_its_reader(house: "House", feed: LiveFeed) -> None:
    phone, laptop, stranger = await house.come("ann"), await house.come("ann"), await house.come("bob")
    feed.publish(await house.store("ann"))
    feed.take_back([TakenBack(1, "ann", unread=True)])
    for screen in (phone, laptop):
        assert await screen.ids(1) == [1]
        assert await screen.frame() == {"type": "notification_withdrawn", "id": 1, "unread": True}
    assert await stranger.is_quiet()


async def test_many_that_are_taken_back_between_others_keep_their_place(house: "House", feed: LiveFeed) -> None:
    screen = await house.come("ann")
    for number in range(1, 51):
        feed.publish(await house.store("ann"))
        feed.take_back([TakenBack(number, "ann", unread=True)])
    frames = await screen.frames(100)
    assert [frame["id"] for frame in frames] == [number for number in range(1, 51) for _ in range(2)]
    assert [frame["type"] for frame in frames] == ["new_notification", "notification_withdrawn"] * 50


async def test_what_is_taken_back_is_not_replayed(house: "House") -> None:
    await house.store("ann", 3)
    await house.database.execute("UPDATE orderbell.notification SET withdrawn_at = now() WHERE id = 2")
    client = await house.come("ann", after=0)
    assert await client.ids(2) == [1, 3]
    assert client.welcome["unread_count"] == 2


async def test_who_joins_during_a_broadcast_is_told_to_look_again(house: "House", feed: LiveFeed) -> None:
    there_before = await house.come("ann")
    began_at = house.hub.now()
    came_meanwhile = await house.come("bob")
    feed.catch_up(began_at)
    assert await came_meanwhile.frame() == {"type": "reload"}
    assert await there_before.is_quiet()


async def test_who_joins_again_during_a_broadcast_is_told_to_look_again(house: "House", feed: LiveFeed) -> None:
    first = await house.come("ann")
    began_at = house.hub.now()
    second = await house.come("ann")
    feed.catch_up(began_at)
    assert await second.frame() == {"type": "reload"}
    assert await first.is_quiet()


async def test_who_is_there_counts_as_listening(house: "House", feed: LiveFeed) -> None:
    client = await house.come("ann")
    assert [feed.listening(user) for user in ("ann", "bob")] == [True, False]
    await client.socket.close()
    async with asyncio.timeout(30):
        while feed.listening("ann"):
            await asyncio.sleep(0)
