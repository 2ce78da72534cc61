"""Quiet hours: windows + time zone + clock -> the moment from which a message may go out.

A window stands on the clock on the wall, which daylight saving time turns forward (a gap: times that no clock shows)
and back (an overlap: times that it shows twice). A start or an end in a gap is the first instant after it. A window
stays closed through an overlap: it starts when its start is shown first, and ends when its end is shown last. Where
the clock goes from 02:59 back to 02:00, that holds for an end at 02:00, too.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from config.quiet import WEEK, QuietWindow, known_zones

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""The windows leave nothing open. Not the last day of the calendar, so that it has a wall time in every zone."""

DAY = timedelta(days=1)

HORIZON = timedelta(weeks=4)
"""What is closed for so long never opens: windows repeat weekly, and no clock is turned in so many weeks on end."""

LOOK_BACK = timedelta(days=3)
"""A window that started before this has ended: it lasts two days at most, and zones differ by less than one."""

Span = tuple[datetime, datetime]
"""Closed from the first instant (UTC) until the second, when it is open."""


def quiet_until(windows: Sequence[QuietWindow], zone: ZoneInfo, now: datetime) -> datetime | None:
    """None when a message may go out at ``now`` (aware); else the first instant, in UTC, from which it may.

    Windows that touch or overlap are one. ``NEVER`` when they leave nothing open in the whole week.
    """
    if not windows:
        return None
    now = now.astimezone(UTC)
    for start, end in _closed_on(tuple(windows), zone, now.date()):
        if start <= now < end:
            return end
    return None


def zone_of(*names: str, default: ZoneInfo) -> ZoneInfo:
    """The zone of the first of ``names`` that the time zone database knows, else ``default``."""
    for name in names:
        zone = _zone(name) if name in known_zones() else None
        if zone is not None:
            return zone
    return default


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # the database was replaced since it was listed
        return None


@lru_cache(maxsize=8192)
def _closed_on(windows: tuple[QuietWindow, ...], zone: ZoneInfo, day: date) -> tuple[Span, ...]:
    """The closed spans that touch ``day`` (of UTC), apart and in order; their ends may be on a later day."""
    dawn = datetime.combine(day, time(), UTC)
    spans: list[Span] = []
    for start, end in _occurrences(windows, zone, dawn - LOOK_BACK):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            if end > dawn + HORIZON:
                spans[-1] = (spans[-1][0], NEVER)
                break
        elif start >= dawn + DAY:
            break
        else:
            spans.append((start, end))
    return tuple(span for span in spans if span[1] > dawn)


def _occurrences(windows: tuple[QuietWindow, ...], zone: ZoneInfo, since: datetime) -> Iterator[Span]:
    """Every occurrence of every window, in order and without end, from the day of ``since`` on."""
    by_weekday = _by_weekday(windows)
    midnight = since.replace(tzinfo=zone)  # sums with a zone are made on the wall: midnight + 7 h is 07:00, always
    while True:
        for start, end in by_weekday[midnight.weekday()]:
            yield _instant(midnight + start, fold=0), _instant(midnight + end, fold=1)
        midnight += DAY


@lru_cache(maxsize=8192)
def _by_weekday(windows: tuple[QuietWindow, ...]) -> tuple[tuple[tuple[timedelta, timedelta], ...], ...]:
    """For each day of the week, when windows that start on it start and end, after its midnight."""
    by_weekday: dict[str, list[tuple[timedelta, timedelta]]] = {day: [] for day in WEEK}
    for window in windows:
        start, end = _time_of_day(window.start), _time_of_day(window.end)
        for day in window.days:
            by_weekday[day].append((start, end if end > start else end + DAY))
    return tuple(tuple(sorted(by_weekday[day])) for day in WEEK)


def _time_of_day(text: str) -> timedelta:
    hours, _, minutes = text.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _instant(wall: datetime, *, fold: int) -> datetime:
    """When the clock shows ``wall``: the first time or, with ``fold`` 1, the second; after the gap that it is in."""
    first = wall.astimezone(UTC)
    second = wall.replace(fold=1).astimezone(UTC)
    if first <= second:
        return second if fold else first
    # PEP 495: in a gap, fold 0 counts with the offset before it, fold 1 with the one after; the gap is between them.
    # Times of one zone are compared as they are on the wall.
    seconds = range(int(second.timestamp()), int(first.timestamp()) + 1)
    gap = bisect_left(seconds, wall, key=lambda each: datetime.fromtimestamp(each, wall.tzinfo))
    return datetime.fromtimestamp(seconds[gap], UTC)
