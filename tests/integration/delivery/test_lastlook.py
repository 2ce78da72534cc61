"""Just before a delivery goes out, the live rows must still allow it: its step, its condition, night and person."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from config import Settings
from config.mapping import Watch
from config.quiet import QuietWindow
from config.rules import Rule
from daemon.delivery import lastlook
from daemon.delivery.lastlook import LastLook
from daemon.planning.policy import Policy
from daemon.policy import catalogue_of
from dispatchers.base import Delivery, Outcome, Retry, Sent
from tests.integration.delivery.conftest import Channel, Queue, working

CATALOGUE = catalogue_of(Settings())
WATCH = Watch(table="orders")


@pytest.fixture
def orders(queue: Queue) -> Queue:
    """A queue beside the application's table; the delivery to come is about order 1, and in its second step."""
    queue.sql("CREATE TABLE orders (id bigint PRIMARY KEY, total int)")
    queue.sql("INSERT INTO orders SELECT n, 50 FROM generate_series(1, 9) n")
    return queue


def look(online: bool = False, quiet: Any = (), urgent: bool = False, **step: Any) -> LastLook:  # noqa: FBT001, FBT002
    rule = Rule.model_validate(
        {
            "event": "order.ready",
            "audience": "customer",
            "priority": "urgent" if urgent else "normal",
            "steps": [{"channels": ["inbox", "test"]}, {"after": "1m", "channels": ["test"], **step}],
        }
    )
    policy = Policy.of([rule], CATALOGUE, ("test",), timedelta(days=1))
    return LastLook(
        rules={("order.ready", "customer"): rule},
        watches={"order": WATCH},
        policy=replace(policy, waiting=frozenset({"test"}), quiet=quiet),
        online=lambda _: online,
    )


def second_step(queue: Queue, count: int = 1, **columns: Any) -> None:
    queue.put(count, **columns)
    queue.sql("UPDATE orderbell.delivery SET step = 1")


async def outcome(queue: Queue, by: LastLook) -> dict[str, int]:
    """What becomes of everything that is due: counts by reason, or ``sent``."""
    async with working(queue.url, Channel(), last_look=by):
        await queue.until(lambda: not queue.rows("SELECT FROM orderbell.delivery"))
    rows = queue.rows("SELECT coalesce(reason, state) AS what, count(*) FROM orderbell.delivery_history GROUP BY 1")
    return {row["what"]: row["count"] for row in rows}


@pytest.mark.parametrize(
    ("unless", "done", "expected"),
    [
        ("read", "read_at = now()", "read"),
        ("read", "seen_at = now()", "sent"),
        ("seen", "seen_at = now()", "condition"),
        ("seen", "seen_at = NULL", "sent"),
    ],
)
async def test_a_step_is_not_taken_where_it_need_not_be(queue: Queue, unless: str, done: str, expected: str) -> None:
    second_step(queue)
    queue.sql(f"UPDATE orderbell.notification SET {done}")
    assert await outcome(queue, look(unless=unless)) == {expected: 1}


@pytest.mark.parametrize(("online", "expected"), [(True, "condition"), (False, "sent")])
async def test_who_is_online_is_not_told_twice(queue: Queue, online: bool, expected: str) -> None:  # noqa: FBT001
    second_step(queue)
    assert await outcome(queue, look(online=online, unless="online")) == {expected: 1}


async def test_the_first_step_is_not_judged_by_what_the_second_says(queue: Queue) -> None:
    queue.put()
    assert await outcome(queue, look(online=True, unless="online")) == {"sent": 1}


async def test_a_step_that_the_rule_no_longer_has_is_not_taken(queue: Queue) -> None:
    queue.put()
    queue.sql("UPDATE orderbell.delivery SET step = 7")
    assert await outcome(queue, look()) == {"condition": 1}


async def test_a_later_step_is_superseded_by_a_newer_status_on_whatever_channel(queue: Queue) -> None:
    """Nobody gets a text about what the inbox says is over."""
    second_step(queue)
    queue.sql(
        "INSERT INTO orderbell.notification (id, event_id, message_id, user_id, event, subject, audience, category,"
        " priority, created_at) SELECT id + 1, 2, message_id, user_id, 'order.delivered', subject, audience, 'order',"
        " 'normal', now() FROM orderbell.notification"
    )
    assert await outcome(queue, look()) == {"superseded": 1}


# --- conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meanwhile", "expected"),
    [
        ("UPDATE orders SET total = 500", "sent"),
        ("UPDATE orders SET total = 50", "condition"),
        ("UPDATE orders SET total = NULL", "condition"),
        ("DELETE FROM orders", "condition"),
    ],
)
async def test_a_condition_is_asked_of_the_row_as_it_is_now(orders: Queue, meanwhile: str, expected: str) -> None:
    second_step(orders)
    orders.sql(meanwhile)
    assert await outcome(orders, look(where="total > 100")) == {expected: 1}


async def test_a_condition_that_one_row_makes_fail_says_nothing_of_the_others(orders: Queue) -> None:
    second_step(orders, 3)
    orders.sql("UPDATE orders SET total = 0 WHERE id = 2")
    channel = Channel()
    async with working(orders.url, channel, last_look=look(where="100 / total > 1")):
        await orders.until(lambda: orders.finished() == {"sent": 2})
    assert [d.subject for d in channel.sent] == ["order:1", "order:3"]
    assert orders.rows("SELECT state, attempt FROM orderbell.delivery") == [{"state": "pending", "attempt": 0}]


async def test_a_condition_that_failed_is_asked_again_and_holds_when_the_row_is_mended(
    orders: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lastlook, "ASK_AGAIN", timedelta(milliseconds=50))
    second_step(orders)
    orders.sql("UPDATE orders SET total = 0")
    async with working(orders.url, Channel(), last_look=look(where="100 / total > 1")):
        await orders.until(lambda: bool(orders.rows("SELECT FROM orderbell.delivery WHERE error IS NOT NULL")))
        orders.sql("UPDATE orders SET total = 50")
        await orders.until(lambda: orders.finished() == {"sent": 1})
    (row,) = orders.rows("SELECT attempt FROM orderbell.delivery_history")
    assert row["attempt"] == 1, "what was not sent was no attempt"


async def test_a_condition_that_never_can_be_said_ends_as_expired(
    orders: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_step(orders, expires_in_seconds=0.5)
    assert await outcome(orders, look(where="no_such_column")) == {"expired": 1}


async def test_a_lock_of_the_applications_holds_up_nothing_but_what_asks_its_table(
    orders: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lastlook, "ASK_AGAIN", timedelta(milliseconds=50))
    second_step(orders)
    orders.put(50)
    channel = Channel()
    async with await psycopg.AsyncConnection.connect(orders.url) as migration:
        await migration.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        async with working(orders.url, channel, last_look=look(where="total = 50")):
            await orders.until(lambda: orders.finished() == {"sent": 50})
            await migration.rollback()
            await orders.until(lambda: orders.finished() == {"sent": 51})
    assert channel.sent[-1].subject == "order:1"


# --- the person -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (("order", "test", False), "preference"),
        (("", "test", False), "preference"),
        (("order", "", False), "preference"),
        (("", "", False), "preference"),
        (("payment", "test", False), "sent"),
        (("order", "test", True), "sent"),
    ],
)
async def test_a_preference_that_changed_meanwhile_counts(queue: Queue, choice: Any, expected: str) -> None:
    queue.put()
    category, channel, enabled = choice
    queue.sql(f"INSERT INTO orderbell.preference VALUES ('u', '{category}', '{channel}', {enabled})")
    assert await outcome(queue, look()) == {expected: 1}


async def test_what_is_critical_is_sent_whatever_was_chosen_meanwhile(queue: Queue) -> None:
    queue.put()
    queue.sql("INSERT INTO orderbell.preference VALUES ('u', '', '', false)")
    queue.sql("INSERT INTO orderbell.person (user_id, do_not_disturb) VALUES ('u', true)")
    queue.sql("UPDATE orderbell.notification SET critical = true")
    assert await outcome(queue, look()) == {"sent": 1}


async def test_who_wants_to_be_left_alone_since_is_left_alone(queue: Queue) -> None:
    queue.put()
    queue.sql("INSERT INTO orderbell.person (user_id, do_not_disturb) VALUES ('u', true)")
    assert await outcome(queue, look()) == {"preference": 1}


# --- the night --------------------------------------------------------------------------------------------------------

ALWAYS = (QuietWindow(start="00:00", end="12:00"), QuietWindow(start="12:00", end="24:00"))


async def parked(queue: Queue, by: LastLook, channel: Channel | None = None) -> dict[str, Any]:
    """The one delivery, once it waits for something."""
    async with working(queue.url, channel or Channel(), last_look=by):
        await queue.until(lambda: bool(queue.rows("SELECT FROM orderbell.delivery WHERE error = 'quiet hours'")))
    (row,) = queue.rows("SELECT attempt, state, due_at - now() AS waits FROM orderbell.delivery")
    return row


async def test_a_snooze_that_was_set_meanwhile_is_waited_for_and_costs_no_attempt(queue: Queue) -> None:
    queue.put()
    queue.sql("INSERT INTO orderbell.person (user_id, snoozed_until) VALUES ('u', now() + interval '20 min')")
    row = await parked(queue, look())
    assert (row["state"], row["attempt"]) == ("pending", 0)
    assert timedelta(minutes=19) < row["waits"] <= timedelta(minutes=20)


async def test_a_retry_that_falls_into_the_night_waits_for_its_end(queue: Queue) -> None:
    queue.put()
    channel = Channel()

    async def busy(_: Delivery) -> Outcome:
        queue.sql(
            "INSERT INTO orderbell.person (user_id, snoozed_until) VALUES ('u', now() + interval '20 min')"
            " ON CONFLICT DO NOTHING"
        )
        return Retry("busy")

    channel.answer = busy
    row = await parked(queue, look(), channel)
    assert len(channel.sent) == 1
    assert row["waits"] > timedelta(minutes=19)


async def test_windows_that_never_open_end_as_expired(queue: Queue) -> None:
    queue.put(expires_in_seconds=0.5)
    assert await outcome(queue, look(quiet=ALWAYS)) == {"expired": 1}


async def test_what_is_urgent_is_sent_at_night(queue: Queue) -> None:
    queue.put()
    queue.sql("UPDATE orderbell.notification SET priority = 'urgent'")
    assert await outcome(queue, look(quiet=ALWAYS)) == {"sent": 1}


@pytest.mark.parametrize("quiet", ["{}", '"night"', "null", '[{"start": "99:99"}]', "[" * 2000 + "]" * 2000])
async def test_quiet_hours_that_cannot_be_read_are_nobodys(queue: Queue, quiet: str) -> None:
    queue.put()
    queue.sql(f"INSERT INTO orderbell.person (user_id, quiet, time_zone) VALUES ('u', '{quiet}', 'Middle/Earth')")
    assert await outcome(queue, look()) == {"sent": 1}


async def test_a_persons_empty_list_of_windows_outdoes_the_configurations(queue: Queue) -> None:
    queue.put()
    queue.sql("INSERT INTO orderbell.person (user_id, quiet) VALUES ('u', '[]')")
    assert await outcome(queue, look(quiet=ALWAYS)) == {"sent": 1}


async def test_others_are_not_held_up_by_who_sleeps(queue: Queue) -> None:
    queue.put(20)
    queue.sql("UPDATE orderbell.delivery SET user_id = 'asleep' WHERE id % 2 = 0")
    queue.sql("INSERT INTO orderbell.person (user_id, snoozed_until) VALUES ('asleep', now() + interval '20 min')")
    async with working(queue.url, Channel(), last_look=look()):
        await queue.until(lambda: queue.finished() == {"sent": 10})
    assert len(queue.rows("SELECT FROM orderbell.delivery WHERE state = 'pending'")) == 10


async def test_what_is_sent_in_the_morning_is_what_was_to_be_sent(queue: Queue) -> None:
    queue.put()
    queue.sql("INSERT INTO orderbell.person (user_id, snoozed_until) VALUES ('u', now() + interval '20 min')")
    channel = Channel()

    async def sent(_: Delivery) -> Outcome:
        return Sent("x")

    channel.answer = sent
    async with working(queue.url, channel, last_look=look()):
        await queue.until(lambda: bool(queue.rows("SELECT FROM orderbell.delivery WHERE error = 'quiet hours'")))
        queue.sql("UPDATE orderbell.person SET snoozed_until = NULL")
        queue.sql("UPDATE orderbell.delivery SET due_at = now()")
        await queue.until(lambda: queue.finished() == {"sent": 1})
    assert [d.attempt for d in channel.sent] == [1]
