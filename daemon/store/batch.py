"""What became of one batch of changes, and how metrics and the log are told of it after the commit."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import structlog

from daemon import metrics
from daemon.capture.outbox import Captured
from daemon.planning.values import Plan
from daemon.store.write import Written

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that is committed."""

    taken: list[Captured]
    outcomes: list[tuple[str, str]]
    """(watch, what became of the change)"""
    plan: Plan
    written: Written
    now: datetime


def report(batch: Batch, known_events: Collection[str]) -> None:
    """Count everything that the batch made, and log what somebody should look at."""
    for watch, outcome in batch.outcomes:
        metrics.CHANGES.labels(watch, outcome).inc()
    for captured in batch.taken:
        if captured.error is not None:
            metrics.CAPTURE_ERRORS.labels(captured.watch or "?").inc()
            log.error("capture.failed", watch=captured.watch, error=captured.error, hint="orderbell install")
        metrics.COMMIT_TO_PLANNED.observe(max(0.0, (batch.now - captured.captured_at).total_seconds()))
    for channel in batch.written.superseded:
        metrics.DELIVERIES.labels(channel, "skipped", "superseded").inc()
    _report_plan(batch.plan, known_events)


def _report_plan(plan: Plan, known_events: Collection[str]) -> None:
    for planned in plan.events:
        # A column of free text must not make a label of each of its values.
        name = planned.event.name
        metrics.EVENTS.labels(name if name in known_events else "other").inc()
        if planned.remarks:
            metrics.REMARKS.inc()
    for notification in plan.notifications:
        metrics.NOTIFICATIONS.labels(notification.audience).inc()
    for message in plan.messages:
        if message.words.error:
            metrics.RENDER_FAILURES.inc()
            log.error("message.failed", error=message.words.error)
    for skipped in plan.skipped:
        metrics.DELIVERIES.labels(skipped.channel, "skipped", skipped.reason).inc()
