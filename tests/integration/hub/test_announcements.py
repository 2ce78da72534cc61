"""What everybody is told, and who is there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY

from dispatchers.websocket import Announcement
from dispatchers.websocket.broker import Envelope

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Board, Build, House

Make = Callable[..., Announcement]


def frames_total() -> float:
    return REGISTRY.get_sample_value("orderbell_hub_frames_total") or 0.0


async def test_an_announcement_is_shown_to_everybody_who_is_welcome(house: "House", announcement: Make) -> None:
    clients = [await house.come("ann"), await house.come("ann"), await house.come("bob")]
    silent = await house.open()
    house.hub.announce(announcement(7), None)
    for client in clients:
        frame = await client.frame()
        assert (frame["type"], frame["announcement"]["id"]) == ("announcement", 7)
    house.hub.end_announcement(7)
    for client in clients:
        assert await client.frame() == {"type": "announcement", "id": 7, "ended": True}
    await silent.send(type="ping")
    assert (await silent.frame())["code"] == "hello_first"


async def test_announcements_of_one_moment_go_out_in_one_write(house: "House", announcement: Make) -> None:
    client = await house.come("ann")
    house.hub.count()
    before, writes = frames_total(), house.hub.written
    for number in range(3):
        house.hub.announce(announcement(number + 1), None)
    assert [(await client.frame())["announcement"]["id"] for _ in range(3)] == [1, 2, 3]
    assert house.hub.written - writes <= 1
    house.hub.count()
    assert frames_total() - before == 3


async def test_an_announcement_to_some_is_shown_to_nobody_else(house: "House", announcement: Make) -> None:
    ann, bob = await house.come("ann"), await house.come("bob")
    house.hub.announce(announcement(), {"ann", "nobody"})
    assert (await ann.frame())["type"] == "announcement"
    house.hub.announce(announcement(), [])
    assert await bob.is_quiet()
    assert await ann.is_quiet()


async def test_who_comes_later_is_shown_what_holds_after_what_was_missed(
    build: "Build", board: "Board", announcement: Make
) -> None:
    house = await build(bulletins=board)
    await house.tell("ann", 2)
    board.now = [announcement(1), announcement(2)]
    client = await house.come("ann", after=0)
    assert await client.ids(2) == [1, 2]
    assert [frame["announcement"]["id"] for frame in await client.frames(2)] == [1, 2]
    assert await client.is_quiet()


async def test_what_ends_while_one_comes_is_ended_on_the_screen(
    build: "Build", board: "Board", announcement: Make
) -> None:
    house = await build(bulletins=board)
    board.now = [announcement(1)]
    current, reading, go_on = board.current, asyncio.Event(), asyncio.Event()

    async def slow(user_id: str, roles: frozenset[str]) -> list[Announcement]:
        found = await current(user_id, roles)
        reading.set()
        await go_on.wait()
        return found

    board.current = slow  # type: ignore[method-assign]
    coming = asyncio.create_task(house.come("ann"))
    await reading.wait()
    house.hub.end_announcement(1)
    go_on.set()
    client = await coming
    shown, ended, _ = await client.frames(3)
    assert shown["announcement"]["id"] == 1
    assert ended == {"type": "announcement", "id": 1, "ended": True}


async def test_an_announcement_to_many_lets_the_loop_turn_and_keeps_its_place(
    house: "House", announcement: Make
) -> None:
    clients = [await house.come(f"person{number}", after=0) for number in range(30)]
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    for number in range(100):
        house.hub.announce(announcement(number + 1), None)
    deliveries = [one for number in range(30) for one in await house.store(f"person{number}")]
    await house.hub.send(deliveries)
    counting.cancel()
    assert turns >= 5
    for client in clients:
        frames = await client.frames(101)
        assert [frame["announcement"]["id"] for frame in frames[:100]] == list(range(1, 101))
        assert frames[100]["type"] == "new_notification"


async def test_each_daemon_shows_its_own_people_and_sends_nothing_to_the_others(
    house: "House", announcement: Make
) -> None:
    sent: list[Envelope] = []
    house.hub.outward = sent.append
    ann = await house.come("ann")
    house.hub.announce(announcement(1), None)
    house.hub.end_announcement(1)
    assert [frame["type"] for frame in await ann.frames(2)] == ["announcement", "announcement"]
    assert sent == []


async def test_presence_is_told_with_the_first_connection_and_after_the_last(
    house: "House", until: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    told: list[tuple[str, bool]] = []
    house.hub.on_presence = lambda user_id, present: told.append((user_id, present))
    phone, laptop, bob = await house.come("ann"), await house.come("ann"), await house.come("bob")
    await phone.socket.close()
    await until(lambda: house.hub.connections_of("ann") == 1)
    assert told == [("ann", True), ("bob", True)]
    laptop.socket.transport.abort()
    await until(lambda: len(told) == 3)
    assert told[2] == ("ann", False)
    assert await bob.is_quiet()


async def test_who_is_told_of_presence_and_fails_does_no_harm(house: "House") -> None:
    def fail(user_id: str, present: bool) -> None:  # noqa: FBT001
        raise RuntimeError

    house.hub.on_presence = fail
    assert await (await house.come("ann")).is_quiet()


async def test_announcements_that_wait_together_are_counted_one_by_one(house: "House", announcement: Make) -> None:
    clients = [await house.come("ann"), await house.come("bob")]
    house.hub.count()
    before = frames_total()
    house.hub.outbox.hold()
    for number in range(5):
        house.hub.announce(announcement(number + 1), None)
    house.hub.outbox.go_on()
    for client in clients:
        shown = await client.frames(5)
        assert [frame["announcement"]["id"] for frame in shown] == [1, 2, 3, 4, 5]
    assert frames_total() - before == 10
