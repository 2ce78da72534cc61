"""Is it well? For systemd's watchdog (is it stuck?) and for ``/readyz`` (can it do its work?)."""

import asyncio

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from daemon.capture.doorbell import Doorbell
from daemon.connections import Pool
from daemon.store.planner import Planner
from daemon.systemd import ServiceManager

log = structlog.get_logger(__name__)

STUCK_SECONDS = 60.0
"""A planner that neither sleeps nor moves for this long is stuck, where systemd does not say how long it waits."""


class Health:
    """Feeds the watchdog from real progress, and answers the readiness checks."""

    def __init__(self, manager: ServiceManager) -> None:
        self._manager = manager
        self._planner: Planner | None = None
        self._doorbell: Doorbell | None = None
        self._pool: Pool | None = None
        self._progressed_at = asyncio.get_running_loop().time()

    def observe(self, planner: Planner, doorbell: Doorbell, pool: Pool) -> None:
        """These are the parts whose health it is."""
        self._planner, self._doorbell, self._pool = planner, doorbell, pool

    def progressed(self) -> None:
        """A worker has finished something."""
        self._progressed_at = asyncio.get_running_loop().time()

    async def ready_when_live(self) -> None:
        """Tell systemd READY once capture is live, and not before."""
        if self._planner is None:
            raise RuntimeError("observe() comes first")
        await self._planner.live.wait()
        self._manager.ready()
        self._manager.status("planning" if self._planner.active else "standing by for the active planner")
        log.info("daemon.ready", active=self._planner.active)

    async def run(self) -> None:
        """Feed the watchdog for as long as there is progress."""
        limit = self._manager.watchdog_seconds or STUCK_SECONDS
        while True:
            stuck_for = self.stuck_seconds()
            if stuck_for < limit:
                self._manager.alive()
            else:
                log.error("daemon.stuck", seconds=round(stuck_for, 1))
            await asyncio.sleep(limit / 4)

    def stuck_seconds(self) -> float:
        """For how long the planner has been awake without a sign of life; 0 while it sleeps or stands by."""
        if self._planner is None or self._doorbell is None:
            return 0.0
        if self._doorbell.asleep.is_set() or not self._planner.active:
            return 0.0
        return asyncio.get_running_loop().time() - self._planner.progressed_at

    async def checks(self) -> dict[str, str | None]:
        """Check -> None when it is well, else what is wrong."""
        return {"database": await self._database(), "capture": self._capture()}

    async def _database(self) -> str | None:
        if self._pool is None:
            return "not started"
        try:
            async with asyncio.timeout(2.0), self._pool.connection() as connection:
                await connection.execute("SELECT 1")
        except (psycopg.Error, PoolTimeout, TimeoutError) as error:
            return f"does not answer: {' '.join(str(error).split()) or 'timeout'}"
        return None

    def _capture(self) -> str | None:
        if self._planner is None or not self._planner.live.is_set():
            return "not live: no connection to the database yet, or none any more"
        stuck_for = self.stuck_seconds()
        return f"the planner has not moved for {stuck_for:.0f} s" if stuck_for > STUCK_SECONDS else None
