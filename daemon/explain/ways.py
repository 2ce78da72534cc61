"""One person's ways of being told of one event, and what became of each. Pure."""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from typing import TypeVar
from zoneinfo import ZoneInfo

from daemon.explain.addresses import masked, masked_in, whole
from daemon.explain.configured import Configured
from daemon.explain.moments import Moments
from daemon.explain.progress import why_ended, why_waiting
from daemon.explain.records import AttemptRow, FinishedRow, NotificationRow, Rows, WaitingRow
from daemon.explain.values import Attempt, Reason, State, Way
from daemon.explain.words import Skip, why_skipped
from dispatchers.canonical import canonical

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")


class Ways:
    """Finds, for a notification, what belongs to it."""

    def __init__(self, rows: Rows, configured: Configured, channel: str | None, *, addresses: bool) -> None:
        """``channel``: only this one. With ``addresses``, those are shown in full."""
        self._rows = rows
        self._configured = configured
        self._channel = channel
        self._show = whole if addresses else masked
        self.clean: Callable[[str], str] = str if addresses else masked_in
        self._finished = grouped(rows.finished, lambda row: row.notification_id)
        self._waiting = grouped(rows.waiting, lambda row: row.notification_id)
        self._attempts = grouped(rows.attempts, lambda row: row.delivery_id)
        self._choices = grouped(rows.choices, lambda row: row.user_id)
        self._persons = {row.user_id: row for row in rows.persons}
        self._newer = {row.id: row for row in rows.newer}
        self._carriers = {row.id: row for row in rows.carriers}
        self._closed = {(row.channel, row.address): row for row in rows.closed}

    def zone_of(self, told: NotificationRow) -> ZoneInfo:
        """Where this person lives, as far as we keep it."""
        person = self._persons.get(told.user_id)
        own = [each.time_zone or "" for each in self._waiting.get(told.id, ())]
        return self._configured.zone_for([*own, (person and person.time_zone) or ""], told.audience)

    def of(self, told: NotificationRow, withdrawn_by: str | None, moment: Moments, *, kept: bool) -> Iterator[Way]:
        """Each in turn; ``kept`` is whether the history still has everything."""
        channels = set()
        for row in self._finished.get(told.id, ()):
            channels.add(row.channel)
            yield self._ended(row, told, withdrawn_by, moment)
        for waiting in self._waiting.get(told.id, ()):
            channels.add(waiting.channel)
            yield self._to_come(waiting, told, moment)
        if kept:
            yield from self._absent(told, channels)

    def _ended(self, row: FinishedRow, told: NotificationRow, withdrawn_by: str | None, moment: Moments) -> Way:
        if row.state == State.SKIPPED:
            skip = Skip(
                row=row,
                notification=told,
                configured=self._configured,
                choices=self._choices.get(told.user_id, ()),
                person=self._persons.get(told.user_id),
                newer=self._newer.get(row.id),
                carrier=self._carriers.get(row.carrier or 0),
                closed=self._closed.get((row.channel, self._compared(row))),
                withdrawn_by=withdrawn_by,
                takes_back=self._takes_back(row, told),
            )
            why = self.clean(why_skipped(skip, moment))
        else:
            error = self.clean(row.error or "")
            why = why_ended(row, error, moment, takes_back=self._takes_back(row, told))
        return Way(
            delivery=row.id,
            channel=row.channel,
            address=self._show(row.channel, row.address),
            state=State(row.state),
            reason=Reason(row.reason) if row.reason else None,
            why=why,
            finished_at=row.finished_at,
            reported_at=row.reported_at,
            provider=row.provider,
            provider_id=row.provider_id,
            error=self.clean(row.error) if row.error else None,
            attempts=self._tried(row.id),
        )

    def _to_come(self, row: WaitingRow, told: NotificationRow, moment: Moments) -> Way:
        error = self.clean(row.error or "")
        zone = self.zone_of(told)
        rule = self._configured.rules.get((told.event, told.audience))
        person = self._persons.get(told.user_id)
        return Way(
            delivery=row.id,
            channel=row.channel,
            address=self._show(row.channel, row.address),
            state=State(row.state),
            reason=None,
            why=why_waiting(row, error, rule, person, zone, self._rows.now, moment),
            due_at=row.due_at,
            due_local=row.due_at.astimezone(zone),
            hold=row.hold,
            error=error or None,
            attempts=self._tried(row.id),
        )

    def _absent(self, told: NotificationRow, known: Collection[str]) -> Iterator[Way]:
        """Channels of which there is nothing: those that the rule names, and the one that was asked for."""
        named = self._configured.channels_of(told.event, told.audience)
        for channel in dict.fromkeys([*named, *([self._channel] if self._channel else [])]):
            if channel in known or channel == "inbox" or self._channel not in (None, channel):
                continue
            why = "nothing was planned: the channel had no provider, or the rule did not name it then"
            if channel not in named:
                why = f"nothing was planned: the rule for {told.event} to {told.audience} does not name it"
            yield Way(None, channel, None, State.ABSENT, None, why)

    def _tried(self, delivery: int) -> tuple[Attempt, ...]:
        return tuple(map(self._attempt, self._attempts.get(delivery, ())))

    def _attempt(self, row: AttemptRow) -> Attempt:
        return Attempt(
            number=row.attempt,
            provider=row.provider,
            started_at=row.started_at,
            ended_at=row.ended_at,
            outcome=row.outcome,
            code=row.code,
            detail=self.clean(row.detail),
        )

    def _compared(self, row: FinishedRow) -> str:
        """The address as ``orderbell.suppression`` spells it."""
        return canonical(row.channel, row.address or "", self._configured.region)

    def _takes_back(self, row: FinishedRow, told: NotificationRow) -> bool:
        """Whether it told a device that the notification holds no longer: a second one, after it was taken back."""
        return (
            told.withdrawn_at is not None
            and row.finished_at > told.withdrawn_at
            and any(
                first.id < row.id and (first.channel, first.address) == (row.channel, row.address)
                for first in self._finished.get(told.id, ())
            )
        )


def grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    """In their order."""
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found
