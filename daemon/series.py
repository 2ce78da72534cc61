"""Which series are there before anything has happened: what is counted for the first time is then seen as a rise."""

from collections.abc import Iterable

from config import Settings
from daemon import metrics
from dispatchers.websocket import metrics as hub_metrics

SKIPPED = (
    "preference", "suppressed", "superseded", "withdrawn", "expired", "read", "no_address", "digested", "condition",
    "throttled",
)  # fmt: skip
ATTEMPTED = ("sent", "retry", "rejected", "unknown")
FAILED = ("address", "rejected", "gave_up", "expired")
QUEUED = ("pending", "sending")


def begin_series(settings: Settings, channels: Iterable[str]) -> None:
    """Have every series of the configured channels, watches, events and audiences at 0, and the limits as they are."""
    for channel in sorted(channels):
        metrics.COMMIT_TO_SENT.labels(channel)
        metrics.IN_FLIGHT.labels(channel)
        metrics.HELD.labels(channel)
        for state in QUEUED:
            metrics.QUEUE.labels(channel, state)
        for outcome in ATTEMPTED:
            metrics.ATTEMPTS.labels(channel, outcome)
        metrics.DELIVERIES.labels(channel, "sent", "")
        for cause in FAILED:
            metrics.DELIVERIES.labels(channel, "failed", cause)
        for reason in SKIPPED:
            metrics.DELIVERIES.labels(channel, "skipped", reason)
    for watch in settings.watch:
        for outcome in ("location",) if watch.live else ("event", "no_event"):
            metrics.CHANGES.labels(watch.name, outcome)
        metrics.CAPTURE_ERRORS.labels(watch.name)
        metrics.CHANGELOG_ROWS.labels(watch.name)
        metrics.CHANGELOG_RECONCILED.labels(watch.name)
    metrics.CHANGES.labels("?", "set_aside")
    for outcome in ("event", "cancelled", "extended"):
        metrics.CHANGES.labels("", outcome)
    for rule in settings.rule:
        metrics.EVENTS.labels(rule.event)
        metrics.NOTIFICATIONS.labels(rule.audience)
    metrics.CHANGELOG_WANTED.set(1 if settings.capture.source == "wal" else 0)
    hub_metrics.LIMIT.set(settings.hub.max_connections)
