"""Is it well? For systemd's watchdog and ``/livez`` (is it stuck?), and for ``/readyz`` (can it do its work?)."""

import asyncio
import time
from collections.abc import Callable, Iterable

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from daemon import metrics
from daemon.capture.changelog.reader import ChangeLog
from daemon.capture.doorbell import Doorbell
from daemon.connections import Pool
from daemon.delivery.workers import Workers
from daemon.store.planner import Planner, PlannerState
from daemon.systemd import ServiceManager
from dispatchers.base import Dispatcher, HasProviders

log = structlog.get_logger(__name__)

STUCK_SECONDS = 60.0
"""A planner that neither sleeps nor moves for this long is stuck, where systemd does not say how long it waits."""


class Health:
    """Feeds the watchdog from real progress, and answers the readiness checks."""

    def __init__(self, manager: ServiceManager) -> None:
        self._manager = manager
        self._planner: Planner | None = None
        self._doorbell: Doorbell | None = None
        self._changelog: ChangeLog | None = None
        self._workers: Workers | None = None
        self._pool: Pool | None = None
        self._dispatchers: tuple[Dispatcher, ...] = ()
        self._more: dict[str, Callable[[], str | None]] = {}
        metrics.PLANNER_PROGRESS.set_function(lambda: time.time() - self._planner_stuck_seconds())
        metrics.LANES_PROGRESS.set_function(lambda: time.time() - self._lanes_stuck_seconds())

    def observe(
        self,
        planner: Planner,
        doorbell: Doorbell,
        changelog: ChangeLog,
        workers: Workers,
        pool: Pool,
        dispatchers: Iterable[Dispatcher] = (),
    ) -> None:
        """These are the parts whose health it is."""
        self._planner, self._doorbell, self._changelog, self._pool = planner, doorbell, changelog, pool
        self._workers = workers
        self._dispatchers = tuple(dispatchers)

    def add(self, name: str, check: Callable[[], str | None]) -> None:
        """One more check for ``/readyz``: None while it is well, else what is wrong. It must not wait for anything."""
        self._more[name] = check

    async def ready_when_live(self) -> None:
        """Tell systemd READY once capture is live, and not before."""
        if self._planner is None or self._changelog is None:
            raise RuntimeError("observe() comes first")
        await self._planner.live.wait()
        await self._changelog.live.wait()
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
        """For how long the planner has been awake without a sign of life, or a lane has not looked for work."""
        return max(self._planner_stuck_seconds(), self._lanes_stuck_seconds())

    def _lanes_stuck_seconds(self) -> float:
        if self._workers is None or not self._workers.running:
            return 0.0
        return max(0.0, asyncio.get_running_loop().time() - self._workers.turned_at)

    def _planner_stuck_seconds(self) -> float:
        """0 while it sleeps or stands by."""
        if self._planner is None or self._doorbell is None:
            return 0.0
        if self._doorbell.asleep.is_set() or not self._planner.active:
            return 0.0
        return asyncio.get_running_loop().time() - self._planner.progressed_at

    def alive(self) -> str | None:
        """None, or why only a restart helps: ``/livez`` says it."""
        stuck_for = self.stuck_seconds()
        return f"the planner or a lane has not moved for {stuck_for:.0f} s" if stuck_for > STUCK_SECONDS else None

    async def checks(self) -> dict[str, str | None]:
        """Check -> None when it is well, else what is wrong; a provider's is called ``provider:CHANNEL/NAME``."""
        found = {"database": await self._database(), "capture": self._capture(), "planner": self._planning()}
        for dispatcher in self._dispatchers:
            if isinstance(dispatcher, HasProviders):
                resting = dispatcher.resting()
                found |= {f"provider:{dispatcher.channel}/{name}": said for name, said in resting.items()}
        return found | {name: check() for name, check in self._more.items()}

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
        if self._changelog is None or not self._changelog.live.is_set():
            said = self._changelog.trouble if self._changelog is not None else None
            return f"the change log is not read: {said or 'no connection to the database yet'}"
        return None

    def _planning(self) -> str | None:
        """One that stands by for another is well."""
        if self._planner is None or self._planner.state is PlannerState.CONNECTING:
            return "neither plans nor stands by: no connection to the database"
        return self.alive()
