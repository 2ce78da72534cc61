"""Claims and outcomes, in batches: the only place where the delivery workers touch the database."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from psycopg import AsyncCursor
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from config.names import Category, Priority
from config.settings import DeliverySettings
from daemon.clock import DatabaseClock
from daemon.delivery.policy import Finish, TryAgain, Verdict
from dispatchers.base import Delivery
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("delivery")

FLUSH_AT_MOST = 1_000
"""Outcomes written in one transaction."""

REST_MAX_SECONDS = 0.02
"""After a write; the longest that an outcome waits for company."""

DOWN_SECONDS = (0.2, 5.0)
"""First and longest wait before outcomes are written again when the database is away."""

Pool = AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery and what was decided about it."""

    delivery: Delivery
    verdict: Verdict


class Ledger:
    """Takes due deliveries on lease and writes what came of them."""

    def __init__(self, pool: Pool, settings: DeliverySettings, node: str, clock: DatabaseClock) -> None:
        self._pool = pool
        self._settings = settings
        self._node = node
        self._clock = clock
        self._ended: list[Ended] = []
        self._work = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()

    async def claim(self, channel: str, limit: int) -> list[Delivery]:
        """Up to ``limit`` due deliveries of ``channel``, leased to this node."""
        parameters = {
            "channel": channel,
            "limit": limit,
            "node": self._node,
            "lease_seconds": self._settings.lease_seconds,
        }
        async with self._pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute(SQL["claim"], parameters)
            rows = await cursor.fetchall()
        deliveries: list[Delivery] = []
        for *columns, now in rows:
            self._clock.set(now)
            delivery = _delivery(columns)
            if delivery is None:
                self.record(_orphan(columns), Finish("skipped", "withdrawn", error="its notification was deleted"))
            else:
                deliveries.append(delivery)
        return deliveries

    def record(self, delivery: Delivery, verdict: Verdict) -> None:
        """Note what came of ``delivery``; it is written soon, together with others."""
        self._ended.append(Ended(delivery, verdict))
        self._written.clear()
        self._work.set()

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return deliveries that were leased and not begun, as if they had never been claimed."""
        if not deliveries:
            return
        parameters = {"ids": [d.id for d in deliveries], "attempts": [d.attempt for d in deliveries]}
        async with self._pool.connection() as connection:
            await connection.execute(SQL["give_back"], parameters)

    async def settled(self) -> None:
        """Wait until every outcome noted so far is in the database."""
        await self._written.wait()

    async def run(self, progressed: Callable[[], None]) -> None:
        """Write outcomes as they come, for ever; through times when the database is away."""
        wait, longest = DOWN_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            batch, self._ended = self._ended[:FLUSH_AT_MOST], self._ended[FLUSH_AT_MOST:]
            began = loop.time()
            try:
                await self._write(batch)
            except (psycopg.Error, PoolTimeout) as error:
                self._ended = batch + self._ended
                log.warning("outcomes.not_written", waiting=len(self._ended), error=str(error).strip())
                await asyncio.sleep(wait)
                wait = min(wait * 2, longest)
                continue
            except asyncio.CancelledError:
                self._ended = batch + self._ended
                raise
            wait = DOWN_SECONDS[0]
            progressed()
            if not self._ended:
                self._work.clear()
                self._written.set()
            # Outcomes gather meanwhile: under load one write serves many, and a lone one never waits.
            await asyncio.sleep(min(loop.time() - began, REST_MAX_SECONDS))

    async def _write(self, batch: Sequence[Ended]) -> None:
        finished = [(e.delivery, e.verdict) for e in batch if isinstance(e.verdict, Finish)]
        again = [(e.delivery, e.verdict) for e in batch if isinstance(e.verdict, TryAgain)]
        async with self._pool.connection() as connection, connection.cursor() as cursor:
            if finished:
                await self._finish(cursor, finished)
            if again:
                await cursor.execute(
                    SQL["retry_later"],
                    {
                        "ids": [d.id for d, _ in again],
                        "attempts": [d.attempt for d, _ in again],
                        "after_seconds": [v.after_seconds for _, v in again],
                        "errors": [v.error for _, v in again],
                    },
                )

    async def _finish(self, cursor: AsyncCursor[TupleRow], finished: Sequence[tuple[Delivery, Finish]]) -> None:
        await cursor.execute(
            SQL["finish"],
            {
                "ids": [d.id for d, _ in finished],
                "attempts": [d.attempt for d, _ in finished],
                "states": [v.state for _, v in finished],
                "reasons": [v.reason for _, v in finished],
                "providers": [v.provider or None for _, v in finished],
                "provider_ids": [v.provider_id for _, v in finished],
                "errors": [v.error for _, v in finished],
            },
        )
        gone = [d.address for d, v in finished if v.forget_address and d.channel == "webpush"]
        if gone:
            endpoints = [endpoint for address in gone if (endpoint := _endpoint(address))]
            await cursor.execute(SQL["remove_push_subscription"], {"endpoints": endpoints})
            log.info("push_subscription.removed", count=len(endpoints))


def _endpoint(subscription: str) -> str | None:
    try:
        return str(json.loads(subscription)["endpoint"])
    except (ValueError, KeyError, TypeError):
        return None


def _delivery(columns: Sequence[Any]) -> Delivery | None:
    """A claimed row as a delivery; None when its notification or message is gone."""
    (id_, attempt, channel, address, notification, user, name, locale, event, subject, audience) = columns[:11]
    (category, priority, title, body, text, url, action, created_at, expires_at) = columns[11:]
    if user is None or title is None:
        return None
    return Delivery(
        id=id_,
        attempt=attempt,
        channel=channel,
        address=address,
        notification_id=notification,
        user_id=user,
        recipient_name=name,
        locale=locale,
        event=event,
        subject=subject,
        audience=audience,
        category=Category(category),
        priority=Priority(priority),
        title=title,
        body=body,
        text=text,
        url=url,
        action=action,
        created_at=created_at,
        expires_at=expires_at,
    )


def _orphan(columns: Sequence[Any]) -> Delivery:
    """What is known of a delivery whose notification is gone: enough to finish it."""
    id_, attempt, channel, address, notification = columns[:5]
    expires_at = columns[-1]
    return Delivery(
        id=id_,
        attempt=attempt,
        channel=channel,
        address=address,
        notification_id=notification,
        user_id="",
        recipient_name="",
        locale="",
        event="",
        subject="",
        audience="",
        category=Category.ORDER,
        priority=Priority.NORMAL,
        title="",
        body="",
        text="",
        url=None,
        action=None,
        created_at=expires_at,
        expires_at=expires_at,
    )
