"""What a batch of captured rows says: events, and rows that nothing can be made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from config.mapping import Watch
from daemon.capture.outbox import Captured, Unreadable, cancelled_in, changes_in, extended_in, sent_in, told_in
from daemon.kept import one_line
from daemon.planning.events import event_of
from daemon.planning.values import Event
from daemon.planning.whereabouts import Sighting, sighting_of
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("plan")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read."""

    outcomes: list[tuple[str, str]]
    """(watch, what became of the change) for each change."""
    events: list[Event]
    unreadable: list[tuple[Captured, str]]
    """To be set aside, and why."""
    cancelled: list[str]
    """Idempotency keys of events that are taken back."""
    extended: list[tuple[str, datetime]]
    """Idempotency keys of events that get another end, and that end."""
    sightings: list[Sighting]
    """Where somebody was, as live watches say."""

    @property
    def is_of_events(self) -> bool:
        """Whether nothing is to be written but what its events make, if there are any."""
        return not (self.unreadable or self.cancelled or self.extended)


async def read(cursor: AsyncCursor[TupleRow], looked: Sequence[Captured], watches: Mapping[str, Watch]) -> Reading:
    """Make events of what was captured; an event whose idempotency key is known is left out."""
    reading = Reading([], [], [], [], [], [])
    events: list[Event] = []
    for captured in looked:
        try:
            key, end = cancelled_in(captured), extended_in(captured)
            if key is not None:
                reading.cancelled.append(key)
                reading.outcomes.append(("", "cancelled"))
            elif end is not None:
                reading.extended.append(end)
                reading.outcomes.append(("", "extended"))
            else:
                events += _events_in(captured, watches, reading)
        except ValueError as error:
            reading.unreadable.append((captured, said(error)))
            reading.outcomes.append(("?", "set_aside"))
            log.error("change.set_aside", change=captured.id, error=said(error))
    reading.events.extend(await _each_once(cursor, events))
    return reading


def _events_in(captured: Captured, watches: Mapping[str, Watch], reading: Reading) -> Sequence[Event]:
    """The events in one captured row; notes what became of each of its changes, and who was seen where. Raises
    ValueError.
    """
    outcomes = reading.outcomes
    sent = sent_in(captured) or told_in(captured)
    if sent is not None:
        outcomes.append(("", "event"))
        return [sent]
    changes = list(changes_in(captured, watches))
    live = watches[changes[0].watch].live if changes else None
    if live is not None:
        outcomes.extend((change.watch, "location") for change in changes)
        reading.sightings.extend(seen for change in changes if (seen := sighting_of(change, live)) is not None)
        return []
    events = [event_of(change, watches[change.watch]) for change in changes]
    for change, event in zip(changes, events, strict=True):
        outcomes.append((change.watch, "event" if event else "no_event"))
    return [event for event in events if event is not None]


async def _each_once(cursor: AsyncCursor[TupleRow], events: list[Event]) -> list[Event]:
    """Without those whose idempotency key was planned before, or stands earlier in the same batch."""
    keys = [event.idempotency_key for event in events if event.idempotency_key is not None]
    if not keys:
        return events
    await cursor.execute(SQL["known_keys"], {"keys": keys})
    known: set[str | None] = {row[0] for row in await cursor.fetchall()}
    fresh: list[Event] = []
    for event in events:
        if event.idempotency_key is None or event.idempotency_key not in known:
            known.add(event.idempotency_key)
            fresh.append(event)
    return fresh


def said(error: Exception) -> str:
    """An error in one line, for a row and a log."""
    text = one_line(error) or type(error).__name__
    return text if isinstance(error, (Unreadable, psycopg.Error)) else f"{type(error).__name__}: {text}"


def set_aside(captured: Captured, error: str) -> dict[str, object]:
    """The parameters of the statement ``set_aside_taken``."""
    return {
        "id": captured.id,
        "watch": captured.watch,
        "op": captured.op,
        "key": captured.key,
        "old": captured.old,
        "new": captured.new,
        "captured_at": captured.captured_at,
        "error": error,
    }
