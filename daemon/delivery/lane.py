"""One channel's work on this node: what is leased and waits, what is in flight, and when to claim more."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from config.settings import DeliverySettings
from daemon import metrics
from daemon.clock import DatabaseClock
from daemon.delivery.ledger import Ledger
from daemon.delivery.policy import Finish, TryAgain, Verdict, after_sending, before_sending
from dispatchers.base import Delivery, Dispatcher, Outcome, Sent, Unknown

log = structlog.get_logger(__name__)

LEASE_SHARE_TO_BEGIN = 0.5
"""A send begins only while this share of its lease is left, so that no other daemon sends it too."""


class Lane:
    """Keeps at most ``dispatcher.concurrency`` sends in flight: a provider that hangs holds its own slots only."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        ledger: Ledger,
        settings: DeliverySettings,
        clock: DatabaseClock,
        progressed: Callable[[], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._progressed = progressed
        self._held: deque[tuple[Delivery, float]] = deque()
        self._reserved = 0
        self._sends: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._look = True
        self.capacity = max(settings.batch_size, 2 * dispatcher.concurrency * dispatcher.batch_size)

    def reserve(self, wanted: int) -> int:
        granted = max(0, min(wanted, self.capacity - len(self._held) - self._reserved))
        self._reserved += granted
        if granted < wanted:
            self._look = True
        return granted

    def release(self, count: int) -> None:
        self._reserved -= count

    def accept(self, deliveries: Sequence[Delivery], *, reserved: bool) -> None:
        """Take up deliveries that are leased to this node from now on."""
        begin_before = asyncio.get_running_loop().time() + self._settings.lease_seconds * LEASE_SHARE_TO_BEGIN
        if reserved:
            self._reserved -= len(deliveries)
        self._held.extend((delivery, begin_before) for delivery in deliveries)
        self._wake.set()

    async def run(self) -> None:
        """Send for ever. Cancelling it leaves sends in flight running: see :meth:`drain`."""
        while True:
            self._wake.clear()
            self._begin()
            if self._look and len(self._held) < self.capacity // 2:
                await self._claim()
                self._begin()
            metrics.HELD.labels(self._dispatcher.channel).set(len(self._held))
            try:
                # Not wait_for: before Python 3.12 it can swallow a cancellation.
                async with asyncio.timeout(self._settings.poll_seconds):
                    await self._wake.wait()
            except TimeoutError:
                self._look = True

    async def drain(self, seconds: float) -> None:
        """Give back what has not begun, and let sends in flight finish within ``seconds``."""
        held = [delivery for delivery, _ in self._held]
        self._held.clear()
        await self._ledger.give_back(held)
        if self._sends:
            await asyncio.wait(self._sends, timeout=seconds)
        for task in self._sends:
            # Its outcome is not known: its lease ends, and it is tried again as an attempt of its own.
            task.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)

    async def _claim(self) -> None:
        free = self.capacity - len(self._held) - self._reserved
        limit = min(free, self._settings.batch_size)
        if limit <= 0:
            return
        claimed = await self._ledger.claim(self._dispatcher.channel, limit)
        self._look = len(claimed) == limit
        if claimed:
            self.accept(claimed, reserved=False)

    def _begin(self) -> None:
        """Put what is held into free slots."""
        while self._held and len(self._sends) < self._dispatcher.concurrency:
            batch = self._next_batch()
            if not batch:
                continue
            task = asyncio.create_task(self._send(batch), name=f"send {self._dispatcher.channel}")
            self._sends.add(task)
            task.add_done_callback(self._ended)
        metrics.IN_FLIGHT.labels(self._dispatcher.channel).set(len(self._sends))

    def _next_batch(self) -> list[Delivery]:
        loop_now = asyncio.get_running_loop().time()
        now = self._clock.now()
        batch: list[Delivery] = []
        while self._held and len(batch) < self._dispatcher.batch_size:
            delivery, begin_before = self._held.popleft()
            if loop_now >= begin_before:
                # Too late to begin: the lease ends, and whoever claims it then has the whole of a new one.
                self._look = True
                continue
            verdict = before_sending(delivery, now)
            if verdict is None:
                batch.append(delivery)
            else:
                self._record(delivery, verdict)
        return batch

    async def _send(self, batch: Sequence[Delivery]) -> None:
        try:
            outcomes = await self._dispatcher.send(batch)
        except Exception as error:
            log.exception("dispatcher.failed", channel=self._dispatcher.channel)
            outcomes = [Unknown(f"{type(error).__name__}: {error}") for _ in batch]
        now = self._clock.now()
        for delivery, outcome in zip(batch, outcomes, strict=True):
            self._judge(delivery, outcome, now)

    def _judge(self, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
        metrics.ATTEMPTS.labels(delivery.channel, type(outcome).__name__.lower()).inc()
        if isinstance(outcome, Sent):
            waited = (now - delivery.created_at).total_seconds()
            metrics.COMMIT_TO_SENT.labels(delivery.channel).observe(max(0.0, waited))
        verdict = after_sending(
            outcome,
            delivery,
            self._settings,
            now,
            random.random(),  # noqa: S311 - jitter needs no secrecy
            repeatable=self._dispatcher.repeatable,
        )
        self._record(delivery, verdict)

    def _record(self, delivery: Delivery, verdict: Verdict) -> None:
        self._ledger.record(delivery, verdict)
        match verdict:
            case Finish():
                metrics.DELIVERIES.labels(delivery.channel, verdict.state, verdict.reason or "").inc()
                if verdict.error:
                    log.warning(
                        "delivery.ended",
                        delivery=delivery.id,
                        channel=delivery.channel,
                        state=verdict.state,
                        error=verdict.error,
                    )
            case TryAgain():
                log.info(
                    "delivery.retry",
                    delivery=delivery.id,
                    channel=delivery.channel,
                    attempt=delivery.attempt,
                    after_seconds=round(verdict.after_seconds, 1),
                    error=verdict.error,
                )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sends.discard(task)
        self._progressed()
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            # A bug, not a provider's doing; the lease brings the delivery back.
            log.error("delivery.lost_send", error=repr(error))
