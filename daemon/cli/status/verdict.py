"""What is wrong, by name. Pure."""

from collections.abc import Iterator

from daemon.cli.status.values import ChangeLog, Flow, Standing, Trouble

LATE_SECONDS = 60.0
"""What has been due, or has waited to be planned, for longer than this is late."""
UNKNOWN = "–"  # noqa: RUF001 - a dash as wide as a figure
SILENT_SECONDS = 20.0
"""A daemon that was not heard of for so long counts as gone."""


def troubles_of(
    standing: Standing, flow: Flow | None, *, lag_warning_bytes: int, stale: tuple[str, ...] = ()
) -> tuple[Trouble, ...]:
    """All that somebody should look at. ``stale``: watches whose triggers are missing or outdated."""
    return tuple(_troubles(standing, flow, lag_warning_bytes, stale))


def _troubles(
    standing: Standing, flow: Flow | None, lag_warning_bytes: int, stale: tuple[str, ...]
) -> Iterator[Trouble]:
    if not any(planner.active for planner in standing.planners):
        yield Trouble("nobody_plans", "no daemon plans: start `orderbell run`")
    for name in stale:
        yield Trouble("watch_not_installed", f"watch {name} is not captured as configured: run `orderbell install`")
    if (standing.changes_oldest_seconds or 0.0) > LATE_SECONDS:
        oldest = said(standing.changes_oldest_seconds)
        yield Trouble(
            "changes_late", f"{_count(standing.changes_waiting, 'change')} not planned, the oldest for {oldest}"
        )
    if standing.set_aside:
        what = _count(standing.set_aside, "change")
        yield Trouble("changes_set_aside", f"{what} could not be planned: `orderbell failed` says why")
    for queue in standing.queues:
        if (queue.oldest_seconds or 0.0) > LATE_SECONDS:
            oldest = said(queue.oldest_seconds)
            yield Trouble("deliveries_late", f"{queue.channel}: {queue.due:,} due, the oldest for {oldest}")
    for provider in flow.providers if flow else ():
        if provider.state == "down":
            yield Trouble("provider_down", f"{provider.channel}: {provider.name} is down; the log says why")
    if standing.change_log is not None:
        yield from _of_the_log(standing.change_log, lag_warning_bytes)


def _of_the_log(log: ChangeLog, lag_warning_bytes: int) -> Iterator[Trouble]:
    if not log.exists or log.state == "lost":
        yield Trouble("slot_lost", f"the replication slot {log.slot} is gone: changes are missing since")
    elif not log.active:
        yield Trouble("slot_not_read", f"nobody reads the replication slot {log.slot}: the server keeps its log")
    if (log.lag_bytes or 0) > lag_warning_bytes:
        yield Trouble("slot_lags", f"the replication slot {log.slot} holds {size(log.lag_bytes)} of the log back")


def said(seconds: float | None) -> str:
    """As ``0.4 s``, ``12 s``, ``3 min``, ``5 h``, ``2 d``; milliseconds below a tenth; a dash where it is not known."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.00995 else f"{max(0.0, seconds) * 1000:.1f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    for limit, unit, name in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"


def size(count: int | None) -> str:
    """As ``1.2 GB``."""
    amount = float(count or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
