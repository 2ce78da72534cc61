"""The values that flow through planning.

Nobody changes them once they are made. Those that are made by the thousand are not ``frozen`` all the same: Python
takes three times as long to make one that is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from config.names import Category, Priority
from config.quiet import QuietWindow

if TYPE_CHECKING:
    from daemon.planning.direct import Direct


@dataclass(slots=True, unsafe_hash=True)
class Change:
    """One captured write of the application: the row before and after, as the watch's columns have them."""

    id: int
    watch: str
    key: str
    old: Mapping[str, Any] | None
    """None for a new row."""
    new: Mapping[str, Any]
    captured_at: datetime


@dataclass(slots=True, unsafe_hash=True)
class Event:
    """The named thing that a change means."""

    name: str
    """``order.ready``"""
    subject: str
    """``order:4711``"""
    watch: str
    key: str
    label: str
    """What people call the row."""
    row: Mapping[str, Any]
    captured_at: datetime
    idempotency_key: str | None = None
    """Of an event that was sent: the same key twice is one event."""
    expires_at: datetime | None = None
    """Not to be told after this; None: as its rules say."""
    direct: "Direct | None" = None
    """Who is told and in which words, where the event says so itself."""

    @property
    def prefix(self) -> str:
        """``order`` of ``order.ready``."""
        return self.name.partition(".")[0]


@dataclass(slots=True, unsafe_hash=True)
class Person:
    """One person that the application knows."""

    user_id: str
    name: str = ""
    locale: str = ""
    time_zone: str = ""
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Channel -> where this person can be reached on it."""
    quiet: tuple[QuietWindow, ...] | None = None
    """Quiet hours of their own; None: those of the configuration."""
    snoozed_until: datetime | None = None
    do_not_disturb: bool = False

    @property
    def email(self) -> str:
        """For templates; empty when there is none."""
        return next(iter(self.addresses.get("email", ())), "")

    @property
    def phone(self) -> str:
        """For templates; empty when there is none."""
        return next(iter(self.addresses.get("sms", ())), "")


NOBODY = Person(user_id="")
"""Stands in templates for an audience that has no one, so that ``vendor.name or 'the vendor'`` works."""


@dataclass(slots=True, unsafe_hash=True)
class Words:
    """A rendered message."""

    title: str
    body: str
    text: str
    url: str | None
    action: str | None
    error: str | None = None
    """Why the fallback words stand here."""


@dataclass(slots=True, unsafe_hash=True)
class PlannedEvent:
    """An event and what there is to say of it; ``remarks`` names who could not be told and why."""

    event: Event
    remarks: tuple[str, ...]


@dataclass(slots=True, unsafe_hash=True)
class PlannedMessage:
    """Words for one audience and locale of ``events[event]``."""

    event: int
    audience: str
    locale: str
    words: Words


@dataclass(slots=True, unsafe_hash=True)
class PlannedNotification:
    """What one person is told: ``messages[message]`` about ``events[event]``."""

    event: int
    message: int
    person: Person
    audience: str
    category: Category
    priority: Priority
    expires_at: datetime
    critical: bool = False
    """No preference counts."""
    withdrawn: bool = False
    """Taken back by a later event of the same batch, before anybody saw it."""


@dataclass(slots=True, unsafe_hash=True)
class PlannedDelivery:
    """``notifications[notification]`` on one channel to one address."""

    notification: int
    channel: str
    address: str
    due_at: datetime
    step: int = 0
    """Of its rule."""
    hold: str | None = None
    """Waits until ``due_at`` to become one message with all that this person has under this name."""
    zone: str = ""
    """The recipient's time zone."""
    message: int | None = None
    """``messages[message]`` where its channel has words of its own; None: its notification's."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """All notifications of ``event`` about ``subject`` to ``audience`` that were planned before are taken back."""

    subject: str
    event: str
    audience: str


@dataclass(slots=True, unsafe_hash=True)
class SkippedDelivery:
    """``notifications[notification]`` is not sent on a channel that its rule names, and why."""

    notification: int
    channel: str
    reason: str
    detail: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a batch of changes makes. Indexes refer to positions; ids are given when it is stored."""

    events: tuple[PlannedEvent, ...]
    messages: tuple[PlannedMessage, ...]
    notifications: tuple[PlannedNotification, ...]
    deliveries: tuple[PlannedDelivery, ...]
    skipped: tuple[SkippedDelivery, ...]
    withdrawals: tuple[Withdrawal, ...] = ()
    spent: tuple[tuple[str, str], ...] = ()
    """(user id, throttle), once for each message that counts towards it."""
