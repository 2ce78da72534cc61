"""How much a person was told, on which ways, and how soon they read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from daemon.api.inbox.session import Session
from schema.queries import statements

SQL = statements("inbox")

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """Notifications, without those that were withdrawn."""

    notifications: int = 0
    delivered: int = 0
    """Of these, on one channel at least: sent, or confirmed as delivered."""
    read: int = 0
    median: float | None = None
    """Seconds until it was read, of those that were."""
    p90: float | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """Days are of UTC."""

    since: date
    total: Told
    events: Sequence[tuple[str, Told]]
    """The most frequent first."""
    channels: Sequence[tuple[str, dict[str, int]]]
    """Channel -> state -> deliveries."""
    days: Sequence[tuple[date, Told]]
    """Each day, also one on which nothing was told."""


class Statistics:
    """Answers for one person at a time. Raises TooSlow."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def of(self, user_id: str, days: int, today: date) -> Stats:
        """Of the last ``days``, ``today`` included."""
        since = today - (days - 1) * DAY
        parameters = {"user_id": user_id, "since": datetime.combine(since, time(), UTC)}
        told = [(event, day, _told(row)) for event, day, *row in await self._session.named(SQL["stats"], parameters)]
        channels: dict[str, dict[str, int]] = {}
        for channel, state, count in await self._session.named(SQL["stats_channels"], parameters):
            channels.setdefault(channel, {})[state] = count
        by_day = {day: each for _, day, each in told if day is not None}
        return Stats(
            since=since,
            total=next((each for event, day, each in told if event is None and day is None), Told()),
            events=[(event, each) for event, _, each in told if event is not None],
            channels=sorted(channels.items()),
            days=[(day, by_day.get(day, Told())) for day in (since + n * DAY for n in range(days))],
        )


def _told(row: Sequence[Any]) -> Told:
    return Told(*row)
