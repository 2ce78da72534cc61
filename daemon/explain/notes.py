"""What the tables cannot say any more, and who was not there to be told. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

from daemon.explain.configured import Configured
from daemon.explain.records import EventRow
from daemon.explain.values import Told


def history_is_gone(event: EventRow, configured: Configured, now: datetime) -> bool:
    """Whether deliveries of ``event`` may have been dropped: history goes by days (UTC)."""
    oldest = now.astimezone(UTC).date() - timedelta(days=configured.history_days)
    return event.planned_at < datetime.combine(oldest, time(), UTC)


def notes_of(
    event: EventRow, told: Sequence[Told], user: str | None, configured: Configured, now: datetime
) -> Iterator[str]:
    """In whole sentences."""
    if history_is_gone(event, configured, now) and (not told or any(not each.ways for each in told)):
        yield (
            f"older than delivery.history_days ({configured.history_days} days):"
            " what became of its messages is not kept any more"
        )
    if told:
        return
    if event.planned_at < now - timedelta(days=configured.inbox_days):
        yield f"older than delivery.inbox_days ({configured.inbox_days} days): who was told is not kept any more"
        return
    audiences = configured.audiences_of(event.name)
    if user is not None and audiences and not any(f": user {user} is " in remark for remark in event.remarks):
        yield f"{user} is in none of the audiences of {event.name} (rules are for: {', '.join(audiences)})"
    elif not audiences and not any(remark.startswith("no rule is for") for remark in event.remarks):
        yield f"no rule is for {event.name}"
    elif user is None and not event.remarks:
        yield "nobody was told"
