"""What is asked, and the rows of ``explain.sql`` that answer it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

_CARRIER = re.compile(r"told with delivery (\d{1,18})")
"""As ``daemon.delivery.holds`` writes it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked."""

    subject: str
    user: str | None = None
    channel: str | None = None
    limit: int = 20
    """Notifications of one event that are loaded."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event, with its first remarks and how many there are."""

    id: int
    name: str
    watch: str
    label: str | None
    captured_at: datetime
    planned_at: datetime
    remarks_total: int
    remarks: Sequence[str]


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """A notification that is shown, with how many its event has (``total``) and the highest id of them (``last``)."""

    id: int
    event_id: int
    event: str
    user_id: str
    audience: str
    category: str
    priority: str
    critical: bool
    created_at: datetime
    expires_at: datetime | None
    read_at: datetime | None
    seen_at: datetime | None
    withdrawn_at: datetime | None
    total: int
    last: int


@dataclass(frozen=True, slots=True)
class FinishedRow:
    """A delivery that has ended."""

    id: int
    notification_id: int
    channel: str
    address: str | None
    state: str
    reason: str | None
    attempt: int
    provider: str | None
    provider_id: str | None
    error: str | None
    finished_at: datetime
    reported_at: datetime | None

    @property
    def carrier(self) -> int | None:
        """The delivery that it was told with, where it became part of a digest."""
        found = _CARRIER.fullmatch(self.error or "") if self.reason == "digested" else None
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A delivery that is still to do."""

    id: int
    notification_id: int
    channel: str
    address: str
    state: str
    due_at: datetime
    leased_by: str | None
    attempt: int
    expires_at: datetime
    error: str | None
    uncertain: bool
    step: int
    time_zone: str | None
    hold: str | None
    kind: str | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One provider asked once."""

    delivery_id: int
    attempt: int
    provider: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class NewerRow:
    """What the superseded delivery ``id`` gave way to."""

    id: int
    event: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CarrierRow:
    """A delivery that carried others with it, and when it ended, or is due."""

    id: int
    state: str
    reason: str | None
    at: datetime
    event: str
    subject: str


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """What somebody chose; "" stands for every category, or every channel."""

    user_id: str
    category: str
    channel: str
    enabled: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class PersonRow:
    """What somebody set for themselves."""

    user_id: str
    time_zone: str | None
    snoozed_until: datetime | None
    do_not_disturb: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ClosedRow:
    """An address that nothing is sent to, as it is compared."""

    channel: str
    address: str
    reason: str
    detail: str
    since: datetime


@dataclass(frozen=True, slots=True)
class CountRow:
    """How many deliveries that are not shown ended, or wait, like this."""

    channel: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class AsideRow:
    """A change that could not be planned."""

    id: int
    watch: str | None
    op: str | None
    key: str | None
    old: str | None
    new: str | None
    captured_at: datetime | None
    error: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class ScheduledRow:
    """An event that is not to be told yet."""

    event: str
    scheduled_for: datetime
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AheadRow:
    """What will, or would, become an event: ``event`` is None where the change makes none that we can name."""

    kind: str
    """``change``, ``set_aside`` or ``scheduled``"""
    event: str | None
    at: datetime
    """Captured, set aside, or to be told."""
    id: int | None = None
    error: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Everything that was read about a subject, in one snapshot."""

    now: datetime
    events: Sequence[EventRow] = ()
    notifications: Sequence[NotificationRow] = ()
    finished: Sequence[FinishedRow] = ()
    waiting: Sequence[WaitingRow] = ()
    attempts: Sequence[AttemptRow] = ()
    newer: Sequence[NewerRow] = ()
    carriers: Sequence[CarrierRow] = ()
    choices: Sequence[ChoiceRow] = ()
    persons: Sequence[PersonRow] = ()
    closed: Sequence[ClosedRow] = ()
    rest: Mapping[int, Sequence[CountRow]] = field(default_factory=dict)
    """Event -> deliveries of its notifications that are not shown."""
    ahead: Sequence[AheadRow] = ()
    more_events: bool = False
    """There are older ones, which were not read."""
