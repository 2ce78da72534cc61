"""What a person's screens show, as it happens."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from dispatchers.base import Delivery, Sent
from dispatchers.websocket import frames
from dispatchers.websocket.connection import Connection

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Build, House


async def test_a_notification_appears_in_both_browsers_of_a_person_and_in_nobody_elses(
    house: "House",
) -> None:
    phone, laptop, stranger = await house.come("ann"), await house.come("ann"), await house.come("bob")
    [number] = await house.tell("ann")
    assert await phone.ids(1) == await laptop.ids(1) == [number]
    assert await stranger.is_quiet()


async def test_a_live_notification_is_the_same_json_as_in_the_rest_api(house: "House") -> None:
    client = await house.come("ann")
    await house.tell("ann")
    live = (await client.frame())["notification"]
    async with httpx.AsyncClient(base_url=house.server.url, timeout=30) as rest:
        headers = {"Authorization": f"Bearer {house.tokens.mint('ann')}"}
        listed = (await rest.get("/api/notifications", headers=headers)).json()["items"]
    assert listed == [live]


async def test_nobody_connected_is_no_failure(house: "House", make_delivery: Callable[..., Delivery]) -> None:
    outcomes = await house.hub.send([make_delivery("ann", 1), make_delivery("bob", 2)])
    assert [type(outcome) for outcome in outcomes] == [Sent, Sent]


async def test_each_notification_is_encoded_once_for_all_connections(
    house: "House", monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = [await house.come("ann") for _ in range(5)]
    made: list[frames.Outgoing] = []
    written: list[bytes] = []
    encode, write = frames.new_notification, Connection.write

    def encoding(notification: frames.Notification) -> frames.Outgoing:
        made.append(encode(notification))
        return made[-1]

    def writing(connection: Connection, frame: frames.Outgoing) -> bool:
        written.append(frame.data)
        return write(connection, frame)

    monkeypatch.setattr(frames, "new_notification", encoding)
    monkeypatch.setattr(Connection, "write", writing)
    await house.tell("ann")
    for client in clients:
        await client.ids(1)
    assert len(made) == 1
    assert len(written) == 5
    assert all(data is made[0].data for data in written)


async def test_a_payload_of_a_megabyte_arrives_whole(house: "House") -> None:
    client = await house.come("ann")
    body = "x" * 1_000_000
    await house.tell("ann", body=body)
    assert (await client.frame())["notification"]["body"] == body


async def test_a_large_batch_arrives_in_order_and_lets_the_loop_turn(house: "House") -> None:
    clients = [await house.come("ann") for _ in range(10)]
    deliveries = await house.store("ann", 300)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await house.hub.send(list(reversed(deliveries)))
    counting.cancel()
    assert turns >= 5  # 3,000 writes, 500 at a time
    for client in clients:
        assert await client.ids(300) == list(range(1, 301))


async def test_reading_on_the_phone_shows_on_the_laptop(house: "House") -> None:
    phone, laptop, stranger = await house.come("ann"), await house.come("ann"), await house.come("bob")
    first, second = await house.tell("ann", 2)
    await phone.ids(2)
    await laptop.ids(2)
    await phone.send(type="mark_as_read", id=first)
    for client in (phone, laptop):
        update, count = await client.frames(2)
        assert (update["type"], update["id"]) == ("notification_update", first)
        assert count == {"type": "unread_count", "unread_count": 1, "last_id": second}
    assert await stranger.is_quiet()


async def test_reading_over_rest_shows_on_every_screen(house: "House") -> None:
    client = await house.come("ann")
    first, second = await house.tell("ann", 2)
    await client.ids(2)
    async with httpx.AsyncClient(
        base_url=house.server.url, headers={"Authorization": f"Bearer {house.tokens.mint('ann')}"}, timeout=30
    ) as rest:
        answer = (await rest.post(f"/api/notifications/{first}/read")).json()
        update, count = await client.frames(2)
        assert update == {"type": "notification_update", **answer}
        assert count["unread_count"] == 1
        answer = (await rest.post("/api/notifications/mark-all-read")).json()
        update, count = await client.frames(2)
        assert update == {"type": "notification_update", "up_to": second, "read_at": answer["read_at"]}
        assert count["unread_count"] == 0


async def test_all_can_be_marked_as_read_and_counted(house: "House") -> None:
    client = await house.come("ann")
    await house.tell("ann", 3)
    await client.ids(3)
    await client.send(type="get_unread_count")
    assert await client.frame() == {"type": "unread_count", "unread_count": 3, "last_id": 3}
    await client.send(type="mark_all_as_read")
    update, count = await client.frames(2)
    assert update["up_to"] == 3
    assert count["unread_count"] == 0


async def test_a_strangers_notification_cannot_be_read_and_is_not_told_from_none(house: "House") -> None:
    await house.tell("bob")
    client = await house.come("ann")
    answers = []
    for number in (1, 999):
        await client.send(type="mark_as_read", id=number)
        answers.append(await client.frame())
    assert {answer["code"] for answer in answers} == {"not_found"}
    assert (await house.inbox.summary("bob")).unread_count == 1


async def test_commands_of_one_connection_are_answered_in_order(house: "House") -> None:
    client = await house.come("ann")
    await house.tell("ann")
    await client.ids(1)
    await client.send(type="mark_as_read", id=1)
    await client.send(type="get_unread_count")
    types = [frame["type"] for frame in await client.frames(3)]
    assert types == ["notification_update", "unread_count", "unread_count"]


async def test_a_database_that_is_away_is_said_and_not_a_crash(house: "House", monkeypatch: pytest.MonkeyPatch) -> None:
    client = await house.come("ann")

    async def away(*_: Any) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(house.inbox, "summary", away)
    await client.send(type="get_unread_count")
    assert (await client.frame())["code"] == "unavailable"
    newcomer = await house.open()
    await newcomer.send(type="hello", token=house.tokens.mint("ann"))
    assert (await newcomer.frame())["code"] == "unavailable"
    assert await newcomer.closed() == 1013
    assert await client.is_quiet()


async def test_the_oldest_connection_of_a_person_gives_way(build: "Build") -> None:
    house = await build(connections_per_person=2)
    oldest, second, third = [await house.come("ann") for _ in range(3)]
    assert await oldest.closed() == 4409
    await house.tell("ann")
    assert await second.ids(1) == await third.ids(1) == [1]
