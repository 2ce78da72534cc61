"""One channel's work on this node: what is leased and waits, what is in flight, and when to claim more."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from config.settings import DeliverySettings
from daemon import metrics
from daemon.clock import DatabaseClock
from daemon.delivery.lastlook import Finding, Later
from daemon.delivery.leases import Leases
from daemon.delivery.ledger import Ended, Ledger
from daemon.delivery.policy import Finish, TryAgain, Verdict, after_sending
from daemon.delivery.report import count, report
from daemon.logs.correlation import SENDING
from daemon.tracing import NOBODY, Tracer
from dispatchers.base import Delivery, Dispatcher, Outcome, Sent, Try, Unknown

log = structlog.get_logger(__name__)

LEASE_SHARE_TO_BEGIN = 0.5
"""A send begins only while this share of its lease is left, so that no other daemon sends it too."""

RENEW_SHARE = 1 / 3
"""Of the lease: how often what is held or in flight is renewed."""

RECHECK_AT_MOST = 500
"""Deliveries looked at again in one query."""

ROUNDS_AHEAD = 8
"""Held at most: so many times what the dispatcher takes at once. What is beyond it waits in the
database, where other daemons find it too, and has to be claimed, which is another write.
"""

GATHER_SECONDS = 0.005
"""How long free slots gather while there is a backlog."""

WAIT_SECONDS = 0.05
"""Before a delivery is looked at again whose older status is being sent elsewhere."""

Line = tuple[str, str, str, str]
"""Subject, audience, person, address: of these, statuses go out one after another."""


@dataclass(slots=True)
class _Held:
    """A delivery that is leased to this node and has not begun."""

    delivery: Delivery
    begin_before: float
    """Loop time; later than this, its lease may be somebody else's before the send is over."""


class Lane:
    """Keeps at most ``dispatcher.concurrency`` sends in flight: a provider that hangs holds its own slots only."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        leases: Leases,
        ledger: Ledger,
        settings: DeliverySettings,
        clock: DatabaseClock,
        tracer: Tracer = NOBODY,
    ) -> None:
        self._dispatcher = dispatcher
        self._leases = leases
        self._ledger = ledger
        self.settings = settings
        self._clock = clock
        self.turned_at = asyncio.get_running_loop().time()
        self._tracer = tracer
        self._held: deque[_Held] = deque()
        self._reserved = 0
        self._sends: dict[asyncio.Task[None], list[Delivery]] = {}
        self._busy: set[Line] = set()
        self._wake = asyncio.Event()
        self._look = True
        self._look_at = 0.0
        self._left = False
        """Some that are due wait in the database, because there was no room: newer ones go behind them."""
        self._leaving = False
        """A plan that is not committed yet leaves some there."""
        self._short = False
        """One left some for want of room, and not only so as not to overtake; no claim has begun since its commit."""
        self._in_flight = metrics.IN_FLIGHT.labels(dispatcher.channel)
        self._waiting = metrics.HELD.labels(dispatcher.channel)
        self._lateness = metrics.COMMIT_TO_SENT.labels(dispatcher.channel)
        self._renew_at = 0.0
        self.capacity = max(settings.batch_size, ROUNDS_AHEAD * dispatcher.concurrency * dispatcher.batch_size)

    def reserve(self, wanted: int) -> int:
        """Room for so many at most, and for none while older ones wait: they would be overtaken as long as the load
        lasts.
        """
        room = self._room
        granted = 0 if self._left else max(0, min(wanted, room))
        self._reserved += granted
        if granted < wanted:
            self._left = self._leaving = True
            self._short = self._short or room < wanted
        return granted

    @property
    def _room(self) -> int:
        """For so many more; what is sent and not written yet takes room as well, or it could grow without end."""
        return self.capacity - len(self._held) - self._reserved - self._ledger.waiting

    def release(self, count: int) -> None:
        self._reserved -= count
        self.planned()

    def planned(self) -> None:
        """A plan is committed, or given up: what it has left in the database is there to be seen from now on."""
        if self._leaving:
            self._leaving = False
            self._look = True
            self._wake.set()

    def accept(self, deliveries: Sequence[Delivery], *, reserved: bool) -> None:
        """Take up deliveries that are leased to this node from now on."""
        if reserved:
            self._reserved -= len(deliveries)
        begin_before = self._begin_before()
        self._held.extend(_Held(delivery, begin_before) for delivery in deliveries)
        self._wake.set()

    async def run(self) -> None:
        """Send for ever. Cancelling it leaves sends in flight running: see :meth:`drain`."""
        loop = asyncio.get_running_loop()
        while True:
            self.turned_at = loop.time()
            self._wake.clear()
            if loop.time() >= self._renew_at:
                await self._renew()
            waits = await self._begin()
            if loop.time() >= self._look_at:
                # Also while there is always something to do: retries and later steps wait in the database.
                self._look = True
            if self._look and len(self._held) < self.capacity // 2:
                await self._claim()
                waits = await self._begin() or waits
            self._waiting.set(len(self._held))
            waits = waits or (self._look and self._room <= 0)
            try:
                # Not wait_for: before Python 3.12 it can swallow a cancellation.
                async with asyncio.timeout(WAIT_SECONDS if waits else self.settings.poll_seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def drain(self, seconds: float) -> list[int]:
        """Give back what has not begun, and let sends in flight finish within ``seconds``.

        Returns the ids of those that did not: they may have been sent. Their leases end, and they are tried again.
        """
        held = [one.delivery for one in self._held]
        self._held.clear()
        failure: Exception | None = None
        try:
            await self._leases.give_back(held)
        except (psycopg.Error, PoolTimeout) as error:
            failure = error  # their leases run out by themselves; what is in flight comes first
        sends = list(self._sends)
        if sends:
            await asyncio.wait(sends, timeout=seconds)
        unfinished = [delivery.id for task in sends if not task.done() for delivery in self._sends.get(task, [])]
        for task in sends:
            task.cancel()
        await asyncio.gather(*sends, return_exceptions=True)
        if failure is not None:
            raise failure
        return unfinished

    def _begin_before(self) -> float:
        return asyncio.get_running_loop().time() + self.settings.lease_seconds * LEASE_SHARE_TO_BEGIN

    async def _claim(self) -> None:
        self._look_at = asyncio.get_running_loop().time() + self.settings.poll_seconds
        if self._ledger.behind:
            return  # a lease that ran out while the database was away may be one of ours, whose outcome is not written
        limit = min(self._room, self.settings.batch_size)
        if limit <= 0:
            return
        # Before it is asked: what a plan leaves there meanwhile may be too late to be seen.
        self._look = False
        self._short = self._short and self._leaving
        try:
            claimed, orphans = await self._leases.claim(self._dispatcher.channel, limit)
        except BaseException:
            self._look = True
            raise
        if len(claimed) + len(orphans) == limit:
            self._look = self._left = True
        else:
            # What small plans left meanwhile, only so as not to overtake, does not keep it so: where claims are slow,
            # there would always be some, and every delivery would be claimed.
            self._left = self._short
        for orphan in orphans:
            self._record(orphan, Finish("skipped", "withdrawn", error="its notification was deleted"))
        if claimed:
            self.accept(claimed, reserved=False)

    async def _renew(self) -> None:
        """Renew what is held or in flight; let go of what is held and no longer ours."""
        self._renew_at = asyncio.get_running_loop().time() + self.settings.lease_seconds * RENEW_SHARE
        held = list(self._held)
        deliveries = [one.delivery for one in held] + [each for batch in self._sends.values() for each in batch]
        if not deliveries:
            return
        begin_before = self._begin_before()
        ours = await self._leases.renew(deliveries)
        for one in held:
            # What is not ours any more is let go when its turn comes: it is too late for it then.
            one.begin_before = begin_before if one.delivery.id in ours else 0.0

    async def _begin(self) -> bool:
        """Put what is held into free slots, after a last look at the live rows. Whether something has to wait for an
        older status that is being sent elsewhere.
        """
        waits = False
        if 0 < self._free() < min(len(self._held), self._dispatcher.concurrency * self._dispatcher.batch_size // 2):
            # One look at many rows costs as much as a look at one: with a backlog, slots gather for a moment.
            await asyncio.sleep(GATHER_SECONDS)
        while free := self._free():
            taken = self._take(free)
            if not taken:
                break
            try:
                verdicts = await self._leases.recheck([one.delivery for one in taken])
            except BaseException:
                self._held.extendleft(reversed(taken))
                raise
            begin, some_wait = self._admit(taken, verdicts)
            waits = waits or some_wait
            size = self._dispatcher.batch_size
            for start in range(0, len(begin), size):
                self._send_soon(begin[start : start + size])
            if waits:
                break
        self._in_flight.set(len(self._sends))
        return waits

    def _admit(self, taken: Sequence[_Held], verdicts: Mapping[int, Finding]) -> tuple[list[Delivery], bool]:
        """Those that may go out now; and whether any has to wait for an older status of its line."""
        begin: list[Delivery] = []
        waits = False
        for one in taken:
            delivery = one.delivery
            reason = verdicts.get(delivery.id, "lost")
            if reason is None and (line := self._line(delivery)) not in self._busy:
                self._busy.add(line)
                begin.append(delivery)
            elif reason is None or reason == "wait":
                waits = True
                self._held.append(one)
            elif isinstance(reason, Later):
                due_at = min(reason.due_at, delivery.expires_at)
                seconds = max(0.0, (due_at - self._clock.now()).total_seconds())
                again = TryAgain(seconds, reason.why, delivery.uncertain, free=True, chosen=reason.chosen)
                self._record(delivery, again)
            elif reason != "lost":
                self._record(delivery, Finish("skipped", reason))
        return begin, waits

    def _free(self) -> int:
        """How many more deliveries can go out now."""
        slots = self._dispatcher.concurrency - len(self._sends)
        return min(slots * self._dispatcher.batch_size, RECHECK_AT_MOST)

    def _take(self, count: int) -> list[_Held]:
        """The next ``count`` that are held, without those that it is too late for."""
        now = asyncio.get_running_loop().time()
        taken: list[_Held] = []
        while self._held and len(taken) < count:
            one = self._held.popleft()
            if now < one.begin_before:
                taken.append(one)
            else:
                # The lease ends, and whoever claims it then has the whole of a new one.
                self._look = True
        return taken

    def _line(self, delivery: Delivery) -> Line:
        return delivery.subject, delivery.audience, delivery.user_id, delivery.address

    def _send_soon(self, batch: list[Delivery]) -> None:
        task = asyncio.create_task(self._send(batch), name=f"send {self._dispatcher.channel}")
        self._sends[task] = batch
        task.add_done_callback(self._ended)

    async def _send(self, batch: Sequence[Delivery]) -> None:
        SENDING.set(batch)  # of this task alone
        started_at = self._clock.now()
        try:
            outcomes = await self._dispatcher.send(batch)
        except Exception as error:
            log.exception("dispatcher.failed", channel=self._dispatcher.channel)
            outcomes = [Unknown(f"{type(error).__name__}: {error}") for _ in batch]
        now = self._clock.now()
        ended: list[Ended] = []
        try:
            for delivery, outcome in zip(batch, outcomes, strict=True):
                ended.append(self._judge(delivery, outcome, started_at, now))
        finally:
            self._ledger.record_all(ended)
            count(self._dispatcher.channel, (each.verdict for each in ended))
        for each in ended:
            self._tell(each.delivery, each.verdict)
        for kind, number in Counter(map(_kind, outcomes)).items():
            metrics.attempted(self._dispatcher.channel, kind).inc(number)

    def _judge(self, delivery: Delivery, outcome: Outcome, started_at: datetime, now: datetime) -> Ended:
        if isinstance(outcome, Sent):
            waited = (now - (delivery.wanted_at or delivery.created_at)).total_seconds()
            self._lateness.observe(max(0.0, waited))
        chance = random.random()  # noqa: S311 - jitter needs no secrecy
        verdict = after_sending(outcome, delivery, self.settings, now, chance)
        detail = "" if isinstance(outcome, Sent) else outcome.error
        tries = outcome.tries
        if not tries and not (isinstance(verdict, TryAgain) and verdict.free):
            tries = (Try(outcome.provider, started_at, now, _kind(outcome), outcome.code, detail),)
        if self._tracer.on:
            self._tracer.attempted(delivery, tries, started_at)
        return Ended(delivery, verdict, tries)

    def _record(self, delivery: Delivery, verdict: Verdict) -> None:
        self._ledger.record(delivery, verdict)
        count(delivery.channel, [verdict])
        self._tell(delivery, verdict)

    def _tell(self, delivery: Delivery, verdict: Verdict) -> None:
        report(delivery, verdict)
        if self._tracer.on and isinstance(verdict, Finish):
            self._tracer.finished(delivery, verdict.state, verdict.reason or "", self._clock.now())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._busy.difference_update(map(self._line, self._sends.pop(task)))
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            # A bug, not a provider's doing; the lease brings the delivery back.
            log.error("delivery.lost_send", error=repr(error))


def _kind(outcome: Outcome) -> str:
    """``sent``, ``retry``, ``rejected`` or ``unknown``."""
    return type(outcome).__name__.lower()
