"""Workers on a real database, with dispatchers that do as they are told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from config.settings import Database, DeliverySettings
from daemon.clock import DatabaseClock
from daemon.connections import Connections
from daemon.delivery.lastlook import LastLook
from daemon.delivery.leases import Leases
from daemon.delivery.ledger import Ledger
from daemon.delivery.workers import Workers
from dispatchers.base import Delivery, Outcome, Sent
from tests.deliveries import delivery


class Channel:
    """A dispatcher whose answers a test decides."""

    repeatable = True

    def __init__(self, channel: str = "test", concurrency: int = 4, batch_size: int = 1) -> None:
        self.channel = channel
        self.concurrency = concurrency
        self.batch_size = batch_size
        self.sent: list[Delivery] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.began = asyncio.Event()
        self.answer: Callable[[Delivery], Awaitable[Outcome]] = self._sent

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def ping(self) -> None: ...

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.began.set()
        try:
            outcomes = [await self.answer(delivery) for delivery in batch]
        finally:
            self.in_flight -= 1
        self.sent += batch
        return outcomes

    async def _sent(self, delivery: Delivery) -> Outcome:
        return Sent(f"id-{delivery.id}", provider="test")


class Queue:
    """The deliveries in the database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)

    def put(self, count: int = 1, channel: str = "test", **columns: Any) -> None:
        """Deliveries that are due, each with its notification and message."""
        expires = columns.get("expires_in_seconds", 3600)
        self._connection.execute(
            "WITH n AS (SELECT nextval('orderbell.delivery_id_seq') AS id FROM generate_series(1, %(count)s)),"
            " m AS (INSERT INTO orderbell.message SELECT id, 1, 'customer', 'en', 'title', 'body', 'text' FROM n),"
            " o AS (INSERT INTO orderbell.notification SELECT id, 1, id, 'u', 'order.ready', 'order:' || id,"
            "       'customer', 'order', 'normal', now() FROM n)"
            " INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state,"
            "       due_at, expires_at, user_id, subject, audience)"
            " SELECT id, id, %(channel)s, 'somewhere', 'Ada', 'en', 'pending', now(),"
            "       now() + make_interval(secs => %(expires)s), 'u', 'order:' || id, 'customer' FROM n",
            {"count": count, "channel": channel, "expires": expires},
        )

    def plan(self, count: int, granted: int) -> list[Delivery]:
        """Write deliveries as the planner does: the ``granted`` first are born leased, the others wait. Returns those
        that the workers are to accept.
        """
        with self._connection.transaction():
            (last,) = self._connection.execute(
                "SELECT coalesce(max(id), 0) FROM orderbell.notification"
            ).fetchone() or (0,)
            self.put(count)
            self._connection.execute(
                "UPDATE orderbell.delivery SET state = 'sending', leased_by = 'one', attempt = 1,"
                " due_at = now() + interval '1 min' WHERE id IN (SELECT id FROM orderbell.delivery WHERE id > %s"
                " ORDER BY id LIMIT %s)",
                (last, granted),
            )
        rows = self.rows("SELECT * FROM orderbell.delivery WHERE state = 'sending' ORDER BY id")
        return [_delivery(row) for row in rows if row["id"] > last]

    def sql(self, query: str) -> None:
        self._connection.execute(query.encode())

    def at_once(self) -> AbstractContextManager[psycopg.Transaction]:
        """What is done within is seen by workers as a whole."""
        return self._connection.transaction()

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode()).fetchall()

    def finished(self) -> dict[str, int]:
        found = self.rows("SELECT state, count(*) FROM orderbell.delivery_history GROUP BY state")
        return {row["state"]: row["count"] for row in found}

    async def until(self, condition: Callable[[], bool], seconds: float = 45) -> None:
        """Look until it holds; the loop goes on meanwhile."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)

    def close(self) -> None:
        self._connection.close()


def _delivery(row: dict[str, Any]) -> Delivery:
    same = ("id", "attempt", "channel", "address", "notification_id", "user_id", "recipient_name", "locale")
    named = {name: row[name] for name in (*same, "subject", "audience", "expires_at")}
    return delivery(**named, created_at=row["due_at"])


@pytest.fixture
def queue(database: str) -> Any:
    made = Queue(database)
    yield made
    made.close()


QUICK = DeliverySettings(poll_seconds=0.05, lease_seconds=60, retry_base_seconds=0.05, retry_max_seconds=0.1)


@asynccontextmanager
async def working(
    url: str,
    *channels: Channel,
    settings: DeliverySettings = QUICK,
    node: str = "one",
    drain_seconds: float = 30,
    last_look: LastLook | None = None,
) -> AsyncIterator[Workers]:
    """Workers, running; drained at the end."""
    pool = Connections(Database.model_validate({"url": url})).queue()
    await pool.open()
    clock = DatabaseClock()
    leases = Leases(pool, settings, node, clock, last_look=last_look)
    workers = Workers(channels, leases, Ledger(pool), settings, clock)
    task = asyncio.create_task(workers.run())
    try:
        yield workers
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await workers.drain(drain_seconds)
        await pool.close()
