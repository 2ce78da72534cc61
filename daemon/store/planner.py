"""The planner: one active in the whole database, the others stand by (design 5.4).

The lock that makes it the active one is held by the very connection that writes, so a planner that lost its place
cannot commit.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
import structlog
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from config.mapping import Watch
from daemon import metrics
from daemon.capture.doorbell import Connect, Doorbell
from daemon.capture.outbox import Captured, Outbox, Unreadable, changes_in
from daemon.planning.events import event_of
from daemon.planning.plan import Policy, plan
from daemon.planning.values import Change, Event, Plan
from daemon.room import Room
from daemon.store.batch import Batch, report
from daemon.store.lookup import Lookup
from daemon.store.write import write
from dispatchers.base import Delivery
from schema import locks
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("plan")

SETTLE_SECONDS = 1.0
"""How often the outbox is asked to move its lower bound on, while there is work."""

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
        self._found_nothing = False
        self.active = False
        self.live = asyncio.Event()
        """Set once capture is live, here or at the planner that this one stands by for."""
        self.progressed_at = asyncio.get_running_loop().time()
        """Loop time of the last sign of life: the watchdog asks."""

    async def run(self) -> None:
        """Plan for ever, through lost connections."""
        wait, longest = RECONNECT_SECONDS
        while True:
            try:
                await self._hold_office()
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                metrics.RECONNECTS.inc()
                log.warning("planner.connection_lost", error=str(error).strip(), retry_in_seconds=wait)
            finally:
                self.active = False
                metrics.PLANNER_ACTIVE.set(0)
            await asyncio.sleep(wait)
            wait = RECONNECT_SECONDS[0] if self.live.is_set() else min(wait * 2, longest)

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
            log.info("planner.standby")
            self.live.set()
            await connection.execute(SQL["lock_planner"], key)
        self.active = True
        metrics.PLANNER_ACTIVE.set(1)
        log.info("planner.active")

    async def _drain(self, connection: AsyncConnection[TupleRow]) -> int:
        """Plan one batch; returns how many changes it consumed."""
        self.progressed_at = asyncio.get_running_loop().time()
        if self._found_nothing and await self._nothing_there(connection):
            return 0
        try:
            taken, batch = await self._plan_batch(connection, None)
        except Exception as error:  # whatever one change makes fail, the others go on
            if _is_the_databases(error):
                raise
            metrics.PLAN_FAILURES.inc()
            log.warning("plan.batch_failed", error=_said(error))
            return await self._plan_one_by_one(connection)
        self._found_nothing = taken == 0
        if batch is not None:
            self._tell(batch)
        return taken

    async def _nothing_there(self, connection: AsyncConnection[TupleRow]) -> bool:
        async with connection.cursor() as cursor:
            return await self._outbox.is_empty(cursor)

    async def _plan_one_by_one(self, connection: AsyncConnection[TupleRow]) -> int:
        """Plan each change of the next batch by itself, and set aside those that cannot be planned."""
        cursor = await connection.execute(SQL["peek"], {"limit": self.planning.batch_size})
        ids = [row[0] for row in await cursor.fetchall()]
        for change in ids:
            try:
                _, batch = await self._plan_batch(connection, change)
            except Exception as error:  # as above
                if _is_the_databases(error):
                    raise
                await connection.execute(SQL["set_aside"], {"id": change, "error": _said(error)})
                metrics.CHANGES.labels("?", "set_aside").inc()
                log.error("change.set_aside", change=change, error=_said(error))
            else:
                if batch is not None:
                    self._tell(batch)
        return len(ids)

    async def _plan_batch(self, connection: AsyncConnection[TupleRow], only: int | None) -> tuple[int, Batch | None]:
        """Plan and write one batch, or one change; None where there was nothing."""
        p = self.planning
        leased: dict[str, int] = {}
        try:
            async with connection.transaction(), connection.cursor() as cursor:
                await self._settle(cursor)
                if only is None:
                    taken, now = await self._outbox.take(cursor, p.batch_size)
                else:
                    taken, now = await self._outbox.take_one(cursor, only)
                if now is None:
                    return 0, None
                outcomes, events = await self._read(cursor, taken)
                audiences = await p.lookup.audiences(cursor, events, p.policy)
                people = await p.lookup.people(cursor, audiences, p.policy.channels)
                planned = plan(events, audiences, people, p.policy, now)
                leased = self._reserve(planned)
                written = await write(cursor, planned, leased, p.node, p.lease_seconds, now)
        except BaseException:
            # Not committed, or not known to be: what was leased after all is taken up when its lease ends.
            for channel, count in leased.items():
                self._room.release(channel, count)
            raise
        return len(taken), Batch(taken, outcomes, planned, written, now)

    def _reserve(self, planned: Plan) -> dict[str, int]:
        """Channel -> how many deliveries of the plan this node's workers have room for."""
        wanted = Counter(delivery.channel for delivery in planned.deliveries)
        return {channel: self._room.reserve(channel, count) for channel, count in wanted.items()}

    async def _settle(self, cursor: AsyncCursor[TupleRow]) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._settle_at:
            self._settle_at = now + SETTLE_SECONDS
            await self._outbox.settle(cursor)

    async def _read(
        self, cursor: AsyncCursor[TupleRow], taken: Sequence[Captured]
    ) -> tuple[list[tuple[str, str]], list[Event]]:
        """(watch, outcome) of each change, and the events; what cannot be read is set aside in the same transaction."""
        outcomes: list[tuple[str, str]] = []
        events: list[Event] = []
        for captured in taken:
            try:
                changes: list[Change] = list(changes_in(captured, self.planning.watches))
            except (Unreadable, ValueError) as error:
                await cursor.execute(SQL["set_aside_taken"], _failed(captured, _said(error)))
                outcomes.append(("?", "set_aside"))
                log.error("change.set_aside", change=captured.id, error=_said(error))
                continue
            for change in changes:
                event = event_of(change, self.planning.watches[change.watch])
                outcomes.append((change.watch, "event" if event else "no_event"))
                if event:
                    events.append(event)
        return outcomes, events

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
    lost = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return lost and not isinstance(error, psycopg.errors.QueryCanceled)


def _said(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, (Unreadable, psycopg.Error)) else f"{type(error).__name__}: {text}"


def _failed(captured: Captured, error: str) -> dict[str, object]:
    return {
        "id": captured.id,
        "watch": captured.watch,
        "op": captured.op,
        "key": captured.key,
        "old": captured.old,
        "new": captured.new,
        "captured_at": captured.captured_at,
        "error": error,
    }
