"""Several daemons over one database: what one tells, the others show; and what is lost on the way is found."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from dispatchers.websocket import Location, Mark, Status
from dispatchers.websocket.broker import Envelope
from dispatchers.websocket.redis_broker import RedisBroker
from tests.redis import RedisServer, redis_server

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Board, Build, Client, Doors, House

HEARTBEAT_SECONDS = 0.2
CHANNEL = "orderbell:hub:0:test"
Until = Callable[[Callable[[], bool]], Awaitable[None]]


PATIENT_SECONDS = 60.0
"""Without a heartbeat: a machine that stands still for a moment makes no gaps that a test knows nothing of."""


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


Join = Callable[["House"], Awaitable[RedisBroker]]


@pytest.fixture
async def join(redis: RedisServer, monkeypatch: pytest.MonkeyPatch, until: Until) -> AsyncIterator[Join]:
    """Makes a house one of several."""
    monkeypatch.setattr("dispatchers.websocket.catchup.MARGIN_SECONDS", 0.0)
    monkeypatch.setattr("dispatchers.websocket.catchup.QUIET_SECONDS", HEARTBEAT_SECONDS)
    async with AsyncExitStack() as stack:

        async def join(house: "House") -> RedisBroker:
            broker = RedisBroker(
                redis.url,
                receive=house.hub.receive,
                on_gap=house.hub.catch_up,
                channel=CHANNEL,
                heartbeat_seconds=HEARTBEAT_SECONDS,
            )
            broker._silent_seconds = PATIENT_SECONDS
            house.hub.outward = broker.publish
            await house.hub.catching_up.note()
            await broker.start()
            stack.push_async_callback(broker.stop)
            await until(broker.subscribed.is_set)
            return broker

        yield join


@pytest.fixture
async def nodes(build: "Build", join: Join, doors: "Doors", board: "Board") -> tuple["House", "House"]:
    doors.people["order:1"] = {"ann": False, "dan": True}
    here, there = [await build(messages_per_second=1000, rooms=doors, bulletins=board) for _ in range(2)]
    for house in (here, there):
        await join(house)
    return here, there


async def tell(house: "House", others: "House", user_id: str = "ann", count: int = 1) -> list[int]:
    """As the planner of ``house``; ids go on from what the other has planned."""
    house.last_id = others.last_id = max(house.last_id, others.last_id)
    ids = await house.tell(user_id, count)
    others.last_id = house.last_id
    return ids


async def settled(client: "Client") -> list[str]:
    """The types of what was on its way."""
    types = []
    await client.send(type="ping")
    while (frame := await client.frame())["type"] != "pong":
        types.append(frame["type"])
    return types


async def test_a_person_at_one_daemon_gets_what_another_planned_once_and_in_order(
    nodes: tuple["House", "House"],
) -> None:
    here, there = nodes
    near, far, stranger = await here.come("ann"), await there.come("ann"), await there.come("bob")
    ids = [number for _ in range(20) for number in await tell(here, there, count=25)]
    assert await far.ids(500) == await near.ids(500) == ids
    await there.hub.reading.mark("ann", ids[:1], Mark.READ)
    for client in (near, far):
        assert [frame["type"] for frame in await client.frames(2)] == ["notification_update", "unread_count"]
        assert await client.is_quiet()
    assert await stranger.is_quiet()


async def test_rooms_reach_the_other_daemon(
    nodes: tuple["House", "House"], status: Callable[..., Status], place: Callable[..., Location]
) -> None:
    here, there = nodes
    ann, eve = await there.come("ann"), await there.come("eve")
    assert (await ann.subscribe())["type"] == "subscribed"
    here.hub.status(status())
    here.hub.locate(place())
    types = sorted([frame["type"] for frame in await ann.frames(2)])
    assert types == ["location_update", "order_status_update"]
    assert await eve.is_quiet()
    late = await there.come("ann")
    assert (await late.subscribe())["location"]["lat"] == 52.5


async def test_of_a_broadcast_the_others_are_only_told_and_read_it_for_themselves(
    nodes: tuple["House", "House"],
) -> None:
    here, there = nodes
    ann, bob = await there.come("ann"), await there.come("bob")
    await there.hub.catching_up.note()
    began = here.hub.now()
    await here.store("ann", 3)  # written, and not sent: nobody of them was connected where it was planned
    here.hub.tell_of_many(began)
    assert await ann.ids(3) == [1, 2, 3]
    assert await bob.is_quiet()


async def test_what_is_told_while_redis_is_away_comes_when_it_is_back(
    nodes: tuple["House", "House"], redis: RedisServer
) -> None:
    here, there = nodes
    near, far = await here.come("ann"), await there.come("ann")
    first = await tell(here, there)
    assert await far.ids(1) == first
    await here.hub.catching_up.note()
    await there.hub.catching_up.note()
    await redis.kill()
    missed = [number for _ in range(5) for number in await tell(here, there, count=10)]
    assert await near.ids(51) == first + missed
    await redis.start()
    later = await tell(here, there)
    assert await far.ids(51) == missed + later
    assert await near.ids(1) == later


async def test_what_is_lost_for_good_while_redis_is_away_is_read_from_the_database(
    nodes: tuple["House", "House"],
    redis: RedisServer,
    doors: "Doors",
    status: Callable[..., Status],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = nodes
    far, bob = await there.come("ann"), await there.come("bob")
    await far.subscribe()
    first = await tell(here, there, count=2)
    assert await far.ids(2) == first
    await there.hub.catching_up.note()
    await redis.kill()
    with monkeypatch.context() as here_and_now:
        here_and_now.setattr("dispatchers.websocket.redis_broker.MOST_WAITING", 0)
        missed = await tell(here, there, count=10)
        await here.hub.reading.mark("ann", [first[0], missed[0]], Mark.READ)
        await here.hub.reading.mark("ann", [missed[1]], Mark.DELETED)
        doors.statuses["order:1"] = status("delivered")
        here.hub.status(doors.statuses["order:1"])
    await redis.start()
    # It may be read twice, once subscribed and once told of the loss: then all but notifications come twice.
    seen: dict[str, list[Any]] = {}
    while not seen.keys() >= {"order_status_update", "unread_count"}:
        frame = await far.frame()
        seen.setdefault(frame["type"], []).append(frame)
    assert [frame["id"] for frame in seen["new_notification"]] == [missed[0], *missed[2:]]
    assert seen["new_notification"][0]["notification"]["read_at"] is not None
    assert {frame["id"] for frame in seen["notification_update"]} == {first[0], missed[0]}
    assert {frame["id"] for frame in seen["notification_withdrawn"]} == {missed[1]}
    assert {frame["unread_count"] for frame in seen["unread_count"]} == {9}
    assert not await settled(bob)


async def test_nobody_is_left_behind_where_redis_dies_again_and_again(
    nodes: tuple["House", "House"], redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each applies what it is told, drops what it has by its id, and fetches the list where it is told to: an older one
    was found after a newer one was shown, which a busy machine brings about.
    """
    here, there = nodes
    monkeypatch.setattr("dispatchers.websocket.redis_broker.MOST_WAITING", 3)
    far = await there.come("ann", after=0)
    got: set[int] = set()
    for _ in range(4):
        await there.hub.catching_up.note()
        await tell(here, there, count=5)
        await redis.kill()
        for _ in range(8):
            await tell(here, there, count=2)
        await redis.start()
        await tell(here, there, count=5)
    while len(got) < here.last_id:
        frame = await far.frame()
        if frame["type"] == "reload":
            got |= {one.id for one in await there.inbox.replay("ann", 0, 1000)}
        elif frame["type"] != "unread_count":
            assert frame["type"] == "new_notification", frame
            got.add(frame["id"])
    assert got == set(range(1, here.last_id + 1))


async def test_more_than_can_be_read_again_means_to_reload(
    nodes: tuple["House", "House"], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = nodes
    far, bob = await there.come("ann"), await there.come("bob")
    monkeypatch.setattr("dispatchers.websocket.catchup.MOST_MISSED", 3)
    there.hub.outbox.hold()  # what comes over Redis
    await tell(here, there, count=4)
    there.hub.catch_up(0)
    for client in (far, bob):
        assert await client.frame() == {"type": "reload"}
    there.hub.outbox.go_on()
    assert await far.ids(4) == [1, 2, 3, 4]


async def test_while_the_database_is_away_a_gap_means_to_reload(
    nodes: tuple["House", "House"], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ConnectionError("gone")

    here, there = nodes
    far = await there.come("ann")
    monkeypatch.setattr(there.inbox, "missed", away)
    there.hub.catch_up(0)
    assert await far.frame() == {"type": "reload"}
    ids = await tell(here, there)
    assert await far.ids(1) == ids


async def test_before_the_first_note_a_gap_means_to_reload_only_for_who_was_there(
    nodes: tuple["House", "House"],
) -> None:
    _, there = nodes
    far = await there.come("ann")
    there.hub.catching_up._notes.clear()
    there.hub.catch_up(0)
    assert await far.frame() == {"type": "reload"}


async def test_what_comes_while_a_gap_is_read_comes_after_it(
    nodes: tuple["House", "House"], monkeypatch: pytest.MonkeyPatch
) -> None:
    # While it is held, this test does things of its own.
    monkeypatch.setattr("dispatchers.websocket.catchup.HOLD_SECONDS", 3600.0)
    monkeypatch.setattr("dispatchers.websocket.turns.QUERY_SECONDS", 3600.0)
    here, there = nodes
    far = await there.come("ann")
    await there.hub.catching_up.note()
    missed = there.inbox.missed
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*args: object) -> object:
        found = await missed(*args)  # type: ignore[arg-type]
        reading.set()
        await go_on.wait()
        return found

    here.hub.outward = None
    lost = await tell(here, there, count=3)
    monkeypatch.setattr(there.inbox, "missed", slow)
    there.hub.catch_up(0)
    await reading.wait()
    later = asyncio.create_task(tell(there, here, count=2))
    assert await far.is_quiet()
    go_on.set()
    assert await far.ids(5) == lost + await later
    assert await far.is_quiet()


class Ear:
    """What one broker hands over."""

    def __init__(self, redis: RedisServer) -> None:
        self.heard: list[object] = []
        self.gaps: list[float] = []
        self.broker = RedisBroker(
            redis.url,
            receive=lambda envelope: self.heard.append(envelope.content),
            on_gap=self.gaps.append,
            channel=CHANNEL,
            heartbeat_seconds=HEARTBEAT_SECONDS,
        )
        self.silent_seconds, self.broker._silent_seconds = self.broker._silent_seconds, PATIENT_SECONDS
        """After which the broker itself takes others for gone."""


@pytest.fixture
async def ears(redis: RedisServer, until: Until) -> AsyncIterator[list[Ear]]:
    made = [Ear(redis) for _ in range(2)]
    for ear in made:
        await ear.broker.start()
        await until(ear.broker.subscribed.is_set)
    yield made
    for ear in made:
        await ear.broker.stop()


async def test_one_hears_the_other_and_not_itself(ears: list[Ear], status: Callable[..., Status], until: Until) -> None:
    mouth, ear = ears
    said = [status(str(number)) for number in range(3000)]
    for each in said:
        mouth.broker.publish(Envelope(each))
    await until(lambda: len(ear.heard) == 3000)
    assert ear.heard == said
    assert mouth.heard == []
    assert len(ear.gaps) == len(mouth.gaps) == 1  # once subscribed


async def test_a_jump_of_the_number_is_a_gap_and_a_lost_last_message_is_noticed(
    ears: list[Ear], status: Callable[..., Status], until: Until
) -> None:
    mouth, ear = ears
    mouth.broker.publish(Envelope(status()))
    await until(lambda: len(ear.heard) == 1)
    mouth.broker._sequence += 1  # one is lost; the next heartbeat says so
    await until(lambda: len(ear.gaps) == 2)
    mouth.broker.publish(Envelope(status()))
    await until(lambda: len(ear.heard) == 2)
    assert len(ear.gaps) == 2


async def test_what_is_sent_twice_is_heard_once(ears: list[Ear], status: Callable[..., Status], until: Until) -> None:
    mouth, ear = ears
    mouth.broker.publish(Envelope(status()))
    await until(lambda: len(ear.heard) == 1)
    mouth.broker._sequence -= 1
    mouth.broker.publish(Envelope(status("again")))
    await until(mouth.broker._sent.is_set)
    mouth.broker.publish(Envelope(status("new")))
    await until(lambda: len(ear.heard) == 2)
    assert [content.status for content in ear.heard if isinstance(content, Status)] == ["ready", "new"]
    assert len(ear.gaps) == 1


async def test_a_daemon_that_falls_silent_is_a_gap(ears: list[Ear], until: Until) -> None:
    mouth, ear = ears
    await until(lambda: mouth.broker.node in ear.broker._nodes)
    ear.broker._silent_seconds = ear.silent_seconds
    await mouth.broker.stop()
    await until(lambda: len(ear.gaps) >= 2)
    assert ear.gaps[1] > 2 * HEARTBEAT_SECONDS


async def test_what_overflows_is_told_and_never_waits_or_raises(
    ears: list[Ear], status: Callable[..., Status], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    mouth, ear = ears
    await until(lambda: mouth.broker.node in ear.broker._nodes)
    monkeypatch.setattr("dispatchers.websocket.redis_broker.MOST_WAITING", 10)
    for number in range(1000):
        mouth.broker.publish(Envelope(status(str(number))))
    await until(lambda: len(ear.heard) == 10)
    assert [content.status for content in ear.heard if isinstance(content, Status)][-1] == "999"
    assert len(ear.gaps) == 2
    monkeypatch.undo()
    monkeypatch.setattr("dispatchers.websocket.redis_broker.MOST_WAITING_BYTES", 0)
    mouth.broker.publish(Envelope(status("too long")))
    await until(lambda: len(ear.gaps) == 3)
    assert mouth.broker._waiting_bytes == 0


async def test_a_redis_that_hangs_is_noticed(
    ears: list[Ear], redis: RedisServer, status: Callable[..., Status], until: Until
) -> None:
    mouth, ear = ears
    ear.broker._silent_seconds = ear.silent_seconds
    redis.pause(on=True)
    await until(lambda: not ear.broker.subscribed.is_set())
    ear.broker._silent_seconds = PATIENT_SECONDS
    mouth.broker.publish(Envelope(status()))
    redis.pause(on=False)
    # That the other has fallen silent may be a gap before: only who has subscribed again hears what is said now.
    await until(ear.broker.subscribed.is_set)
    assert len(ear.gaps) >= 2
    mouth.broker.publish(Envelope(status("new")))
    await until(lambda: [c.status for c in ear.heard if isinstance(c, Status)][-1:] == ["new"])


async def test_what_cannot_be_read_is_a_gap_and_no_crash(
    ears: list[Ear], redis: RedisServer, status: Callable[..., Status], until: Until
) -> None:
    mouth, ear = ears
    for number, garbage in enumerate([b"", b"x", b"\x02" + b"x" * 50, b"\x01" + b"\0" * 28 + b"\x00\x01\xff"], start=2):
        await mouth.broker._redis.publish(CHANNEL, garbage)
        await until(lambda expected=number: len(ear.gaps) == expected)  # type: ignore[misc]
    mouth.broker.publish(Envelope(status()))
    await until(lambda: len(ear.heard) == 1)


async def test_a_receiver_that_fails_loses_one_envelope_and_no_more(
    ears: list[Ear], status: Callable[..., Status], until: Until
) -> None:
    mouth, ear = ears
    heard: list[object] = []

    def receive(envelope: Envelope) -> None:
        heard.append(envelope.content)
        if len(heard) == 1:
            raise RuntimeError

    ear.broker._receive = receive
    for _ in range(2):
        mouth.broker.publish(Envelope(status()))
    await until(lambda: len(heard) == 2)


async def test_a_daemon_starts_without_redis_and_finds_it_later(
    redis: RedisServer, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatchers.websocket.redis_broker.TIMEOUT_SECONDS", 0.3)
    await redis.kill()
    ear = Ear(redis)
    await ear.broker.start()
    assert ear.gaps == []
    await redis.start()
    await until(lambda: len(ear.gaps) >= 1)
    await ear.broker.stop()
