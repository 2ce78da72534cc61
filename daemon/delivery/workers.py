"""All channels of this node together: what the planner hands over to, and what the supervisor starts and stops."""

import asyncio
from collections.abc import Iterable, Sequence

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from config.settings import DeliverySettings
from daemon.clock import DatabaseClock
from daemon.delivery.lane import Lane
from daemon.delivery.leases import Leases
from daemon.delivery.ledger import Ledger
from daemon.kept import one_line
from daemon.tracing import NOBODY, Tracer
from dispatchers.base import Delivery, Dispatcher

log = structlog.get_logger(__name__)

AWAY_SECONDS = 1.0
"""Before a lane goes on after the database was away."""


class Workers:
    """One lane a channel, and the ledger that they share. Is the planner's :class:`daemon.room.Room`."""

    def __init__(
        self,
        dispatchers: Iterable[Dispatcher],
        leases: Leases,
        ledger: Ledger,
        settings: DeliverySettings,
        clock: DatabaseClock,
        tracer: Tracer = NOBODY,
    ) -> None:
        self._leases = leases
        self._ledger = ledger
        self.running = False
        self._lanes = {d.channel: Lane(d, leases, ledger, settings, clock, tracer) for d in dispatchers}

    @property
    def channels(self) -> frozenset[str]:
        """The channels that can be sent on."""
        return frozenset(self._lanes)

    def obey(self, settings: DeliverySettings) -> None:
        """Go by these settings from now on."""
        self._leases.settings = settings
        for lane in self._lanes.values():
            lane.settings = settings

    def reserve(self, channel: str, wanted: int) -> int:
        lane = self._lanes.get(channel)
        return lane.reserve(wanted) if lane else 0

    def release(self, channel: str, count: int) -> None:
        if lane := self._lanes.get(channel):
            lane.release(count)

    def accept(self, deliveries: Sequence[Delivery]) -> None:
        by_channel: dict[str, list[Delivery]] = {}
        for delivery in deliveries:
            by_channel.setdefault(delivery.channel, []).append(delivery)
        for channel, own in by_channel.items():
            self._lanes[channel].accept(own, reserved=True)
        for lane in self._lanes.values():
            lane.planned()

    @property
    def turned_at(self) -> float:
        """When, by the loop's clock, the lane that is furthest behind last began anew to look for work. A send that
        takes long keeps none from it.
        """
        return min((lane.turned_at for lane in self._lanes.values()), default=float("inf"))

    async def run(self) -> None:
        """Send and write outcomes, until cancelled; then :meth:`drain` must be called."""
        self.running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ledger.run(), name="ledger")
                for channel, lane in self._lanes.items():
                    tasks.create_task(self._keep_running(channel, lane), name=f"lane {channel}")
        finally:
            self.running = False

    async def drain(self, seconds: float) -> None:
        """Give back what has not begun, let sends in flight finish within ``seconds``, write every outcome."""
        ledger = asyncio.create_task(self._ledger.run(), name="ledger drains")
        try:
            async with asyncio.timeout(seconds + 5):
                drained = (lane.drain(seconds) for lane in self._lanes.values())
                unknown: list[int] = []
                complete = True
                for result in await asyncio.gather(*drained, return_exceptions=True):
                    if isinstance(result, BaseException):
                        complete = False
                        log.warning("drain.incomplete", error=str(result))
                    else:
                        unknown += result
                await self._ledger.settled()
                if complete:
                    # Else nobody knows what was in flight: leases run out, and what they held comes back uncertain.
                    await self._leases.give_back_rest(unknown)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("drain.incomplete", error=one_line(error))
        except TimeoutError:
            log.warning("drain.timeout", hint="leases run out, and another daemon takes these deliveries up")
        finally:
            ledger.cancel()
            await asyncio.gather(ledger, return_exceptions=True)

    async def _keep_running(self, channel: str, lane: Lane) -> None:
        while True:
            try:
                await lane.run()
            except (psycopg.Error, PoolTimeout, TimeoutError) as error:
                log.warning("lane.database_away", channel=channel, error=one_line(error) or "it does not answer")
                await asyncio.sleep(AWAY_SECONDS)
