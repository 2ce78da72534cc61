"""When to look for changes: the doorbell (design 5.2).

A writer's trigger tries the gate lock, shared. Whoever has it stays silent and holds it until commit or rollback;
whoever can't have it rings with NOTIFY. The daemon holds no lock while it is awake and drains; before it sleeps it
takes the gate exclusively, which ends only when every silent writer has ended, then drains once more. So no commit is
left waiting, and a NOTIFY (a database-wide lock at commit) is rare under load.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn, Protocol

import structlog
from psycopg import AsyncConnection, OperationalError
from psycopg.rows import TupleRow

from config.settings import Capture
from daemon import metrics
from daemon.office import the_cause
from schema import locks

log = structlog.get_logger(__name__)

Drain = Callable[[], Awaitable[int]]
"""Consumes one batch of changes and returns how many it took: 0 when there was none."""


class Connect(Protocol):
    """Opens an autocommit connection with the application name and the settings of its session that it is given."""

    def __call__(self, application_name: str, **session: str) -> Awaitable[AsyncConnection[TupleRow]]: ...


AWAKE_PAUSE_SECONDS = 0.002
"""Between empty looks while awake: silent writers do not ring, so somebody must look."""

SILENT_PAUSE_SECONDS = 0.05
"""Between empty looks where nobody rings."""

REST_MAX_SECONDS = 0.01
"""After a batch; the longest that a change waits for company."""

REST_AFTER = 50
"""Changes in a batch that is worth a whole rest; after fewer of them it is as much shorter."""

REST_LEAST_SECONDS = 0.001
"""epoll_wait(2) knows no shorter time than a millisecond: what is less would be one."""

CLOSING_PAUSE_SECONDS = 0.01
"""Between looks while silent writers hold the gate; a transaction that stays open longer is looked at less often."""

CLOSING_PAUSE_MAX_SECONDS = 0.05


class Doorbell:
    """Calls a drain whenever there may be changes, and sleeps without polling when there are none."""

    def __init__(self, connect: Connect, settings: Capture) -> None:
        self._connect = connect
        self._settings = settings
        self._rung = asyncio.Event()
        self._stirred = asyncio.Event()
        """Somebody rings, or a connection that should be idle has something to say."""
        self.asleep = asyncio.Event()
        """Set while the gate is held: nothing is left to drain and the next commit will ring."""

    async def run(self, drain: Drain, live: Callable[[], None], drains: Sequence[AsyncConnection[TupleRow]]) -> None:
        """Drain for ever; ``live`` is called once capture is live. Raises psycopg's OperationalError when a connection
        is lost, and whatever ``drain`` raises. ``drains`` are the connections that ``drain`` uses: they are watched
        over while nothing else would notice their end.
        """
        listener = await self._connect("orderbell listener")
        gate = await self._connect("orderbell gate")
        try:
            await listener.execute("LISTEN orderbell")
            with the_cause():
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen(listener), name="doorbell listener")
                    tasks.create_task(self._cycle(gate, drain, live, drains), name="doorbell cycle")
        finally:
            self.asleep.clear()
            # Closing ends the session, and with it a gate that is held or waited for.
            await listener.close()
            await gate.close()

    async def _listen(self, listener: AsyncConnection[TupleRow]) -> None:
        """Hear rings, and notice within a heartbeat when the connection is dead without having said so."""
        heartbeat = self._settings.heartbeat_seconds
        while True:
            async for _ in listener.notifies(timeout=heartbeat):
                metrics.DOORBELL_RINGS.inc()
                self._rung.set()
                self._stirred.set()
            try:
                async with asyncio.timeout(heartbeat):
                    await listener.execute("SELECT 1")
            except TimeoutError:
                raise OperationalError("the listening connection does not answer") from None

    async def _cycle(
        self,
        gate: AsyncConnection[TupleRow],
        drain: Drain,
        live: Callable[[], None],
        drains: Sequence[AsyncConnection[TupleRow]],
    ) -> None:
        live()
        if await _nobody_rings(gate):
            log.warning("doorbell.silent", hint="max_prepared_transactions > 0: changes are looked for, not rung for")
            await self._look_for_ever(drain)
        while True:
            await self._drain_until_quiet(drain)
            if not await self._close_gate(gate, drain):
                continue
            self.asleep.set()
            await self._sleep(drain, (gate, *drains))
            self.asleep.clear()
            await self._open_gate(gate, drain)

    async def _open_gate(self, gate: AsyncConnection[TupleRow], drain: Drain) -> None:
        """Let writers be silent again. Whoever has rung does not wait for that: it is drained meanwhile."""
        with the_cause():
            async with asyncio.TaskGroup() as both:
                both.create_task(_unlock(gate), name="doorbell gate")
                await drain()
                await asyncio.sleep(0)  # who is handed what was found goes first

    async def _look_for_ever(self, drain: Drain) -> NoReturn:
        """Where transactions can be prepared, the triggers do not ring: PREPARE TRANSACTION fails after a NOTIFY."""
        while True:
            found = await drain()
            await asyncio.sleep(AWAKE_PAUSE_SECONDS if found else SILENT_PAUSE_SECONDS)

    async def _drain_until_quiet(self, drain: Drain) -> None:
        loop = asyncio.get_running_loop()
        quiet_since = loop.time()
        while True:
            began = loop.time()
            if found := await drain():
                quiet_since = loop.time()
                await asyncio.sleep(_rest_after(found, quiet_since - began))
            elif loop.time() - quiet_since >= self._settings.linger_seconds:
                return
            else:
                await asyncio.sleep(AWAKE_PAUSE_SECONDS)

    async def _close_gate(self, gate: AsyncConnection[TupleRow], drain: Drain) -> bool:
        """Take the gate, drain meanwhile, and drain once more when it is held. False, the gate open, when writers go
        on: then it is better to stay awake. Whoever holds the gate or waits for it makes all of them ring, and who
        rings commits one after the other.
        """
        waiting = asyncio.ensure_future(gate.execute("SELECT pg_advisory_lock(%s, %s)", (locks.CLASS, locks.GATE)))
        closed = False
        try:
            if await self._drained_while(waiting, drain):
                return False
            await waiting
            # From here on every commit rings. What was rung before this line is found by this drain.
            self._rung.clear()
            while await drain():
                if self._rung.is_set():
                    return False
            closed = True
        finally:
            if not closed:
                await _let_go(gate, waiting)
        return True

    async def _drained_while(self, waiting: asyncio.Future[Any], drain: Drain) -> bool:
        """Look until the gate is ours; whether there was something to drain before."""
        pause = CLOSING_PAUSE_SECONDS
        while True:
            await self._first_of(waiting, pause)
            pause = min(pause * 1.1, CLOSING_PAUSE_MAX_SECONDS)
            if waiting.done():
                return False
            self._rung.clear()
            if await drain():
                return True

    async def _first_of(self, waiting: asyncio.Future[Any], seconds: float) -> None:
        """Until the gate is ours, somebody rings, or the time is up."""
        rung: asyncio.Future[Any] = asyncio.ensure_future(self._rung.wait())
        try:
            await asyncio.wait([waiting, rung], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            rung.cancel()

    async def _sleep(self, drain: Drain, idle: Sequence[AsyncConnection[TupleRow]]) -> None:
        """Until somebody rings, or a safety poll finds what should have rung.

        A gate that ended with its connection would leave commits waiting, and a planner that lost its connection would
        sleep in office; so the ``idle`` connections are looked at when they stir, and every heartbeat.
        """
        loop = asyncio.get_running_loop()
        poll_at = loop.time() + (self._settings.safety_poll_seconds or float("inf"))
        while not self._rung.is_set():
            await self._until_stir(idle, min(self._settings.heartbeat_seconds, poll_at - loop.time()))
            if self._rung.is_set():
                return
            await self._prove_alive(idle)
            if loop.time() >= poll_at:
                metrics.SAFETY_POLLS.inc()
                self.asleep.clear()  # a drain that hangs must be seen
                found = await drain()
                self.asleep.set()
                if found:
                    metrics.SAFETY_POLL_FINDS.inc(found)
                    log.warning("doorbell.missed", changes=found)
                    return
                poll_at = loop.time() + self._settings.safety_poll_seconds

    async def _until_stir(self, idle: Sequence[AsyncConnection[TupleRow]], seconds: float) -> None:
        """Until somebody rings, the server says something on an idle connection (it ends it), or the time is up."""
        loop = asyncio.get_running_loop()
        self._stirred.clear()
        if self._rung.is_set():
            return
        for connection in idle:
            loop.add_reader(connection.fileno(), self._stirred.set)
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stirred.wait()
        except TimeoutError:
            pass
        finally:
            for connection in idle:
                loop.remove_reader(connection.fileno())

    async def _prove_alive(self, idle: Sequence[AsyncConnection[TupleRow]]) -> None:
        for connection in idle:
            try:
                async with asyncio.timeout(self._settings.heartbeat_seconds):
                    await connection.execute("SELECT 1")
            except TimeoutError:
                raise OperationalError("a connection does not answer") from None


def _rest_after(found: int, took: float) -> float:
    """Seconds, after a batch of so many changes that took so long.

    As long as the work took after many: batches grow with the load by themselves, and half of the loop's time is left
    to deliveries. After few next to nothing: more come only slowly, and whoever comes meanwhile would wait in vain.
    """
    rest = min(took, REST_MAX_SECONDS) * min(1.0, found / REST_AFTER)
    return rest if rest >= REST_LEAST_SECONDS else 0.0


async def _unlock(gate: AsyncConnection[TupleRow]) -> None:
    await gate.execute("SELECT pg_advisory_unlock(%s, %s)", (locks.CLASS, locks.GATE))


async def _let_go(gate: AsyncConnection[TupleRow], waiting: asyncio.Future[Any]) -> None:
    """Of the gate, whether it is ours by now or not: it may be granted during a drain, or cross with a cancellation."""
    if not waiting.done():
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    if not gate.closed:
        await gate.execute("SELECT pg_advisory_unlock_all()")


async def _nobody_rings(connection: AsyncConnection[TupleRow]) -> bool:
    cursor = await connection.execute("SELECT current_setting('max_prepared_transactions') <> '0'")
    return await cursor.fetchone() == (True,)
