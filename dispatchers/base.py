"""The dispatcher contract: what a channel is given, what it answers, and what it must never do.

A dispatcher only says what happened to each delivery. When to try again, how often, and what becomes of an address
that bounced is decided once, in ``daemon.delivery``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from config import Settings
from config.names import Category, Priority


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on one channel to one address, with everything that is needed to send it.

    ``address`` is what the channel calls an address: an e-mail address, a phone number as the application has it, a
    push subscription as JSON (the W3C ``PushSubscription.toJSON()`` shape), a user id for the hub. Texts are rendered
    already and are plain text: whoever puts them into HTML escapes them. Times are aware, in UTC.
    """

    id: int
    """Stable over all attempts; 0 for the hub, whose deliveries are not kept."""
    attempt: int
    """1 for the first."""
    channel: str
    address: str
    notification_id: int
    user_id: str
    recipient_name: str
    locale: str
    event: str
    """``order.ready``"""
    subject: str
    """What it is about, ``order:4711``: e-mails of one subject thread, a newer push replaces an older one."""
    audience: str
    category: Category
    priority: Priority
    title: str
    body: str
    text: str
    """The short form, for SMS."""
    url: str | None
    """Where the action leads, absolute."""
    action: str | None
    """The action's label."""
    created_at: datetime
    expires_at: datetime
    """Not to be sent after this."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it; ``provider_id`` is what it calls the message."""

    provider_id: str | None = None
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not sent, and may work later; ``after`` seconds at the soonest where the provider said so."""

    error: str
    after: float | None = None
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not sent, and never will be; ``suppress_address`` when the address itself is the reason."""

    error: str
    suppress_address: bool = False
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request went out and no answer came: it may have been sent."""

    error: str
    provider: str = ""


Outcome = Sent | Retry | Rejected | Unknown


class Unusable(Exception):
    """The provider cannot be used: what is wrong and what to do, in one line for a person."""


class Dispatcher(Protocol):
    """Sends deliveries on one channel."""

    channel: str
    concurrency: int
    """Calls of ``send`` in flight at most: a provider that hangs holds these slots and no other channel's."""
    batch_size: int
    """Deliveries per call at most: 1 where each is a request of its own."""
    repeatable: bool
    """Whether people see a delivery once though it is sent twice (a Message-ID, a Topic): then what may or may not
    have been sent is sent again."""

    async def start(self) -> None:
        """Open what is kept open. A provider that is down is not an error here: sends will say so."""

    async def stop(self) -> None:
        """Close everything. Called once, after the last ``send`` returned."""

    async def ping(self) -> None:
        """Raise :class:`Unusable` when the provider cannot be used; sends nothing to anyone."""

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """One outcome per delivery, in the same order.

        Never raises for what a provider or an address does; an exception is a bug of the dispatcher, and its whole
        batch counts as :class:`Unknown`. Cancellation may come at any await.
        """


class DispatcherFactory(Protocol):
    """What an entry point of the group ``orderbell.dispatchers`` names; the entry point's name is the channel's."""

    def __call__(self, settings: Settings) -> Dispatcher | None:
        """The channel's dispatcher, or None where the configuration gives it no provider."""
