"""Digests and nights on a real database: each entry is told once, whoever dies and whoever comes second."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest

from config import Settings
from config.mapping import Watch
from config.rules import Rule
from config.settings import Database
from daemon.connections import Connections, Pool
from daemon.delivery.holds import Holds
from daemon.delivery.lastlook import LastLook
from daemon.delivery.retention import forget_old
from daemon.policy import catalogue_of
from dispatchers.base import Delivery, Kind, Outcome, Rejected
from schema.queries import statements
from tests.integration.delivery.conftest import Channel, Queue, working

CATALOGUE = catalogue_of(Settings())

Make = Callable[..., Holds]


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    made = Connections(Database.model_validate({"url": database})).queue()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def make(pool: Pool) -> Make:
    """A daemon's own."""

    def make(look: LastLook | None = None) -> Holds:
        return Holds(pool, CATALOGUE, look or LastLook(), 0.05)

    return make


def held(queue: Queue, count: int = 20, hold: str = "digest:vendor", **columns: Any) -> None:
    """Deliveries whose window has just closed."""
    before = [row["id"] for row in queue.rows("SELECT id FROM orderbell.delivery")]
    queue.put(count, **columns)
    queue.sql(f"UPDATE orderbell.delivery SET hold = '{hold}' WHERE NOT id = ANY('{{{','.join(map(str, before))}}}')")
    queue.sql("UPDATE orderbell.message SET title = 'Order ' || id WHERE id > 0")


def reasons(queue: Queue) -> dict[str, int]:
    rows = queue.rows("SELECT coalesce(reason, state) AS what, count(*) FROM orderbell.delivery_history GROUP BY 1")
    return {row["what"]: row["count"] for row in rows}


async def test_twenty_orders_are_one_message(queue: Queue, make: Make) -> None:
    held(queue)
    await make().let_go()
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: reasons(queue) == {"digested": 19, "sent": 1})
    (message,) = channel.sent
    assert (message.kind, message.title) == (Kind.DIGEST, "20 updates")
    assert [line for line in message.body.splitlines() if line] == [f"- Order {n}" for n in range(1, 21)]


async def test_each_entry_says_which_message_told_it(queue: Queue, make: Make) -> None:
    held(queue, 3)
    await make().let_go()
    rows = queue.rows("SELECT id, state, reason, error FROM orderbell.delivery_history ORDER BY id")
    assert rows == [
        {"id": n, "state": "skipped", "reason": "digested", "error": "told with delivery 3"} for n in (1, 2)
    ]


async def test_one_alone_goes_out_with_its_own_words(queue: Queue, make: Make) -> None:
    held(queue, 1)
    await make().let_go()
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: reasons(queue) == {"sent": 1})
    assert (channel.sent[0].kind, channel.sent[0].title) == (None, "Order 1")


async def test_nothing_goes_out_before_its_window_closes(queue: Queue, make: Make) -> None:
    held(queue, 2)
    queue.sql("UPDATE orderbell.delivery SET due_at = now() + interval '1 min'")
    await make().let_go()
    assert reasons(queue) == {}


async def test_a_worker_does_not_take_what_waits_to_be_put_together(queue: Queue) -> None:
    held(queue, 2)
    queue.put()
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: reasons(queue) == {"sent": 1})
    assert [one.id for one in channel.sent] == [3]


async def test_two_daemons_at_once_make_one_message(queue: Queue, make: Make) -> None:
    held(queue)
    await asyncio.gather(*(make().let_go() for _ in range(4)))
    assert reasons(queue) == {"digested": 19}
    assert len(queue.rows("SELECT FROM orderbell.delivery")) == 1


async def test_a_group_that_another_daemon_has_in_hand_is_left_to_it(queue: Queue, make: Make) -> None:
    held(queue)
    async with await psycopg.AsyncConnection.connect(queue.url) as other:
        await other.execute("SELECT FROM orderbell.delivery FOR UPDATE")
        await make().let_go()
    assert reasons(queue) == {}
    await make().let_go()
    assert reasons(queue) == {"digested": 19}


PUT_OFF_IS_OVER = "UPDATE orderbell.delivery SET due_at = now() WHERE hold IS NOT NULL"


async def test_a_group_that_cannot_be_let_go_is_put_off_and_does_not_hold_up_the_others(
    queue: Queue, make: Make
) -> None:
    held(queue, 4)
    queue.sql("UPDATE orderbell.delivery SET address = 'bad' WHERE id <= 2")
    queue.sql("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no such thing'; END $$")
    queue.sql(
        "CREATE TRIGGER die BEFORE INSERT ON orderbell.delivery_history FOR EACH ROW WHEN (NEW.address = 'bad')"
        " EXECUTE FUNCTION die()"
    )
    await make().let_go()
    assert reasons(queue) == {"digested": 1}
    waiting = "SELECT error, due_at > now() AS later FROM orderbell.delivery WHERE address = 'bad'"
    assert queue.rows(waiting) == [{"error": queue.rows(waiting)[0]["error"], "later": True}] * 2
    assert "no such thing" in queue.rows(waiting)[0]["error"]


@pytest.mark.parametrize("table", ["message", "delivery_history"])
@pytest.mark.parametrize("moment", ["BEFORE INSERT", "AFTER INSERT"])
async def test_a_daemon_that_dies_between_any_two_steps_loses_and_repeats_nothing(
    queue: Queue, make: Make, table: str, moment: str
) -> None:
    held(queue)
    queue.sql("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'killed'; END $$")
    queue.sql(f"CREATE TRIGGER die {moment} ON orderbell.{table} FOR EACH ROW EXECUTE FUNCTION die()")
    await make().let_go()
    assert reasons(queue) == {}
    assert len(queue.rows("SELECT FROM orderbell.delivery WHERE hold IS NOT NULL AND kind IS NULL")) == 20
    queue.sql(f"DROP TRIGGER die ON orderbell.{table}")
    queue.sql(PUT_OFF_IS_OVER)
    channel = Channel()
    await make().let_go()
    async with working(queue.url, channel):
        await queue.until(lambda: reasons(queue) == {"digested": 19, "sent": 1})
    assert Counter(line for line in channel.sent[0].body.splitlines() if line) == {
        f"- Order {n}": 1 for n in range(1, 21)
    }


async def test_it_goes_on_by_itself_and_after_errors(queue: Queue, make: Make) -> None:
    held(queue, 2)
    queue.sql("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'killed'; END $$")
    queue.sql("CREATE TRIGGER die BEFORE INSERT ON orderbell.message FOR EACH ROW EXECUTE FUNCTION die()")
    holds = asyncio.create_task(make().run())
    try:
        await queue.until(lambda: len(queue.rows("SELECT FROM orderbell.delivery WHERE error LIKE 'killed%'")) == 2)
        queue.sql("DROP TRIGGER die ON orderbell.message")
        queue.sql(PUT_OFF_IS_OVER)
        await queue.until(lambda: reasons(queue) == {"digested": 1})
    finally:
        holds.cancel()
        await asyncio.gather(holds, return_exceptions=True)


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        ("UPDATE orderbell.notification SET read_at = now() WHERE id = 1", "read"),
        ("UPDATE orderbell.notification SET withdrawn_at = now() WHERE id = 1", "withdrawn"),
        ("DELETE FROM orderbell.notification WHERE id = 1", "withdrawn"),
        ("UPDATE orderbell.delivery SET expires_at = now() WHERE id = 1", "expired"),
        ("UPDATE orderbell.notification SET category = 'payment' WHERE id = 1", "preference"),
    ],
)
async def test_an_entry_that_need_not_be_told_any_more_is_left_out(
    queue: Queue, make: Make, meanwhile: str, reason: str
) -> None:
    held(queue, 3)
    queue.sql("INSERT INTO orderbell.preference VALUES ('u', 'payment', '', false)")
    queue.sql(meanwhile)
    await make().let_go()
    rows = queue.rows("SELECT id, reason FROM orderbell.delivery_history ORDER BY id")
    assert [(row["id"], row["reason"]) for row in rows] == [(1, reason), (2, "digested")]


async def test_other_people_channels_and_addresses_get_messages_of_their_own(queue: Queue, make: Make) -> None:
    held(queue, 8)
    queue.sql("UPDATE orderbell.delivery SET user_id = 'w' WHERE id IN (1, 2)")
    queue.sql("UPDATE orderbell.delivery SET channel = 'other' WHERE id IN (3, 4)")
    queue.sql("UPDATE orderbell.delivery SET address = 'elsewhere' WHERE id IN (5, 6)")
    await make().let_go()
    assert [row["id"] for row in queue.rows("SELECT id FROM orderbell.delivery ORDER BY id")] == [2, 4, 6, 8]


async def test_a_digest_has_a_subject_of_its_own(queue: Queue, make: Make) -> None:
    """Else the next push about its newest order would take the place of all its entries on the device."""
    held(queue, 3)
    await make().let_go()
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: bool(channel.sent))
    assert channel.sent[0].subject == "digest:3"


async def test_a_newer_status_of_one_entry_does_not_take_the_digests_place(queue: Queue, make: Make) -> None:
    held(queue, 3)
    await make().let_go()
    queue.put()
    queue.sql("UPDATE orderbell.delivery SET subject = 'order:3' WHERE id = 4")
    queue.sql("UPDATE orderbell.notification SET subject = 'order:3' WHERE id = 4")
    channel = Channel()
    async with working(queue.url, channel):
        await queue.until(lambda: reasons(queue) == {"digested": 2, "sent": 2})


async def test_what_is_critical_in_a_digest_is_told_whatever_is_switched_off_before_it_goes_out(
    queue: Queue, make: Make
) -> None:
    held(queue, 3)
    queue.sql("UPDATE orderbell.notification SET critical = true WHERE id = 1")
    await make().let_go()
    queue.sql("INSERT INTO orderbell.preference VALUES ('u', '', '', false)")
    async with working(queue.url, Channel()):
        await queue.until(lambda: reasons(queue) == {"digested": 2, "sent": 1})


async def test_a_closed_address_stops_the_whole_digest(queue: Queue, make: Make) -> None:
    held(queue, 3)
    await make().let_go()
    queue.sql("INSERT INTO orderbell.suppression (channel, address, reason) VALUES ('test', 'somewhere', 'stop')")
    async with working(queue.url, Channel()):
        await queue.until(lambda: reasons(queue) == {"digested": 2, "suppressed": 1})


async def test_a_digest_that_failed_is_the_same_digest_when_it_is_brought_back(queue: Queue, make: Make) -> None:
    held(queue, 3)
    await make().let_go()
    channel = Channel()

    async def refused(_: Delivery) -> Outcome:
        return Rejected("no", provider="p")

    channel.answer = refused
    async with working(queue.url, channel):
        await queue.until(lambda: reasons(queue) == {"digested": 2, "failed": 1})
    with psycopg.connect(queue.url) as connection:
        connection.execute(
            statements("retry")["bring_back_deliveries"],
            {"ids": None, "channel": None, "error": None, "limit": 9, "lifetime_seconds": 60},
        )
    channel.answer = channel._sent
    async with working(queue.url, channel):
        await queue.until(lambda: reasons(queue) == {"digested": 2, "sent": 1})
    first, second = channel.sent
    assert (second.title, second.body, second.subject, second.kind) == (
        first.title,
        first.body,
        first.subject,
        first.kind,
    )


# --- the night --------------------------------------------------------------------------------------------------------


async def test_several_orders_that_waited_for_the_morning_are_one_message(queue: Queue, make: Make) -> None:
    held(queue, 3, "quiet")
    await make().let_go()
    assert reasons(queue) == {"digested": 2}


async def test_a_snooze_that_is_set_while_they_wait_is_waited_for_by_all(queue: Queue, make: Make) -> None:
    from tests.integration.delivery.test_lastlook import look

    held(queue, 3, "quiet")
    queue.sql("INSERT INTO orderbell.person (user_id, snoozed_until) VALUES ('u', now() + interval '20 min')")
    await make(look()).let_go()
    (row,) = queue.rows(
        "SELECT count(*), bool_and(d.due_at = p.snoozed_until) AS then, bool_and(hold = 'quiet') AS together"
        " FROM orderbell.delivery d, orderbell.person p"
    )
    assert row == {"count": 3, "then": True, "together": True}


async def test_windows_that_never_open_end_as_expired(queue: Queue, make: Make) -> None:
    from tests.integration.delivery.test_lastlook import ALWAYS, look

    held(queue, 2, "quiet", expires_in_seconds=0.3)
    holds = asyncio.create_task(make(look(quiet=ALWAYS)).run())
    try:
        await queue.until(lambda: reasons(queue) == {"expired": 2})
    finally:
        holds.cancel()
        await asyncio.gather(holds, return_exceptions=True)


async def test_a_condition_is_asked_again_when_the_night_is_over(queue: Queue, make: Make) -> None:
    rule = Rule.model_validate(
        {"event": "order.ready", "audience": "customer", "steps": [{"channels": ["sms"], "where": "total > 100"}]}
    )
    look = LastLook(rules={("order.ready", "customer"): rule}, watches={"order": Watch(table="orders")})
    queue.sql("CREATE TABLE orders (id bigint PRIMARY KEY, total int)")
    queue.sql("INSERT INTO orders SELECT n, 50 * n FROM generate_series(1, 4) n")
    held(queue, 5, "quiet")
    await make(look).let_go()
    assert [row["id"] for row in queue.rows("SELECT id FROM orderbell.delivery")] == [4]
    assert reasons(queue) == {"condition": 3, "digested": 1}


async def test_a_lock_of_the_applications_keeps_waiting_only_what_asks_its_table(queue: Queue, make: Make) -> None:
    rule = Rule.model_validate(
        {"event": "order.ready", "audience": "customer", "steps": [{"channels": ["sms"], "where": "total > 100"}]}
    )
    look = LastLook(rules={("order.ready", "customer"): rule}, watches={"order": Watch(table="orders")})
    queue.sql("CREATE TABLE orders (id bigint PRIMARY KEY, total int)")
    held(queue, 4, "quiet")
    queue.sql("UPDATE orderbell.notification SET event = 'order.other' WHERE id IN (1, 2)")
    async with await psycopg.AsyncConnection.connect(queue.url) as migration:
        await migration.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        await make(look).let_go()
    rows = queue.rows("SELECT id, hold, due_at > now() AS later FROM orderbell.delivery ORDER BY id")
    assert [(row["id"], row["hold"], row["later"]) for row in rows] == [
        (2, None, False),
        (3, "quiet", True),
        (4, "quiet", True),
    ]


# --- what is forgotten ------------------------------------------------------------------------------------------------


async def test_words_of_digests_are_forgotten_with_the_rest_and_keep_nothing_from_being(
    queue: Queue, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their ids count downwards: the newest must not stand in the way of the oldest."""
    monkeypatch.setattr("daemon.delivery.retention.BATCH", 2)
    monkeypatch.setattr("daemon.delivery.retention.REST_SECONDS", 0)
    queue.put(2)
    queue.sql("UPDATE orderbell.notification SET event_id = 9")
    queue.sql(
        "INSERT INTO orderbell.message SELECT -n, 10 - n, 'customer', 'en', 't', 'b', 't' FROM generate_series(1, 9) n"
    )
    queue.sql("UPDATE orderbell.message SET event_id = 9 WHERE id < -5")
    queue.sql("UPDATE orderbell.message SET event_id = 1 WHERE id BETWEEN -5 AND -1 OR id = 1")
    await forget_old(pool, 30)
    assert [row["id"] for row in queue.rows("SELECT id FROM orderbell.message ORDER BY id")] == [-9, -8, -7, -6]


async def test_what_no_longer_counts_towards_a_throttle_is_forgotten(queue: Queue, pool: Pool) -> None:
    queue.sql(
        "INSERT INTO orderbell.spent VALUES ('u', 'sms:all:3600', now() - interval '2 hours'),"
        " ('u', 'sms:all:3600', now()), ('u', 'sms:all:86400', now() - interval '2 hours')"
    )
    await forget_old(pool, 30)
    assert len(queue.rows("SELECT FROM orderbell.spent")) == 2
