"""Reads everything about a subject, in one snapshot: ``explain.sql``."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row, tuple_row

from daemon.capture.outbox import Captured, Unreadable, changes_in, sent_in
from daemon.explain.configured import Configured
from daemon.explain.records import (
    AheadRow,
    AsideRow,
    Ask,
    AttemptRow,
    CarrierRow,
    ChoiceRow,
    ClosedRow,
    CountRow,
    EventRow,
    FinishedRow,
    NewerRow,
    NotificationRow,
    PersonRow,
    Rows,
    ScheduledRow,
    WaitingRow,
)
from daemon.explain.values import Coming, Reason
from daemon.planning.events import event_of
from dispatchers.canonical import canonical
from schema.queries import statements

SQL = statements("explain")

EVENTS_AT_MOST = 200
"""Of one subject, the newest."""

AHEAD_AT_MOST = 100
"""Changes of each kind."""

Row = TypeVar("Row")


def read(connection: psycopg.Connection[Any], ask: Ask, configured: Configured) -> Rows:
    """Everything about ``ask.subject``. Raises psycopg.Error."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _Reading(connection, ask, configured).rows()


class _Reading:
    """One reading, statement by statement."""

    def __init__(self, connection: psycopg.Connection[Any], ask: Ask, configured: Configured) -> None:
        self._connection = connection
        self._ask = ask
        self._configured = configured
        self._given: dict[str, Any] = {
            "subject": ask.subject,
            "user": ask.user,
            "channel": ask.channel,
            "limit": ask.limit,
        }

    def _all(self, kind: type[Row], name: str, **given: Any) -> list[Row]:
        with self._connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(SQL[name], {**self._given, **given}).fetchall()

    def rows(self) -> Rows:
        events = self._all(EventRow, "events", events=EVENTS_AT_MOST + 1)
        more, events = len(events) > EVENTS_AT_MOST, events[-EVENTS_AT_MOST:]
        told = self._all(NotificationRow, "notifications", events=[event.id for event in events])
        # Nothing of them can have ended before.
        since = min((event.planned_at for event in events), default=datetime.now(UTC))
        ids = [each.id for each in told]
        finished = self._all(FinishedRow, "finished", ids=ids, since=since) if ids else []
        waiting = self._all(WaitingRow, "waiting", ids=ids) if ids else []
        absent = _absent(told, finished, waiting, self._configured)
        if absent:
            waiting += self._all(WaitingRow, "waiting_digests", ids=absent)
        deliveries = [each.id for each in finished] + [each.id for each in waiting]
        users = sorted({each.user_id for each in told})
        carriers = [each.carrier for each in finished if each.carrier is not None]
        return Rows(
            now=self._now(),
            events=events,
            notifications=told,
            finished=finished,
            waiting=waiting,
            attempts=self._all(AttemptRow, "attempts", ids=deliveries, since=since) if deliveries else (),
            newer=self._newer(finished),
            carriers=self._all(CarrierRow, "carriers", ids=carriers, since=since) if carriers else (),
            choices=self._all(ChoiceRow, "choices", users=users),
            persons=self._all(PersonRow, "persons", users=users),
            closed=self._closed(finished),
            rest=dict(self._rest(events, told)),
            ahead=list(self._ahead()),
            more_events=more,
        )

    def _now(self) -> datetime:
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            (now,) = cursor.execute("SELECT now()").fetchone() or (None,)
        return now if isinstance(now, datetime) else datetime.now(UTC)

    def _newer(self, finished: Sequence[FinishedRow]) -> list[NewerRow]:
        old = [each for each in finished if each.reason == Reason.SUPERSEDED]
        if not old:
            return []
        return self._all(
            NewerRow,
            "newer",
            ids=[each.id for each in old],
            notifications=[each.notification_id for each in old],
            channels=[each.channel for each in old],
            finished=[each.finished_at for each in old],
        )

    def _closed(self, finished: Sequence[FinishedRow]) -> list[ClosedRow]:
        asked = {
            (each.channel, canonical(each.channel, each.address, self._configured.region))
            for each in finished
            if each.reason == Reason.SUPPRESSED and each.address is not None
        }
        if not asked:
            return []
        channels, addresses = zip(*sorted(asked), strict=True)
        return self._all(ClosedRow, "closed", channels=list(channels), addresses=list(addresses))

    def _rest(
        self, events: Sequence[EventRow], told: Sequence[NotificationRow]
    ) -> Iterator[tuple[int, list[CountRow]]]:
        """For each event that has more notifications than are shown."""
        planned = {event.id: event.planned_at for event in events}
        for event, newest in {each.event_id: each for each in told}.items():
            if newest.total > self._ask.limit:
                span = {"event": event, "after": newest.id, "last": newest.last, "since": planned[event]}
                counts = self._all(CountRow, "rest_finished", **span)
                yield event, counts + self._all(CountRow, "rest_waiting", **span)

    # --- what is no event yet -------------------------------------------------------------------------------------

    def _ahead(self) -> Iterator[AheadRow]:
        prefix, _, key = self._ask.subject.partition(":")
        watches = [watch.name for watch in self._configured.watches.values() if watch.event_prefix == prefix]
        given = {"key": key, "watches": watches, "prefix": prefix, "limit": AHEAD_AT_MOST}
        for aside in self._all(AsideRow, "changes_failed", **given):
            moment = aside.captured_at or aside.failed_at
            captured = Captured(aside.id, aside.watch, aside.op, aside.key, aside.old, aside.new, aside.error, moment)
            for name in self._names(captured, set_aside=True):
                yield AheadRow(Coming.SET_ASIDE, name, aside.failed_at, aside.id, aside.error)
        for captured in self._all(Captured, "changes", **given):
            for name in self._names(captured):
                yield AheadRow(Coming.CHANGE, name, captured.captured_at)
        for each in self._all(ScheduledRow, "scheduled", **given):
            yield AheadRow(Coming.SCHEDULED, each.event, each.scheduled_for, expires_at=each.expires_at)

    def _names(self, captured: Captured, *, set_aside: bool = False) -> Iterator[str | None]:
        """The events that ``captured`` means for our subject; None where that cannot be said, or it means none."""
        prefix, _, key = self._ask.subject.partition(":")
        try:
            sent = sent_in(captured)
            if sent is not None:
                if sent.subject == self._ask.subject:
                    yield sent.name
                return
            changes = [each for each in changes_in(captured, self._configured.watches) if each.key == key]
            for change in changes:
                event = event_of(change, self._configured.watches[change.watch])
                if event is not None or set_aside:
                    yield event.name if event is not None else None
        except Unreadable:
            # Of an event that nobody can read, the name before the dot may still be ours.
            about = captured.op != "event" or f'"{prefix}.' in (captured.old or "")
            if captured.key == key and about:
                yield None


def _absent(
    told: Sequence[NotificationRow],
    finished: Sequence[FinishedRow],
    waiting: Sequence[WaitingRow],
    configured: Configured,
) -> list[int]:
    """Notifications of which a channel that the rule names is nowhere."""
    known = {(each.notification_id, each.channel) for each in finished}
    known |= {(each.notification_id, each.channel) for each in waiting}
    return [
        each.id
        for each in told
        if any((each.id, channel) not in known for channel in configured.channels_of(each.event, each.audience))
    ]
