"""The planner: one active in the whole database, the others stand by (design 5.4).

The lock that makes it the active one is held by the very connection that writes, so a planner that lost its place
cannot commit.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import psycopg
import structlog
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from config.mapping import Watch
from daemon import metrics
from daemon.capture.doorbell import Connect, Doorbell
from daemon.capture.outbox import Captured, NotOurs, Outbox
from daemon.planning.plan import Policy, plan
from daemon.planning.values import Plan
from daemon.room import Room
from daemon.store.batch import Batch, report
from daemon.store.lookup import Lookup
from daemon.store.reading import read, said, set_aside
from daemon.store.write import write
from dispatchers.base import Delivery
from schema import locks
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("plan")

SETTLE_SECONDS = 1.0
"""How often the outbox is asked to move its lower bound on, while there is work."""

LOCKED_SECONDS = 0.2
"""Before the application's tables are read again after one of them was locked."""

RECONNECT_SECONDS = (0.1, 5.0)
"""The first and the longest wait before a lost connection is made again."""


@dataclass(frozen=True, slots=True)
class Planning:
    """What planning needs to know; replaced as a whole when the configuration is read again."""

    watches: Mapping[str, Watch]
    lookup: Lookup
    policy: Policy
    node: str
    batch_size: int
    lease_seconds: float


class PlannerState(StrEnum):
    """What this node's planner is doing."""

    CONNECTING = "connecting"
    STANDBY = "standby"
    ACTIVE = "active"


class Planner:
    """Takes changes, plans them and writes the plan, in one transaction a batch."""

    def __init__(
        self,
        connect: Connect,
        doorbell: Doorbell,
        planning: Planning,
        room: Room,
        publish: Callable[[Sequence[Delivery]], None],
    ) -> None:
        """``publish`` is given one delivery per new notification, for the hub, after the commit."""
        self._connect = connect
        self._doorbell = doorbell
        self.planning = planning
        self._room = room
        self._publish = publish
        self._outbox = Outbox()
        self._settle_at = 0.0
        self.state = PlannerState.CONNECTING
        self.live = asyncio.Event()
        """Set while capture is live, here or at the planner that this one stands by for."""
        self.progressed_at = asyncio.get_running_loop().time()
        """Loop time of the last sign of life: the watchdog asks."""

    @property
    def active(self) -> bool:
        """Whether this is the one that plans."""
        return self.state is PlannerState.ACTIVE

    async def run(self) -> None:
        """Plan for ever, through lost connections."""
        wait, longest = RECONNECT_SECONDS
        while True:
            self.progressed_at = asyncio.get_running_loop().time()
            try:
                await self._hold_office()
            except (psycopg.Error, NotOurs) as error:
                metrics.RECONNECTS.inc()
                log.warning("planner.connection_lost", error=" ".join(str(error).split()), retry_in_seconds=wait)
            finally:
                was_live = self.live.is_set()
                self.state = PlannerState.CONNECTING
                self.live.clear()
                metrics.PLANNER_ACTIVE.set(0)
            await asyncio.sleep(wait)
            wait = RECONNECT_SECONDS[0] if was_live else min(wait * 2, longest)

    async def _hold_office(self) -> None:
        connection = await self._connect("orderbell planner")
        try:
            await self._become_active(connection)
            self._outbox.forget()
            await self._doorbell.run(lambda: self._drain(connection), self.live.set, connection)
        finally:
            await connection.close()

    async def _become_active(self, connection: AsyncConnection[TupleRow]) -> None:
        key = {"class": locks.CLASS, "key": locks.PLANNER}
        cursor = await connection.execute(SQL["try_lock_planner"], key)
        if await cursor.fetchone() != (True,):
            self.state = PlannerState.STANDBY
            log.info("planner.standby")
            self.live.set()
            await connection.execute(SQL["lock_planner"], key)
        await connection.execute(SQL["planner_timeouts"])
        self.state = PlannerState.ACTIVE
        metrics.PLANNER_ACTIVE.set(1)
        log.info("planner.active")

    async def _drain(self, connection: AsyncConnection[TupleRow]) -> int:
        """Plan one batch; returns how many changes it consumed."""
        while True:
            self.progressed_at = asyncio.get_running_loop().time()
            try:
                return await self._drain_once(connection)
            except psycopg.errors.LockNotAvailable as error:
                # The application is changing one of its tables. It comes first: nobody shall wait behind us.
                metrics.PLANNER_WAITS.inc()
                log.info("planner.waits", error=said(error))
                await asyncio.sleep(LOCKED_SECONDS)

    async def _drain_once(self, connection: AsyncConnection[TupleRow]) -> int:
        async with connection.cursor() as cursor:
            await self._settle(cursor)
            looked = await self._outbox.look(cursor, self.planning.batch_size)
            if not looked:
                return 0
            try:
                self._tell(await self._plan_batch(connection, cursor, looked))
            except Exception as error:  # whatever one change makes fail, the others go on
                if _is_the_databases(error):
                    raise
                metrics.PLAN_FAILURES.inc()
                log.warning("plan.batch_failed", error=said(error))
                await self._plan_one_by_one(connection, cursor, looked)
        return len(looked)

    async def _plan_one_by_one(
        self, connection: AsyncConnection[TupleRow], cursor: AsyncCursor[TupleRow], looked: Sequence[Captured]
    ) -> None:
        """Plan each change by itself, and set aside those that cannot be planned."""
        for captured in looked:
            self.progressed_at = asyncio.get_running_loop().time()
            try:
                self._tell(await self._plan_batch(connection, cursor, [captured]))
            except Exception as error:  # as above
                if _is_the_databases(error):
                    raise
                await cursor.execute(SQL["set_aside"], {"id": captured.id, "error": said(error)})
                metrics.CHANGES.labels("?", "set_aside").inc()
                log.error("change.set_aside", change=captured.id, error=said(error))

    async def _plan_batch(
        self, connection: AsyncConnection[TupleRow], cursor: AsyncCursor[TupleRow], looked: Sequence[Captured]
    ) -> Batch:
        """Plan these changes and write the plan.

        The application's tables are read before the transaction begins: a lock on one of them must never be held
        while waiting for another, or for our own writes.
        """
        p = self.planning
        reading = await read(cursor, looked, p.watches)
        audiences = await p.lookup.audiences(cursor, reading.events, p.policy)
        people = await p.lookup.people(cursor, audiences, p.policy.channels)
        suppressed = await p.lookup.suppressed(cursor, people, p.policy.channels)
        leased: dict[str, int] = {}
        try:
            async with connection.transaction():
                now = await self._outbox.consume(cursor, looked)
                for captured, reason in reading.unreadable:
                    await cursor.execute(SQL["set_aside_taken"], set_aside(captured, reason))
                planned = plan(reading.events, audiences, people, p.policy, now, suppressed)
                leased = self._reserve(planned)
                written = await write(cursor, planned, leased, p.node, p.lease_seconds, now)
        except BaseException:
            # Not committed, or not known to be: what was leased after all is taken up when its lease ends.
            for channel, count in leased.items():
                self._room.release(channel, count)
            raise
        return Batch(list(looked), reading.outcomes, planned, written, now)

    def _reserve(self, planned: Plan) -> dict[str, int]:
        """Channel -> how many deliveries of the plan this node's workers have room for."""
        wanted = Counter(delivery.channel for delivery in planned.deliveries)
        return {channel: self._room.reserve(channel, count) for channel, count in wanted.items()}

    async def _settle(self, cursor: AsyncCursor[TupleRow]) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._settle_at:
            self._settle_at = now + SETTLE_SECONDS
            await self._outbox.settle(cursor)

    def _tell(self, batch: Batch) -> None:
        """After the commit: hand over, publish, count."""
        self._room.accept(batch.written.leased)
        if batch.written.live:
            self._publish(batch.written.live)
        report(batch, self.planning.policy.rules)


def _is_the_databases(error: Exception) -> bool:
    """Whether the database failed us (a lost connection, a deadlock, a full disk) and not the change that it was about.

    A query that was cancelled for taking too long is the change's: it would block all others for ever.
    """
    kinds = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction, NotOurs)
    return isinstance(error, kinds) and not isinstance(error, psycopg.errors.QueryCanceled)
