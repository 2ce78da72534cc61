"""Keeps partitions of the delivery history ahead of the clock, and drops those past retention."""

import asyncio
import re
from datetime import UTC, date, datetime, time, timedelta

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal
from psycopg_pool import PoolTimeout

from config.settings import DeliverySettings
from daemon import metrics
from daemon.delivery.ledger import Pool
from schema import locks
from schema.queries import statements

log = structlog.get_logger(__name__)

STATEMENTS = statements("history")

AHEAD_DAYS = 3
LOOK_SECONDS = 3_600.0
QUEUE_SECONDS = 5.0
"""How often the queue's gauges are brought up to date."""

_NAME = re.compile(r"^delivery_history_(?P<day>\d{8})$")


def name_of(day: date) -> str:
    """``delivery_history_20261121`` for that day."""
    return f"delivery_history_{day:%Y%m%d}"


def due(existing: set[str], today: date, keep_days: int) -> tuple[list[date], list[str]]:
    """The days that need a partition, and the partitions that are past retention. Pure."""
    ahead = [today + timedelta(days=n) for n in range(AHEAD_DAYS + 1)]
    oldest = name_of(today - timedelta(days=keep_days))
    missing = [day for day in ahead if name_of(day) not in existing]
    expired = sorted(name for name in existing if _NAME.match(name) and name < oldest)
    return missing, expired


class History:
    """The housekeeping of this node."""

    def __init__(self, pool: Pool, settings: DeliverySettings) -> None:
        self._pool = pool
        self._settings = settings

    async def run(self) -> None:
        """Keep house for ever."""
        loop = asyncio.get_running_loop()
        look_at = 0.0
        while True:
            try:
                if loop.time() >= look_at:
                    await self.keep(datetime.now(UTC).date())
                    look_at = loop.time() + LOOK_SECONDS
                await self._measure()
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("history.not_kept", error=" ".join(str(error).split()))
            await asyncio.sleep(QUEUE_SECONDS)

    async def keep(self, today: date) -> None:
        """Make what is missing and drop what is past retention, once."""
        async with self._pool.connection() as connection, connection.transaction():
            # Ours alone, and yet: nobody who reads or writes it shall queue behind us for long.
            await connection.execute("SET LOCAL lock_timeout = '1s'")
            key = {"class": locks.CLASS, "key": locks.HISTORY}
            cursor = await connection.execute(STATEMENTS["lock"], key)
            if await cursor.fetchone() != (True,):
                return
            cursor = await connection.execute(STATEMENTS["existing"])
            existing = {row[0] for row in await cursor.fetchall()}
            missing, expired = due(existing, today, self._settings.history_days)
            for day in missing:
                await self._make(connection, day)
            for name in expired:
                await connection.execute(SQL(STATEMENTS["drop"]).format(partition=Identifier("orderbell", name)))
                log.info("history.dropped", partition=name)

    async def _make(self, connection: AsyncConnection[TupleRow], day: date) -> None:
        partition = Identifier("orderbell", name_of(day))
        start = datetime.combine(day, time(), UTC)
        bounds = {"start": Literal(start), "end": Literal(start + timedelta(days=1))}
        try:
            async with connection.transaction():
                await connection.execute(SQL(STATEMENTS["create"]).format(partition=partition))
                await connection.execute(SQL(STATEMENTS["attach"]).format(partition=partition, **bounds))
        except psycopg.errors.CheckViolation:
            # The default partition holds rows of that day already: it goes on holding them.
            log.warning("history.in_default_partition", day=day.isoformat())

    async def _measure(self) -> None:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statements("delivery")["queue"])
            rows = await cursor.fetchall()
        metrics.QUEUE.clear()
        metrics.QUEUE_OLDEST.clear()
        for channel, state, count, oldest in rows:
            metrics.QUEUE.labels(channel, state).set(count)
            if state == "pending":
                metrics.QUEUE_OLDEST.labels(channel).set(oldest.timestamp())
