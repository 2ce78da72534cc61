"""The planner: one active in the whole database, the others stand by (design 5.4).

The lock that makes it the active one is held by the very connection that writes, so a planner that lost its place
cannot commit.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import psycopg
import structlog
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from config.mapping import Watch
from daemon import metrics
from daemon.capture.doorbell import Connect, Doorbell
from daemon.capture.outbox import Captured, NotOurs, Outbox
from daemon.connections import QUEUE
from daemon.kept import one_line
from daemon.office import take_office
from daemon.planning.known import Failing, Known
from daemon.planning.pieces import Piece, pieces
from daemon.planning.plan import plan
from daemon.planning.policy import Policy
from daemon.planning.values import Plan
from daemon.planning.whereabouts import newest
from daemon.room import Room
from daemon.store.batch import Batch
from daemon.store.live import Live
from daemon.store.lookup import Lookup
from daemon.store.published import Published
from daemon.store.reading import Reading, read, said, set_aside
from daemon.store.rooms import statuses
from daemon.store.withdraw import withdraw
from daemon.store.write import is_small, write
from daemon.store.written import Written
from daemon.tracing import NOBODY, Tracer
from schema import locks
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("plan")

SETTLE_SECONDS = 1.0
"""How often the outbox is asked to move its lower bound on, while there is work."""

LOCKED_SECONDS = 0.2
"""Before the application's tables are read again after one of them was locked."""

LAST = 2**63 - 1
"""No notification has a higher id."""

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


@dataclass(frozen=True, slots=True)
class Draft:
    """A batch before anything of it is written."""

    planning: Planning
    """As it is when the batch begins, whatever is read again meanwhile."""
    reading: Reading
    batch: Batch
    failing: Failing
    first: Plan | None
    """Of the first piece; None where there are no events."""
    others: Sequence[Piece]
    """To be looked up and planned when their turn has come."""

    @property
    def is_one_statement(self) -> bool:
        """Whether all that is to be written goes into one."""
        if self.others or not self.reading.is_of_events:
            return False
        return self.first is None or (is_small(self.first) and not self.first.withdrawals)


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
        live: Live,
        tracer: Tracer = NOBODY,
    ) -> None:
        self._connect = connect
        self._doorbell = doorbell
        self._published = Published()
        self.planning = planning
        self._room = room
        self._screens = live
        self._tracer = tracer
        self._reader: AsyncConnection[TupleRow] | None = None
        self._outbox = Outbox()
        self._settle_at = 0.0
        self.state = PlannerState.CONNECTING
        self.live = asyncio.Event()
        """Set while capture is live, here or at the planner that this one stands by for."""
        self.progressed_at = asyncio.get_running_loop().time()
        """Loop time of the last sign of life: the watchdog asks."""

    @property
    def planning(self) -> Planning:
        """As it was set, with the published templates over its words."""
        return self._planning

    @planning.setter
    def planning(self, planning: Planning) -> None:
        self._configured = planning
        policy = planning.policy
        self._planning = replace(planning, policy=replace(policy, catalogue=self._published.over(policy.catalogue)))

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
                log.warning("planner.connection_lost", error=one_line(error), retry_in_seconds=wait)
            finally:
                was_live = self.live.is_set()
                self.state = PlannerState.CONNECTING
                self.live.clear()
                metrics.PLANNER_ACTIVE.set(0)
            await asyncio.sleep(wait)
            wait = RECONNECT_SECONDS[0] if was_live else min(wait * 2, longest)

    async def _hold_office(self) -> None:
        connection = await self._connect("orderbell planner", **QUEUE)
        try:
            await self._become_active(connection)
            self._outbox.forget()
            self._published.forget()
            reader = await self._application()
            await self._doorbell.run(lambda: self._drain(connection), self.live.set, (connection, reader))
        finally:
            await connection.close()
            if self._reader is not None:
                await self._reader.close()
                self._reader = None

    async def _become_active(self, connection: AsyncConnection[TupleRow]) -> None:
        await take_office(connection, locks.PLANNER, self._stand_by)
        await connection.execute(SQL["planner_timeouts"])
        self.state = PlannerState.ACTIVE
        metrics.PLANNER_ACTIVE.set(1)
        log.info("planner.active")

    def _stand_by(self) -> None:
        self.state = PlannerState.STANDBY
        log.info("planner.standby")
        self.live.set()

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
            if await self._published.look(cursor):
                self.planning = self._configured
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
        while waiting for another, or for our own writes. Mostly that transaction is a single statement.
        """
        p = self.planning
        reading = await read(cursor, looked, p.watches)
        async with (await self._application()).cursor() as application:
            draft = await self._draft(application, p, looked, reading)
        leased: Counter[str] = Counter()
        try:
            if draft.is_one_statement:
                await self._write_at_once(cursor, draft, leased)
            else:
                async with connection.transaction():
                    await self._write_in_turn(cursor, draft, leased)
        except BaseException:
            # Not committed, or not known to be: what was leased after all is taken up when its lease ends.
            for channel, count in leased.items():
                self._room.release(channel, count)
            raise
        return draft.batch

    async def _draft(
        self, cursor: AsyncCursor[TupleRow], p: Planning, looked: Sequence[Captured], reading: Reading
    ) -> Draft:
        """Everything that is found out before anything is written."""
        audiences = await p.lookup.audiences(cursor, reading.events, p.policy)
        failing = await p.lookup.failing(cursor, reading.events, p.policy, p.watches)
        shown = statuses(reading.events, p.watches) if self._screens.followed else []
        parts = list(pieces(reading.events, audiences))
        batch = Batch(looked, reading.outcomes, shown, newest(reading.sightings), len(parts) > 1)
        batch.traced = [] if self._tracer.on else None
        first = None
        if parts:
            known, now = await p.lookup.known_at(cursor, parts[0].audiences, p.policy, failing)
            batch.begin(now)
            first = self._planned(p, parts[0], known, now)
        return Draft(p, reading, batch, failing, first, parts[1:])

    async def _write_at_once(self, cursor: AsyncCursor[TupleRow], draft: Draft, leased: Counter[str]) -> None:
        batch = draft.batch
        if draft.first is None:
            batch.begin(await self._outbox.consume(cursor, batch.taken))
        else:
            await self._write(cursor, draft.first, draft, leased, consumed=[captured.id for captured in batch.taken])

    async def _write_in_turn(self, cursor: AsyncCursor[TupleRow], draft: Draft, leased: Counter[str]) -> None:
        """In a transaction: each thing after the other."""
        reading, batch = draft.reading, draft.batch
        now = await self._outbox.consume(cursor, batch.taken)
        for captured, reason in reading.unreadable:
            await cursor.execute(SQL["set_aside_taken"], set_aside(captured, reason))
        if draft.first is None:
            batch.begin(now)
        else:
            event_id = await self._write(cursor, draft.first, draft, leased)
            for piece in draft.others:
                known = await self._known_elsewhere(draft, piece)
                # What earlier pieces have written is not to be seen from there.
                known = replace(known, spent=Counter(known.spent) + batch.spent)
                goes_on = event_id if piece.mentioned is not None else None
                planned = self._planned(draft.planning, piece, known, batch.now)
                event_id = await self._write(cursor, planned, draft, leased, goes_on)
        for key, end in reading.extended:
            await cursor.execute(SQL["extend"], {"key": key, "expires_at": end})
        if reading.cancelled:
            catalogue = draft.planning.policy.catalogue
            gone, dropped = await withdraw(cursor, [], reading.cancelled, LAST, catalogue, batch.now)
            batch.add(Written(), gone, dropped)

    def _planned(self, p: Planning, piece: Piece, known: Known, now: datetime) -> Plan:
        self.progressed_at = asyncio.get_running_loop().time()
        shifted = {(index - piece.first, audience, step) for index, audience, step in known.failing}
        known = replace(known, failing=shifted)
        return plan(piece.events, piece.audiences, known, p.policy, now, piece.mentioned)

    async def _write(
        self,
        cursor: AsyncCursor[TupleRow],
        planned: Plan,
        draft: Draft,
        leased: Counter[str],
        event_id: int | None = None,
        *,
        consumed: Sequence[int] = (),
    ) -> int:
        """Write what is planned of one piece; returns the id of its first event."""
        p, batch = draft.planning, draft.batch
        room = self._reserve(planned, batch.now)
        leased.update(room)
        written = await write(cursor, planned, room, p.node, p.lease_seconds, batch.now, event_id, consumed=consumed)
        gone, dropped = await withdraw(
            cursor, planned.withdrawals, [], written.ids.notifications, p.policy.catalogue, batch.now
        )
        batch.add(written, gone, dropped)
        if batch.broadcast:
            batch.hand_over(self._screens.listening)  # its rows are many, and this piece's are not kept
        return written.ids.events

    async def _known_elsewhere(self, draft: Draft, piece: Piece) -> Known:
        """What there is to know of a later piece's people, read outside the transaction that waits for it."""
        async with (await self._application()).cursor() as cursor:
            concerned = [*piece.audiences, piece.mentioned or {}]
            return await draft.planning.lookup.known(cursor, concerned, draft.planning.policy, draft.failing)

    async def _application(self) -> AsyncConnection[TupleRow]:
        """For the application's tables: the planner's own session has settings for the queue."""
        if self._reader is None or self._reader.closed:
            self._reader = await self._connect("orderbell planner's reader")
            await self._reader.execute(SQL["planner_timeouts"])
        return self._reader

    def _reserve(self, planned: Plan, now: datetime) -> Counter[str]:
        """Channel -> how many deliveries of the plan this node's workers have room for."""
        wanted = Counter(d.channel for d in planned.deliveries if d.hold is None and d.due_at <= now)
        return Counter({channel: self._room.reserve(channel, count) for channel, count in wanted.items()})

    async def _settle(self, cursor: AsyncCursor[TupleRow]) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._settle_at:
            self._settle_at = now + SETTLE_SECONDS
            await self._outbox.settle(cursor)

    def _tell(self, batch: Batch) -> None:
        """After the commit: hand over, publish, count."""
        batch.hand_over(self._screens.concerns)
        self._room.accept(batch.leased)
        if batch.live:
            self._screens.publish(batch.live)
        if batch.broadcast:
            self._screens.catch_up(batch.began_at)
        if batch.taken_back:
            self._screens.take_back(batch.taken_back)
        if batch.statuses:
            self._screens.show(batch.statuses)
        if batch.sightings:
            self._screens.sighted(batch.sightings)
        if batch.traced:
            self._tracer.planned(batch.traced, batch.now, time.monotonic() - batch.began_at)
        batch.report(self.planning.policy.rules)


def _is_the_databases(error: Exception) -> bool:
    """Whether the database failed us (a lost connection, a deadlock, a full disk) and not the change that it was about.

    A query that was cancelled for taking too long is the change's: it would block all others for ever.
    """
    kinds = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction, NotOurs)
    return isinstance(error, kinds) and not isinstance(error, psycopg.errors.QueryCanceled)
