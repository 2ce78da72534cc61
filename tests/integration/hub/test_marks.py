"""What a person does with notifications on one device shows on all of them."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.hub.conftest import House


@pytest.mark.parametrize(
    ("kind", "unread", "set_fields"),
    [
        ("mark_as_read", 1, {"read_at", "seen_at"}),
        ("mark_as_seen", 2, {"seen_at"}),
        ("archive", 1, {"read_at", "seen_at", "archived_at"}),
    ],
)
async def test_a_mark_shows_on_every_device(house: "House", kind: str, unread: int, set_fields: set[str]) -> None:
    await house.tell("ann", 2)
    phone, laptop, stranger = await house.come("ann"), await house.come("ann"), await house.come("bob")
    await phone.send(type=kind, id=1)
    for client in (phone, laptop):
        update, count = await client.frames(2)
        assert (update.pop("type"), update.pop("id")) == ("notification_update", 1)
        assert {name for name, at in update.items() if at is not None} == set_fields
        assert update.keys() == {"read_at", "seen_at", "archived_at"}
        assert count["unread_count"] == unread
    assert await stranger.is_quiet()


@pytest.mark.parametrize(
    ("kind", "undone", "field"),
    [("mark_as_read", "mark_as_unread", "read_at"), ("archive", "unarchive", "archived_at")],
)
async def test_a_mark_can_be_undone(house: "House", kind: str, undone: str, field: str) -> None:
    await house.tell("ann")
    client = await house.come("ann")
    await client.send(type=kind, id=1)
    assert (await client.frames(2))[0][field] is not None
    await client.send(type=undone, id=1)
    assert (await client.frames(2))[0][field] is None


async def test_many_are_marked_at_once_and_those_that_are_not_there_are_named(house: "House") -> None:
    await house.tell("ann", 3)
    await house.tell("bob")
    client = await house.come("ann")
    await client.send(type="mark_as_read", ids=[3, 1, 4, 99])
    *updates, count, error = await client.frames(4)
    assert [update["id"] for update in updates] == [1, 3]
    assert count["unread_count"] == 1
    assert (error["code"], error["message"]) == ("not_found", "there are no notifications 4, 99")
    assert (await house.inbox.summary("bob")).unread_count == 1


async def test_what_is_deleted_goes_from_every_screen_and_comes_in_no_replay(house: "House") -> None:
    await house.tell("ann", 3)
    phone, laptop = await house.come("ann"), await house.come("ann")
    await phone.send(type="mark_as_read", id=2)
    for client in (phone, laptop):
        await client.frames(2)
    await phone.send(type="delete", ids=[1, 2])
    for client in (phone, laptop):
        frames = await client.frames(3)
        assert frames[:2] == [
            {"type": "notification_withdrawn", "id": 1, "unread": True},
            {"type": "notification_withdrawn", "id": 2, "unread": False},
        ]
        assert frames[2]["unread_count"] == 1
    assert await (await house.come("ann", after=0)).ids(1) == [3]


async def test_all_can_be_marked_as_seen(house: "House") -> None:
    await house.tell("ann", 2)
    client = await house.come("ann")
    await client.send(type="mark_all_as_seen")
    update, count = await client.frames(2)
    assert update == {"type": "notification_update", "up_to": 2, "seen_at": update["seen_at"]}
    assert count["unread_count"] == 2


@pytest.mark.parametrize("kind", ["mark_as_read", "mark_as_unread", "mark_as_seen", "archive", "unarchive", "delete"])
async def test_a_strangers_notification_cannot_be_marked_and_is_not_told_from_none(house: "House", kind: str) -> None:
    await house.tell("bob")
    bob, ann = await house.come("bob"), await house.come("ann")
    answers: list[dict[str, Any]] = []
    for number in (1, 999):
        await ann.send(type=kind, id=number)
        answers.append(await ann.frame())
    assert {answer["code"] for answer in answers} == {"not_found"}
    assert answers[0]["message"].replace(" 1", " 999") == answers[1]["message"]
    assert await bob.is_quiet()
