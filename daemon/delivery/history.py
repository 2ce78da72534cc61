"""Keeps partitions of the delivery history ahead of the clock, and drops those past retention."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import PoolTimeout

from config.settings import DeliverySettings
from daemon import metrics
from daemon.connections import Pool
from daemon.delivery.retention import forget_old
from daemon.kept import one_line
from schema import locks
from schema.queries import statements

log = structlog.get_logger(__name__)

STATEMENTS = statements("history")

AHEAD_DAYS = 3
LOOK_SECONDS = 3_600.0
QUEUE_SECONDS = 5.0
"""How often the queue's gauges are brought up to date."""

PARENTS = ("delivery_history", "attempt")

_NAME = re.compile(r"^(?P<parent>\w+)_(?P<day>\d{8})$")


def name_of(parent: str, day: date) -> str:
    """``delivery_history_20261121`` for that day."""
    return f"{parent}_{day:%Y%m%d}"


def day_of(parent: str, name: str) -> date | None:
    """The day of a partition of ``parent``; None for whatever has another name."""
    match = _NAME.match(name)
    if match is None or match["parent"] != parent:
        return None
    try:
        return datetime.strptime(match["day"], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def due(parent: str, existing: set[str], today: date, keep_days: int) -> tuple[list[date], list[date]]:
    """The days that need a partition of ``parent``, and those of its partitions that are past retention. Pure."""
    ahead = [today + timedelta(days=n) for n in range(AHEAD_DAYS + 1)]
    oldest = today - timedelta(days=keep_days)
    missing = [day for day in ahead if name_of(parent, day) not in existing]
    return missing, sorted(day for name in existing if (day := day_of(parent, name)) is not None and day < oldest)


class History:
    """The housekeeping of this node."""

    def __init__(
        self, pool: Pool, settings: DeliverySettings, settle: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """``settle`` is called every few seconds: reports that came before their delivery are matched then."""
        self._pool = pool
        self.settings = settings
        self._settle = settle
        self._queued: set[tuple[str, str]] = set()
        """Channels and states that were in the queue once: they go on being shown, with 0."""

    async def run(self) -> None:
        """Keep house for ever."""
        loop = asyncio.get_running_loop()
        look_at = 0.0
        while True:
            await self._tried(self._measure)
            if self._settle is not None:
                await self._tried(self._settle)
            if loop.time() >= look_at:
                look_at = loop.time() + LOOK_SECONDS
                await self._tried(lambda: self.keep(datetime.now(UTC).date()))
                await self._tried(lambda: forget_old(self._pool, self.settings.inbox_days))
            await asyncio.sleep(QUEUE_SECONDS)

    async def _tried(self, job: Callable[[], Awaitable[object]]) -> None:
        """One job; that it fails keeps no other from its turn."""
        try:
            await job()
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("history.not_kept", error=one_line(error))

    async def keep(self, today: date) -> None:
        """Make what is missing and drop what is past retention, once; what a reader has locked waits for next time."""
        for parent in PARENTS:
            async with self._pool.connection() as connection:
                await self._keep(connection, parent, today)

    async def _keep(self, connection: AsyncConnection[TupleRow], parent: str, today: date) -> None:
        cursor = await connection.execute(STATEMENTS["existing"], {"parent": f"orderbell.{parent}"})
        existing = {row[0] for row in await cursor.fetchall()}
        missing, expired = due(parent, existing, today, self.settings.history_days)
        for day in missing:
            await self._alone(connection, partial(self._make, connection, parent, day))
        for day in expired:
            await self._alone(connection, partial(self._drop, connection, parent, day))

    async def _alone(self, connection: AsyncConnection[TupleRow], step: Callable[[], Awaitable[None]]) -> None:
        """One step in a transaction of its own, which keeps nobody who reads or writes the table waiting for long."""
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '100ms'")
                key = {"class": locks.CLASS, "key": locks.HISTORY}
                cursor = await connection.execute(STATEMENTS["lock"], key)
                if await cursor.fetchone() == (True,):
                    await step()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DuplicateTable) as error:
            # Held by a report or a dump, or just made by another daemon.
            log.info("history.later", error=one_line(error))
        except psycopg.errors.CheckViolation as error:
            # The default partition holds rows of that day already: it goes on holding them.
            log.warning("history.in_default_partition", error=one_line(error))

    async def _drop(self, connection: AsyncConnection[TupleRow], parent: str, day: date) -> None:
        await connection.execute(STATEMENTS["drop"], {"parent": parent, "day": day})
        log.info("history.dropped", partition=name_of(parent, day))

    async def _make(self, connection: AsyncConnection[TupleRow], parent: str, day: date) -> None:
        await connection.execute(STATEMENTS["make"], {"parent": parent, "day": day})

    async def _measure(self) -> None:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statements("delivery")["queue"])
            rows = await cursor.fetchall()
            cursor = await connection.execute(statements("delivery")["changes"])
            (oldest_change, set_aside) = await cursor.fetchone() or (None, 0)
        metrics.CHANGES_SET_ASIDE.set(set_aside)
        metrics.CHANGES_OLDEST.clear()
        if oldest_change is not None:
            metrics.CHANGES_OLDEST.labels("outbox").set(oldest_change.timestamp())
        for channel, state in self._queued - {(channel, state) for channel, state, *_ in rows}:
            metrics.QUEUE.labels(channel, state).set(0)
        self._queued |= {(channel, state) for channel, state, *_ in rows}
        metrics.QUEUE_OLDEST.clear()
        for channel, state, count, oldest in rows:
            metrics.QUEUE.labels(channel, state).set(count)
            if state == "pending":
                metrics.QUEUE_OLDEST.labels(channel).set(oldest.timestamp())
