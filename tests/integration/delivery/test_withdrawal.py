"""A device that shows an offer is told that it holds no longer: after the offer, once, and only where it was sent."""

import asyncio
from typing import Any

import pytest

from dispatchers.base import Delivery, Kind, Outcome, Sent, Unknown
from tests.integration.delivery.conftest import Channel, Queue, working


def offer(queue: Queue, **columns: Any) -> None:
    queue.put(**columns)


def take_back(queue: Queue) -> None:
    """As the planner does it where offer 1 was sent, or may be on its way."""
    queue.sql("UPDATE orderbell.notification SET withdrawn_at = now() WHERE id = 1")
    queue.sql("INSERT INTO orderbell.message VALUES (100, 1, 'customer', 'en', 'Taken', 'b', 't')")
    queue.sql(
        "INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state, due_at,"
        "       expires_at, user_id, subject, audience, kind, message_id)"
        " VALUES (100, 1, 'test', 'somewhere', '', 'en', 'pending', now(), now() + interval '1 h', 'u', 'order:1',"
        "         'customer', 'withdrawal', 100)"
    )


def newer(queue: Queue, **changes: str) -> None:
    """Another notification of the same order to the same person."""
    with queue.at_once():
        queue.put()
        for column, value in {"subject": "order:1", **changes}.items():
            for table in ("delivery", "notification"):
                queue.sql(f"UPDATE orderbell.{table} SET {column} = '{value}' WHERE id = 2")


def ended(queue: Queue) -> dict[int, str]:
    rows = queue.rows("SELECT id, coalesce(reason, state) AS what FROM orderbell.delivery_history")
    return {row["id"]: row["what"] for row in rows}


async def test_a_device_that_was_sent_the_offer_is_told(queue: Queue) -> None:
    offer(queue)
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: ended(queue) == {1: "sent"})
        take_back(queue)
        await queue.until(lambda: ended(queue) == {1: "sent", 100: "sent"})
    told = channel.sent[-1]
    assert (told.kind, told.title, told.subject) == (Kind.WITHDRAWAL, "Taken", "order:1")


async def test_what_takes_an_offer_back_waits_for_the_offer_in_flight(queue: Queue) -> None:
    await _in_flight(queue, other_node=False)


async def test_also_where_another_daemon_sends_the_offer(queue: Queue) -> None:
    await _in_flight(queue, other_node=True)


async def _in_flight(queue: Queue, *, other_node: bool) -> None:
    offer(queue)
    order: list[int] = []
    answered = asyncio.Event()
    one, two = Channel(), Channel()

    async def slow(delivery: Delivery) -> Outcome:
        if delivery.id == 1:
            await answered.wait()
        order.append(delivery.id)
        return Sent()

    one.answer = two.answer = slow
    async with working(queue.url, one, node="one"):
        await one.began.wait()
        take_back(queue)
        async with working(queue.url, two if other_node else Channel("unused"), node="two"):
            leased = "SELECT FROM orderbell.delivery WHERE id = 100 AND state = 'sending'"
            await queue.until(lambda: bool(queue.rows(leased)))
            answered.set()
            await queue.until(lambda: ended(queue) == {1: "sent", 100: "sent"})
    assert order == [1, 100]


async def test_a_device_that_was_never_sent_the_offer_is_told_nothing(queue: Queue) -> None:
    """It was leased when the offer was taken back, and seen to be over in the last look."""
    offer(queue)
    queue.sql("UPDATE orderbell.delivery SET state = 'sending', attempt = 1, leased_by = 'one'")
    take_back(queue)
    queue.sql("UPDATE orderbell.delivery SET state = 'pending', attempt = 0, leased_by = NULL WHERE id = 1")
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: ended(queue) == {1: "withdrawn", 100: "withdrawn"})
    assert channel.sent == []


async def test_a_device_that_may_have_been_sent_the_offer_is_told(queue: Queue) -> None:
    offer(queue)
    channel = Channel()

    async def unknown(delivery: Delivery) -> Outcome:
        return Unknown("no answer", provider="p") if delivery.id == 1 else Sent()

    channel.answer = unknown
    async with working(queue.url, channel):
        await queue.until(lambda: bool(channel.sent))
        take_back(queue)
        await queue.until(lambda: ended(queue).get(100) == "sent")


@pytest.mark.parametrize("audience", ["customer", "driver"])
async def test_a_device_that_shows_something_newer_of_the_same_order_is_left_alone(queue: Queue, audience: str) -> None:
    """The driver who took it: what takes the offer back would overwrite the assignment."""
    offer(queue)
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: ended(queue) == {1: "sent"})
        newer(queue, audience=audience)
        await queue.until(lambda: ended(queue).get(2) == "sent")
        take_back(queue)
        await queue.until(lambda: ended(queue).get(100) == "superseded")


async def test_also_while_the_newer_one_still_waits(queue: Queue) -> None:
    offer(queue)
    async with working(queue.url, Channel()):
        await queue.until(lambda: ended(queue) == {1: "sent"})
    newer(queue, audience="driver")
    take_back(queue)
    channel = Channel(concurrency=1)
    async with working(queue.url, channel):
        await queue.until(lambda: ended(queue) == {1: "sent", 2: "sent", 100: "superseded"})


async def test_something_newer_of_another_order_changes_nothing(queue: Queue) -> None:
    offer(queue)
    async with working(queue.url, Channel()):
        await queue.until(lambda: ended(queue) == {1: "sent"})
        queue.put()
        await queue.until(lambda: ended(queue).get(2) == "sent")
        take_back(queue)
        await queue.until(lambda: ended(queue).get(100) == "sent")


@pytest.mark.parametrize(
    "meanwhile",
    [
        "INSERT INTO orderbell.preference VALUES ('u', '', '', false)",
        "INSERT INTO orderbell.person (user_id, do_not_disturb) VALUES ('u', true)",
        "INSERT INTO orderbell.person (user_id, snoozed_until) VALUES ('u', now() + interval '1 h')",
        "UPDATE orderbell.notification SET read_at = now()",
    ],
)
async def test_what_is_wrong_is_taken_back_whatever_people_chose(queue: Queue, meanwhile: str) -> None:
    offer(queue)
    async with working(queue.url, Channel()):
        await queue.until(lambda: ended(queue) == {1: "sent"})
        queue.sql(meanwhile)
        take_back(queue)
        await queue.until(lambda: ended(queue).get(100) == "sent")
