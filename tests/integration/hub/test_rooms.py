"""Rooms: only for those whose order it is, from the moment it is theirs to the moment it is not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from dispatchers.websocket import Location, Status
from dispatchers.websocket.broker import Envelope

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Build, Client, Doors, House

Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
async def shop(build: "Build", doors: "Doors") -> "House":
    doors.people["order:1"] = {"ann": False, "dan": True}
    return await build(messages_per_second=1000, rooms=doors)


async def inside(shop: "House", user_id: str = "ann") -> "Client":
    client = await shop.come(user_id)
    assert (await client.subscribe())["type"] == "subscribed"
    return client


async def test_who_may_be_there_is_told_the_status_and_each_later_one(
    shop: "House", doors: "Doors", status: Callable[..., Status]
) -> None:
    doors.statuses["order:1"] = status("preparing")
    ann = await shop.come("ann")
    answer = await ann.subscribe()
    assert (answer["room"], answer["status"]["status"], answer["location"]) == ("order:1", "preparing", None)
    shop.hub.status(status("ready"))
    update = await ann.frame()
    assert (update["type"], update["event"], update["status"]) == ("order_status_update", "order.ready", "ready")


async def test_a_stranger_is_told_the_same_as_where_there_is_no_room_and_sees_nothing(
    shop: "House", status: Callable[..., Status], place: Callable[..., Location]
) -> None:
    eve = await shop.come("eve")
    answers = [await eve.subscribe(), await eve.subscribe("order:2")]
    assert [answer["code"] for answer in answers] == ["not_found", "not_found"]
    assert answers[0]["message"].replace("order:1", "order:2") == answers[1]["message"]
    shop.hub.status(status())
    shop.hub.locate(place())
    assert await eve.is_quiet()
    assert len(shop.hub.live_rooms) == 0


async def test_where_there_are_no_rooms_none_is_found(house: "House") -> None:
    ann = await house.come("ann")
    assert (await ann.subscribe())["code"] == "not_found"
    await ann.send(type="location", room="order:1", lat=1, lng=2)
    assert (await ann.frame())["code"] == "not_found"
    await ann.send(type="unsubscribe", room="order:1")
    assert await ann.frame() == {"type": "unsubscribed", "room": "order:1"}


async def test_what_happens_while_the_question_is_asked_comes_after_the_answer(
    shop: "House", doors: "Doors", status: Callable[..., Status], place: Callable[..., Location], until: Until
) -> None:
    doors.statuses["order:1"] = status("preparing")
    doors.gate.clear()
    ann, eve = await shop.come("ann"), await shop.come("eve")
    for client in (ann, eve):
        await client.send(type="subscribe", room="order:1")
    await until(lambda: doors.asked == 2)
    shop.hub.status(status("ready"))
    shop.hub.locate(place())
    doors.gate.set()
    types = [frame["type"] for frame in await ann.frames(3)]
    assert types == ["subscribed", "order_status_update", "location_update"]
    assert (await eve.frame())["code"] == "not_found"
    assert await eve.is_quiet()


async def test_of_much_that_happens_meanwhile_the_newest_is_kept(
    shop: "House", doors: "Doors", place: Callable[..., Location], until: Until
) -> None:
    doors.gate.clear()
    ann = await shop.come("ann")
    await ann.send(type="subscribe", room="order:1")
    await until(lambda: doors.asked == 1)
    for number in range(500):
        shop.hub.locate(place(number / 10))
    doors.gate.set()
    assert (await ann.frame())["location"]["lat"] == 49.9
    assert [frame["lat"] for frame in await ann.frames(100)] == [number / 10 for number in range(400, 500)]


async def test_a_driver_says_where_they_are_and_who_comes_later_sees_the_latest(shop: "House") -> None:
    dan, ann = await inside(shop, "dan"), await inside(shop)
    await dan.send(type="location", room="order:1", lat=52.5, lng=13.4, heading=90, speed=5.5, accuracy=10)
    for client in (dan, ann):
        seen = await client.frame()
        del seen["at"]
        assert seen == {
            "type": "location_update",
            "room": "order:1",
            "lat": 52.5,
            "lng": 13.4,
            "heading": 90.0,
            "speed": 5.5,
            "accuracy": 10.0,
        }
    late = await shop.come("ann")
    assert (await late.subscribe())["location"]["lat"] == 52.5


async def test_only_who_drives_may_say_where_they_are_and_only_in_their_room(shop: "House", doors: "Doors") -> None:
    doors.people["order:2"] = {"ann": False}
    dan, ann, eve = await inside(shop, "dan"), await inside(shop), await shop.come("eve")
    await ann.subscribe("order:2")
    for client, room in ((ann, "order:1"), (eve, "order:1"), (dan, "order:2"), (dan, "order:3")):
        await client.send(type="location", room=room, lat=1, lng=2)
        assert (await client.frame())["code"] == "not_found"
    for client in (dan, ann, eve):
        assert await client.is_quiet()


async def test_a_location_is_forgotten_after_a_time(
    build: "Build", doors: "Doors", place: Callable[..., Location], until: Until
) -> None:
    doors.people["order:1"] = {"ann": False}
    shop = await build(rooms=doors, location_seconds=0.05)
    shop.hub.locate(place())
    await until(lambda: shop.hub.live_rooms.location("order:1") is None)
    assert (await (await shop.come("ann")).subscribe())["location"] is None
    shop.hub.locate(place(room="order:2"))
    assert list(shop.hub.live_rooms._locations) == ["order:2"]


async def test_only_so_many_locations_are_kept(
    shop: "House", place: Callable[..., Location], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatchers.websocket.rooms.MOST_LOCATIONS", 3)
    for number in (1, 2, 3, 1, 4):
        shop.hub.locate(place(room=f"order:{number}"))
    assert list(shop.hub.live_rooms._locations) == ["order:3", "order:1", "order:4"]


async def test_a_driver_who_was_replaced_leaves_with_the_next_status(
    shop: "House", doors: "Doors", status: Callable[..., Status], place: Callable[..., Location]
) -> None:
    dan, ann = await inside(shop, "dan"), await inside(shop)
    doors.people["order:1"] = {"ann": False, "eve": True}
    shop.hub.status(status("assigned"))
    shop.hub.locate(place())
    assert (await dan.frame())["type"] == "order_status_update"
    assert await dan.frame() == {"type": "unsubscribed", "room": "order:1", "reason": "not_admitted"}
    assert await dan.is_quiet()
    assert [frame["type"] for frame in await ann.frames(2)] == ["order_status_update", "location_update"]
    await dan.send(type="location", room="order:1", lat=1, lng=2)
    assert (await dan.frame())["code"] == "not_found"
    assert await ann.is_quiet()


async def test_who_joins_after_a_status_is_not_shown_where_the_last_driver_was(
    shop: "House", doors: "Doors", status: Callable[..., Status], place: Callable[..., Location]
) -> None:
    shop.hub.locate(place())
    shop.hub.status(status("assigned"))
    assert (await (await shop.come("ann")).subscribe())["location"] is None
    # The status may have been told before this daemon was there, or comes later over Redis.
    shop.hub.locate(place())
    doors.statuses["order:1"] = status("assigned")
    assert (await (await shop.come("ann")).subscribe())["location"] is None
    shop.hub.locate(place())
    assert (await (await shop.come("ann")).subscribe())["location"] is not None


def make_old(shop: "House", seconds: float = 20) -> None:
    """Every admission to the room is so old."""
    for member in shop.hub.live_rooms._rooms["order:1"].members.values():
        member.asked_at -= seconds


async def test_who_says_where_they_are_is_asked_for_again_after_ten_seconds_and_everybody_with_them(
    shop: "House", doors: "Doors"
) -> None:
    shop.stop_time()
    dan, ann = await inside(shop, "dan"), await inside(shop)
    asked = doors.asked
    make_old(shop, 9)
    await dan.send(type="location", room="order:1", lat=1, lng=2)
    assert [(await client.frame())["lat"] for client in (dan, ann)] == [1, 1]
    assert doors.asked == asked
    make_old(shop, 1)
    for lat in range(5):
        await dan.send(type="location", room="order:1", lat=lat, lng=2)
    assert [frame["lat"] for frame in await ann.frames(5)] == list(range(5))
    assert doors.asked == asked + 1
    make_old(shop, 10)
    del doors.people["order:1"]["dan"]
    await dan.send(type="location", room="order:1", lat=9, lng=9)
    assert [frame["type"] for frame in await dan.frames(7)][5:] == ["unsubscribed", "error"]
    assert await ann.is_quiet()


async def test_many_who_say_where_they_are_wait_for_one_question(shop: "House", doors: "Doors", until: Until) -> None:
    shop.stop_time()
    devices = [await inside(shop, "dan") for _ in range(5)]
    make_old(shop, 10)
    asked = doors.asked
    doors.gate.clear()
    for device in devices:
        await device.send(type="location", room="order:1", lat=1, lng=2)
    await until(lambda: doors.asked == asked + 1)
    for device in devices:
        assert await device.is_quiet()
    assert doors.asked == asked + 1
    doors.gate.set()
    for device in devices:
        assert {frame["type"] for frame in await device.frames(5)} == {"location_update"}
    assert doors.asked <= asked + 2


async def test_while_whose_room_it_is_cannot_be_asked_no_location_is_taken(shop: "House", doors: "Doors") -> None:
    shop.stop_time()
    dan, ann = await inside(shop, "dan"), await inside(shop)
    make_old(shop)
    doors.away = True
    asked = doors.asked
    for _ in range(3):
        await dan.send(type="location", room="order:1", lat=1, lng=2)
        answer = await dan.frame()
        assert (answer["code"], answer["room"]) == ("unavailable", "order:1")
    assert doors.asked == asked + 1
    assert await ann.is_quiet()


async def test_an_old_admission_is_asked_for_again_before_a_location_is_shown(
    shop: "House", doors: "Doors", place: Callable[..., Location]
) -> None:
    dan, ann = await inside(shop, "dan"), await inside(shop)
    del doors.people["order:1"]["dan"]
    make_old(shop)
    shop.hub.locate(place())
    assert (await ann.frame())["type"] == "location_update"
    assert (await dan.frame())["type"] == "unsubscribed"
    assert await dan.is_quiet()


async def test_a_replaced_driver_with_an_old_admission_does_not_mislead_the_customer(
    shop: "House", doors: "Doors"
) -> None:
    dan, ann = await inside(shop, "dan"), await inside(shop)
    del doors.people["order:1"]["dan"]
    make_old(shop)
    await dan.send(type="location", room="order:1", lat=1, lng=2)
    assert [frame["type"] for frame in await dan.frames(2)] == ["unsubscribed", "error"]
    assert await ann.is_quiet()


async def test_while_the_database_is_away_nobody_is_put_out_and_no_old_admission_shows_a_location(
    shop: "House",
    doors: "Doors",
    status: Callable[..., Status],
    place: Callable[..., Location],
    monkeypatch: pytest.MonkeyPatch,
    until: Until,
) -> None:
    monkeypatch.setattr("dispatchers.websocket.rooms.AGAIN_SECONDS", 0.0)
    ann = await inside(shop)
    doors.away = True
    shop.hub.status(status())
    assert (await ann.frame())["type"] == "order_status_update"
    shop.hub.locate(place(1.0))
    await until(lambda: doors.asked >= 2 and not shop.hub._tasks)
    assert await ann.is_quiet()
    doors.away = False
    shop.hub.locate(place(2.0))
    assert (await ann.frame())["lat"] == 2.0


async def test_an_answer_that_was_read_before_the_order_changed_hands_lets_nobody_in(
    shop: "House", doors: "Doors", status: Callable[..., Status], until: Until
) -> None:
    doors.gate.clear()
    dan = await shop.come("dan")
    await dan.send(type="subscribe", room="order:1")
    await until(lambda: doors.asked == 1)  # the answer is yes, and on its way
    first, doors.gate = doors.gate, asyncio.Event()
    doors.gate.set()
    doors.people["order:1"] = {"ann": False}
    shop.hub.status(status())
    await until(lambda: doors.asked == 2 and len(shop.hub.live_rooms) == 0)
    first.set()
    assert (await dan.frame())["code"] == "not_found"
    assert await dan.is_quiet()


async def test_who_leaves_is_told_and_sees_no_more(shop: "House", status: Callable[..., Status]) -> None:
    ann = await inside(shop)
    await ann.send(type="unsubscribe", room="order:1")
    assert await ann.frame() == {"type": "unsubscribed", "room": "order:1"}
    shop.hub.status(status())
    assert await ann.is_quiet()
    assert len(shop.hub.live_rooms) == 0


async def test_to_subscribe_again_is_answered_again_and_takes_no_second_place(
    build: "Build", doors: "Doors", status: Callable[..., Status]
) -> None:
    doors.people |= {"order:1": {"ann": False}, "order:2": {"ann": False}}
    shop = await build(rooms=doors, rooms_per_connection=1)
    ann = await shop.come("ann")
    assert [(await ann.subscribe())["type"] for _ in range(2)] == ["subscribed", "subscribed"]
    assert (await ann.subscribe("order:2"))["code"] == "too_many_rooms"
    shop.hub.status(status())
    assert (await ann.frame())["type"] == "order_status_update"
    assert await ann.is_quiet()
    await ann.send(type="unsubscribe", room="order:1")
    await ann.frame()
    assert (await ann.subscribe("order:2"))["type"] == "subscribed"


async def test_rooms_that_were_asked_for_in_vain_take_no_place(build: "Build", doors: "Doors") -> None:
    doors.people["order:1"] = {"ann": False}
    shop = await build(rooms=doors, rooms_per_connection=1, messages_per_second=1000)
    ann = await shop.come("ann")
    for number in range(2, 6):
        assert (await ann.subscribe(f"order:{number}"))["code"] == "not_found"
    doors.away = True
    assert (await ann.subscribe())["code"] == "unavailable"
    doors.away = False
    assert (await ann.subscribe())["type"] == "subscribed"


async def test_the_room_is_empty_once_its_members_are_gone(shop: "House", until: Until) -> None:
    ann, dan = await inside(shop), await inside(shop, "dan")
    await ann.socket.close()
    dan.socket.transport.abort()
    await until(lambda: len(shop.hub.live_rooms) == 0)


async def test_new_roles_are_asked_for_again(shop: "House", until: Until) -> None:
    staff = frozenset({"staff"})
    sue = await shop.come("sue", roles=staff)
    assert (await sue.subscribe())["type"] == "subscribed"
    await sue.send(type="renew", token=shop.tokens.mint("sue"))
    assert [frame["type"] for frame in await sue.frames(2)] == ["renewed", "unsubscribed"]


async def test_what_another_node_says_is_shown_and_not_sent_back(
    shop: "House", status: Callable[..., Status], place: Callable[..., Location]
) -> None:
    sent: list[Envelope] = []
    shop.hub.outward = sent.append
    ann = await inside(shop)
    shop.hub.receive(Envelope(status()))
    shop.hub.receive(Envelope(place()))
    assert [frame["type"] for frame in await ann.frames(2)] == ["order_status_update", "location_update"]
    assert sent == []
    shop.hub.status(status())
    shop.hub.locate(place())
    assert [type(envelope.content) for envelope in sent] == [Status, Location]
