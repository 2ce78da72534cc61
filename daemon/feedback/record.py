"""Writes what came back: states go forward only, addresses are closed and opened, what may go again goes again."""

from collections.abc import Collection, Sequence

import structlog
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from config.names import Closed
from config.settings import DeliverySettings
from daemon import metrics
from daemon.connections import Pool
from daemon.feedback.values import Report
from daemon.kept import kept
from dispatchers.canonical import canonical
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("feedback")

AGAIN_SECONDS = 60.0
"""The first wait, which doubles: what a handset did not take, it does not take a moment later, and texts cost money."""

EARLY_DAYS = 3
"""How long a report waits for the delivery that it is about."""
EARLY_AT_ONCE = 1_000
"""The newest so many are looked at; what has waited behind so many waits for nothing."""


class Feedback:
    """The one way in for everything that comes back. Raises psycopg's errors where the database is away."""

    def __init__(self, pool: Pool, settings: DeliverySettings, default_region: str = "") -> None:
        self._pool = pool
        self.settings = settings
        self._default_region = default_region

    async def report(self, reports: Sequence[Report]) -> int:
        """Write these reports; returns how many are about a delivery that is known by now.

        One by a provider's id that is about nothing yet is kept: callbacks may overtake our own writing.
        """
        async with self._pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            found = await self._match(cursor, reports)
            early = [r for n, r in enumerate(reports) if n not in found and r.provider_id is not None]
            if early:
                await cursor.execute(SQL["keep_early"], _early(early))
        return len(found)

    async def settle(self) -> None:
        """Match what came too early, and forget what has waited for days."""
        async with self._pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            await cursor.execute(SQL["early"], {"limit": EARLY_AT_ONCE})
            reports = [
                Report(channel, state, provider_id, error=error, closed=Closed(why) if why else None, again=again)
                for channel, provider_id, state, error, why, again in await cursor.fetchall()
            ]
            if reports:
                await self._match(cursor, reports)
            await cursor.execute(SQL["forget_early"], {"days": EARLY_DAYS})

    async def close(self, channel: str, address: str, reason: Closed, detail: str = "") -> bool:
        """Send nothing to ``address`` any more; False where it was closed already."""
        async with self._pool.connection() as connection, connection.cursor() as cursor:
            return await self._close(cursor, channel, address, reason, detail)

    async def open(self, channel: str, address: str, reasons: Collection[Closed] | None = None) -> bool:
        """Lift what closed ``address``, if it was one of ``reasons`` (None: whatever it was); whether it was closed."""
        parameters = {
            "channel": channel,
            "address": canonical(channel, address, self._default_region),
            "reasons": None if reasons is None else list(reasons),
        }
        async with self._pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute(SQL["lift"], parameters)
            lifted = await cursor.fetchone()
        if lifted:
            log.info("address.opened", channel=channel, was=lifted[0])
        return lifted is not None

    async def prefer(self, user_id: str, category: str, channel: str, *, enabled: bool) -> None:
        """Note that this person wants, or does not want, a category on a channel."""
        parameters = {"user_id": user_id, "category": category, "channel": channel, "enabled": enabled}
        async with self._pool.connection() as connection:
            await connection.execute(SQL["prefer"], parameters)

    async def _match(self, cursor: AsyncCursor[TupleRow], reports: Sequence[Report]) -> set[int]:
        """Write those of ``reports`` whose deliveries are there; returns their indexes."""
        await cursor.execute(SQL["report"], _reports(reports))
        found: set[int] = set()
        for number, id_, address, attempt, moved in await cursor.fetchall():
            index = number - 1
            found.add(index)
            if moved:
                await self._follow(cursor, reports[index], id_, address, attempt)
        return found

    async def _follow(
        self, cursor: AsyncCursor[TupleRow], report: Report, id_: int, address: str, attempt: int
    ) -> None:
        """What a report entails, once its delivery has moved on."""
        metrics.FEEDBACK.labels(report.channel, report.state).inc()
        if report.state == "failed":
            log.warning("delivery.came_back", delivery=id_, channel=report.channel, error=report.error)
        if report.closed:
            await self._close(cursor, report.channel, address, report.closed, report.error or "")
        if report.again:
            wait = max(AGAIN_SECONDS, min(self.settings.retry_max_seconds, AGAIN_SECONDS * 2.0 ** min(attempt - 1, 60)))
            parameters = {"ids": [id_], "max_attempts": self.settings.max_attempts, "after_seconds": wait}
            await cursor.execute(SQL["send_again"], parameters)

    async def _close(
        self, cursor: AsyncCursor[TupleRow], channel: str, address: str, reason: Closed, detail: str
    ) -> bool:
        parameters = {
            "channel": channel,
            "address": canonical(channel, address, self._default_region),
            "reason": reason,
            "detail": kept(detail),
        }
        await cursor.execute(SQL["suppress"], parameters)
        closed = await cursor.fetchone() is not None
        if closed:
            metrics.ADDRESSES_CLOSED.labels(channel, reason).inc()
            log.info("address.closed", channel=channel, reason=reason.value)
        return closed


def _reports(reports: Sequence[Report]) -> dict[str, list[object]]:
    return {
        "channels": [r.channel for r in reports],
        "provider_ids": [kept(r.provider_id) for r in reports],
        "ids": [r.delivery_id for r in reports],
        "addresses": [r.address for r in reports],
        "states": [r.state for r in reports],
        "errors": [kept(r.error) for r in reports],
    }


def _early(reports: Sequence[Report]) -> dict[str, list[object]]:
    return {
        "channels": [r.channel for r in reports],
        "provider_ids": [kept(r.provider_id) for r in reports],
        "states": [r.state for r in reports],
        "errors": [kept(r.error) for r in reports],
        "suppress": [r.closed for r in reports],
        "again": [r.again for r in reports],
    }
