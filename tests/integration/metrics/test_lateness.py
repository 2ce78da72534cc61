"""From when a delivery is late: what "sent within 5 s of the commit" is measured from."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from prometheus_client import REGISTRY

from config.quiet import QuietWindow
from config.settings import Database, DeliverySettings
from daemon import metrics
from daemon.connections import Connections
from daemon.delivery.history import History
from daemon.delivery.lastlook import LastLook
from daemon.planning.catalogue import Catalogue
from daemon.planning.policy import Policy
from dispatchers.base import Delivery, Outcome, Retry, Sent
from schema.install import install
from tests.integration.delivery.conftest import Channel, Queue, working
from tests.integration.store.conftest import SHOP, Bench, NoRoom, settings_for

ALWAYS = (QuietWindow(start="00:00", end="12:00"), QuietWindow(start="12:00", end="24:00"))


@pytest.fixture
def queue(database: str) -> Iterator[Queue]:
    made = Queue(database)
    yield made
    made.close()


@pytest.fixture
async def shop(empty_database: str) -> AsyncIterator[Bench]:
    with psycopg.connect(empty_database) as connection:
        connection.execute(SHOP)
    steps = [{"channels": ["email"]}, {"after": "2m", "channels": ["sms"]}]
    settings = settings_for(empty_database, rule=[{"event": "order.ready", "audience": "customer", "steps": steps}])
    install(settings)
    bench = Bench(empty_database, settings, NoRoom(9))
    yield bench
    bench.close()


def seconds(channel: str = "test") -> float:
    return REGISTRY.get_sample_value("orderbell_commit_to_sent_seconds_sum", {"channel": channel}) or 0.0


async def test_it_is_late_from_the_commit_on_and_a_later_step_from_its_own_time(shop: Bench) -> None:
    shop.sql("INSERT INTO orders (status, customer_id) VALUES ('ready', 1)")
    shop.sql("UPDATE orderbell.change SET captured_at = captured_at - interval '10 s'")
    await shop.plan()
    (event,) = shop.rows("SELECT captured_at, planned_at FROM orderbell.event")
    assert event["planned_at"] - event["captured_at"] > timedelta(seconds=9)
    found = shop.rows("SELECT channel, wanted_at, due_at FROM orderbell.delivery ORDER BY step")
    assert [row["channel"] for row in found] == ["email", "sms"]
    assert [row["wanted_at"] for row in found] == [event["captured_at"], found[1]["due_at"]]
    assert [delivery.wanted_at for delivery in shop.room.accepted] == [event["captured_at"]]
    assert all(delivery.wanted_at == event["captured_at"] for delivery in shop.published)


async def test_what_waited_before_it_was_claimed_counts(queue: Queue) -> None:
    queue.put()
    queue.sql("UPDATE orderbell.delivery SET wanted_at = now() - interval '10 s'")
    before = seconds()
    async with working(queue.url, Channel()):
        await queue.until(lambda: queue.finished() == {"sent": 1})
    assert 10 <= seconds() - before < 60


async def test_what_waits_for_a_provider_counts(queue: Queue) -> None:
    channel, asked = Channel(), 0

    async def answer(delivery: Delivery) -> Outcome:
        nonlocal asked
        asked += 1
        return Retry("is left alone after failures", 0.1) if asked < 3 else Sent("1")

    channel.answer = answer
    queue.put()
    queue.sql("UPDATE orderbell.delivery SET wanted_at = now() - interval '10 s'")
    before = seconds()
    async with working(queue.url, channel):
        await queue.until(lambda: queue.finished() == {"sent": 1})
    assert (asked, seconds() - before > 10) == (3, True)


async def test_the_night_does_not_count(queue: Queue) -> None:
    policy = Policy.of((), Catalogue({"en": {"fallback": {"title": "t", "body": "b"}}}, "en"), (), timedelta(days=1))
    night = LastLook(policy=replace(policy, waiting=frozenset({"test"}), quiet=ALWAYS))
    queue.put()
    queue.sql("UPDATE orderbell.delivery SET wanted_at = now() - interval '10 s', expires_at = now() + interval '9 d'")
    async with working(queue.url, Channel(), last_look=night):
        await queue.until(lambda: bool(queue.rows("SELECT FROM orderbell.delivery WHERE error = 'quiet hours'")))
    (row,) = queue.rows("SELECT wanted_at = due_at AND due_at > now() AS later FROM orderbell.delivery")
    assert row == {"later": True}


async def test_the_queue_is_shown_and_goes_to_zero(queue: Queue) -> None:
    pool = Connections(Database.model_validate({"url": queue.url})).queue()
    await pool.open()
    try:
        history = History(pool, DeliverySettings())
        queue.put(3)
        captured = "SELECT 'orders', 'insert', n::text, '{}', '2026-01-01Z'::timestamptz + n * interval '1 d'"
        queue.sql(
            f"INSERT INTO orderbell.change (watch, op, key, new, captured_at) {captured} FROM generate_series(0, 1) n"
        )
        queue.sql(
            "INSERT INTO orderbell.change_failed (id, watch, op, captured_at, error)"
            " VALUES (1, 'orders', 'insert', now(), 'no')"
        )
        await history._measure()
        waiting: dict[str, Any] = {"channel": "test", "state": "pending"}
        assert REGISTRY.get_sample_value("orderbell_queue_deliveries", waiting) == 3
        assert REGISTRY.get_sample_value("orderbell_changes_set_aside") == 1
        oldest = REGISTRY.get_sample_value("orderbell_changes_oldest_timestamp_seconds", {"source": "outbox"})
        assert oldest == datetime(2026, 1, 1, tzinfo=UTC).timestamp()
        queue.sql("DELETE FROM orderbell.delivery; DELETE FROM orderbell.change; DELETE FROM orderbell.change_failed")
        await history._measure()
        assert REGISTRY.get_sample_value("orderbell_queue_deliveries", waiting) == 0
        assert REGISTRY.get_sample_value("orderbell_changes_set_aside") == 0
        assert not next(iter(metrics.CHANGES_OLDEST.collect())).samples
        assert not next(iter(metrics.QUEUE_OLDEST.collect())).samples
    finally:
        await pool.close()
