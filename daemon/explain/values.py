"""The timeline of a subject: what happened, who was told, and what became of each way of telling them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Of one way of telling one person."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"
    ABSENT = "absent"
    """There is no delivery, and nothing that says why."""


class Reason(StrEnum):
    """Why a delivery was skipped. A test compares it with the migrations."""

    PREFERENCE = "preference"
    SUPPRESSED = "suppressed"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    READ = "read"
    NO_ADDRESS = "no_address"
    DIGESTED = "digested"
    CONDITION = "condition"
    THROTTLED = "throttled"


class Coming(StrEnum):
    """What is no event yet."""

    CHANGE = "change"
    """Captured, and not planned yet."""
    SET_ASIDE = "set_aside"
    """It could not be planned."""
    SCHEDULED = "scheduled"
    """Sent, to be told later."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One provider asked once; ``number`` counts the delivery's attempts, within one several may be asked."""

    number: int
    provider: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    """``sent``, ``retry``, ``rejected`` or ``unknown``"""
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Way:
    """One notification on one channel to one address."""

    delivery: int | None
    channel: str
    address: str | None
    """As it may be shown."""
    state: State
    reason: Reason | None
    why: str
    """In words."""
    finished_at: datetime | None = None
    reported_at: datetime | None = None
    due_at: datetime | None = None
    due_local: datetime | None = None
    """The same in the person's time zone."""
    hold: str | None = None
    provider: str | None = None
    provider_id: str | None = None
    error: str | None = None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What one person was told about one event, and how."""

    notification: int
    user: str
    audience: str
    category: str
    priority: str
    critical: bool
    time_zone: str
    created_at: datetime
    expires_at: datetime | None
    seen_at: datetime | None
    read_at: datetime | None
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    """The event that took it back, where the rules say so."""
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """So many deliveries with the same outcome: a state or, where skipped, the reason."""

    channel: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Notifications of an event that are not listed, and what became of their deliveries."""

    notifications: int
    outcomes: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Happening:
    """One event."""

    id: int
    name: str
    label: str | None
    captured_at: datetime
    planned_at: datetime
    remarks: tuple[str, ...]
    """Who could not be told, and why; the first of ``remarks_total``."""
    remarks_total: int
    told: tuple[Told, ...]
    rest: Rest | None
    notes: tuple[str, ...]
    """What cannot be told from the tables, or was not there to be told."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is no event yet."""

    kind: Coming
    event: str | None
    at: datetime
    why: str
    id: str | None = None
    """As `orderbell retry` takes it."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that is known of a subject, oldest first."""

    subject: str
    user: str | None
    channel: str | None
    events: Sequence[Happening]
    ahead: Sequence[Ahead]
    more_events: bool

    @property
    def empty(self) -> bool:
        """Whether nothing is known of it."""
        return not self.events and not self.ahead
