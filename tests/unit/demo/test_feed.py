import asyncio
from decimal import Decimal

import pytest

from demo.arrival import Arrival, order_in, order_of
from demo.feed import SLOWEST_READER, Event, Feed
from demo.shop import Order, Written

ORDER = Order(1042, "A-1042", 1, 1, None, "ready", Decimal("24.50"))
WRITTEN = Written(ORDER, "UPDATE orders SET status = 'ready' WHERE id = 1042", sent_at=100.0)


def push(at: float = 100.038, user_id: str = "1", event: str | None = "order.ready") -> Arrival:
    return Arrival("webpush", user_id, "1042", event, "Ready", "Your order is ready.", at, notification_id=7)


@pytest.fixture
def feed() -> Feed:
    feed = Feed()
    feed.shown_to = frozenset({"1"})
    return feed


def arrivals(feed: Feed) -> list[Event]:
    return [event for event in feed.history if event["kind"] == "arrival"]


async def test_an_arrival_says_how_long_after_its_statement_it_came(feed: Feed) -> None:
    feed.wrote(WRITTEN)
    feed.arrived(push())
    assert [event["ms"] for event in arrivals(feed)] == [38]


async def test_a_text_which_has_no_event_is_measured_from_its_orders_last_statement(feed: Feed) -> None:
    feed.wrote(WRITTEN)
    feed.arrived(Arrival("sms", "1", "1042", None, "", "Order A-1042 is ready.", at=100.05))
    assert [event["ms"] for event in arrivals(feed)] == [50]


async def test_a_message_that_outran_its_commits_answer_is_measured_all_the_same(feed: Feed) -> None:
    with feed.listening() as events:
        feed.arrived(push())
        feed.wrote(WRITTEN)
        assert [(await anext(events))["kind"], (await anext(events))["kind"]] == ["written", "arrival"]
    assert [event["ms"] for event in arrivals(feed)] == [38]


async def test_a_message_about_a_statement_that_someone_else_ran_has_no_duration(feed: Feed) -> None:
    with feed.listening() as events:
        feed.arrived(push())
        assert (await anext(events))["ms"] is None


async def test_what_people_off_stage_receive_is_only_counted(feed: Feed) -> None:
    feed.wrote(WRITTEN)
    feed.arrived(push(user_id="77"))
    assert not arrivals(feed)
    assert feed.totals()["received"] == {"email": 0, "sms": 0, "webpush": 1, "websocket": 0}


async def test_a_mail_can_be_opened_by_the_number_that_its_event_carries(feed: Feed) -> None:
    feed.wrote(WRITTEN)
    feed.arrived(Arrival("email", "1", "1042", "order.ready", "Ready", "", 100.1, html="<p>Ready</p>"))
    number = arrivals(feed)[0]["mail"]
    assert isinstance(number, int)
    assert feed.mail(number) == "<p>Ready</p>"


async def test_a_page_that_does_not_read_is_cut_off(feed: Feed) -> None:
    feed.wrote(WRITTEN)
    with feed.listening() as events:
        for _ in range(SLOWEST_READER + 1):
            feed.arrived(push())
        async with asyncio.timeout(30):
            # It ends: the browser connects anew and is told everything again.
            assert len([event async for event in events]) <= SLOWEST_READER


def test_the_orders_number_is_found_in_what_people_read() -> None:
    assert order_in("Order A-1042 is ready, we are looking for a driver.") == "1042"
    assert order_in("Your code is 123") == ""
    assert order_of("order:1042") == "1042"
