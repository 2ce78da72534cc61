"""What became of one batch of changes, and how metrics and the log are told of it after the commit."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from daemon import metrics
from daemon.capture.outbox import Captured
from daemon.planning.values import Event
from daemon.planning.whereabouts import Sighting
from daemon.store.withdraw import TakenBack
from daemon.store.written import EPOCH, Written
from dispatchers.base import Delivery
from dispatchers.websocket.contract import Status

log = structlog.get_logger(__name__)

ERRORS_LOGGED = 20
"""Of messages, in one batch: the rest is counted."""


@dataclass(slots=True)
class Batch:
    """A batch in the making; what it says counts once it is committed. Counts only: a plan may be of 100,000 people."""

    taken: Sequence[Captured]
    outcomes: Sequence[tuple[str, str]]
    """(watch, what became of the change)"""
    statuses: Sequence[Status] = ()
    """What rooms are shown of it."""
    sightings: Sequence[Sighting] = ()
    broadcast: bool = False
    """Too many people for one piece."""
    now: datetime = EPOCH
    """By the database's clock: when its people were looked up; without any, when it was consumed."""
    began_at: float = field(default_factory=time.monotonic)
    """The same moment, by the process' own clock."""
    traced: list[tuple[int, Event]] | None = None
    """Its events with their ids; None where nobody traces."""
    live: list[Delivery] = field(default_factory=list)
    leased: list[Delivery] = field(default_factory=list)
    taken_back: list[TakenBack] = field(default_factory=list)
    spent: Counter[tuple[str, str]] = field(default_factory=Counter)
    _written: list[Written] = field(default_factory=list)
    _events: Counter[str] = field(default_factory=Counter)
    _remarks: int = 0
    _notifications: Counter[str] = field(default_factory=Counter)
    _skipped: Counter[tuple[str, str]] = field(default_factory=Counter)
    _errors: list[str] = field(default_factory=list)

    def add(self, written: Written, taken_back: Sequence[TakenBack], dropped: Sequence[str]) -> None:
        """A piece that is written."""
        plan = written.plan
        self._written.append(written)
        self.taken_back += taken_back
        self.spent.update(plan.spent)
        if not written.continues:
            if self.traced is not None:
                self.traced += enumerate((planned.event for planned in plan.events), written.ids.events)
            self._events.update(planned.event.name for planned in plan.events)
        self._remarks += sum(1 for planned in plan.events if planned.remarks)
        self._notifications.update(notification.audience for notification in plan.notifications)
        self._skipped.update((skipped.channel, skipped.reason) for skipped in plan.skipped)
        self._skipped.update((channel, "superseded") for channel in written.superseded)
        self._skipped.update((channel, "withdrawn") for channel in dropped)
        self._errors += [message.words.error for message in plan.messages if message.words.error]

    def begin(self, now: datetime) -> None:
        """From this moment on, by the database's clock."""
        self.now, self.began_at = now, time.monotonic()

    def hand_over(self, concerned: Callable[[str], bool]) -> None:
        """Make what workers and screens are given of the pieces so far; on screens, of those who are ``concerned``."""
        for written in self._written:
            self.live += written.live(concerned)
            self.leased += written.leased()
        self._written.clear()

    def report(self, known_events: Collection[str]) -> None:
        """Count everything that the batch made, and log what somebody should look at."""
        for watch, outcome in self.outcomes:
            metrics.CHANGES.labels(watch, outcome).inc()
        committed_after = time.monotonic() - self.began_at
        for captured in self.taken:
            if captured.error is not None:
                metrics.CAPTURE_ERRORS.labels(captured.watch or "?").inc()
                log.error("capture.failed", watch=captured.watch, error=captured.error, hint="orderbell install")
            waited = (self.now - captured.captured_at).total_seconds() + committed_after
            metrics.COMMIT_TO_PLANNED.observe(max(0.0, waited))
        for name, count in self._events.items():
            # A column of free text must not make a label of each of its values.
            metrics.EVENTS.labels(name if name in known_events else "other").inc(count)
        metrics.REMARKS.inc(self._remarks)
        for audience, count in self._notifications.items():
            metrics.NOTIFICATIONS.labels(audience).inc(count)
        for (channel, reason), count in self._skipped.items():
            metrics.DELIVERIES.labels(channel, "skipped", reason).inc(count)
        metrics.RENDER_FAILURES.inc(len(self._errors))
        for error in self._errors[:ERRORS_LOGGED]:
            log.error("message.failed", error=error)
