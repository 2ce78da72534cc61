"""The dispatcher contract: what a channel is given, what it answers, and what it must never do.

A dispatcher only says what happened to each delivery. When to try again, how often, and what becomes of an address
that bounced is decided once, in ``daemon.delivery``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Protocol, runtime_checkable

from config import Settings
from config.names import Category, Closed, Priority


class Kind(StrEnum):
    """Of a delivery whose words are not its notification's."""

    DIGEST = "digest"
    """Several notifications in one message."""
    WITHDRAWAL = "withdrawal"
    """Takes the place of what a device shows: it holds no longer."""


# Nobody changes a delivery. It is not frozen all the same, nor is what one provider said: Python takes three times as
# long to make a value that is, and there are thousands a second.


@dataclass(slots=True, unsafe_hash=True)
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
    step: int = 0
    """Of its rule."""
    kind: Kind | None = None
    uncertain: bool = False
    """An earlier attempt may have been sent without our knowing: a dispatcher that is not ``repeatable`` asks its
    provider before it sends again."""
    critical: bool = False
    """Sent whatever people chose: it offers no way to unsubscribe."""
    wanted_at: datetime | None = field(default=None, compare=False)
    """From when it is late: the commit that it tells of, or when it was first due where that is later. For metrics."""
    event_id: int = field(default=0, compare=False)
    """Of the event that it tells of, for the log and for traces; 0 where it is not known."""


class Fault(Enum):
    """Whose doing it is that a delivery was not sent: decides whether another provider is asked."""

    RECIPIENT = auto()
    """This recipient, this message, this moment: no other provider would do better."""
    ROUTE = auto()
    """This provider cannot bring this message to this recipient; another may. It is well otherwise."""
    PROVIDER = auto()
    """The provider or the way to it is in trouble, and the next message will be too."""
    LIMIT = auto()
    """The provider was asked too often, and wants a pause."""
    SETTINGS = auto()
    """A login, an account, a certificate: nothing passes this provider until somebody has put it right."""


@dataclass(slots=True, unsafe_hash=True)
class Try:
    """One provider asked once; within one attempt several may be asked, one after the other."""

    provider: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    """``sent``, ``retry``, ``rejected`` or ``unknown``."""
    code: str = ""
    detail: str = ""
    """The error, in a line without addresses; empty where there was none."""


# ``code``, ``tries`` and ``fault`` tell how an outcome came about; two outcomes are equal when they mean the same.
# ``code`` is what the provider answered: ``550 5.1.1``, ``21610``, ``410``; empty where no answer came.
# ``tries`` is empty where no provider was asked: nothing was sent then, and the attempt has cost nothing.


@dataclass(slots=True, unsafe_hash=True)
class Sent:
    """The provider took it; ``provider_id`` is what it calls the message."""

    provider_id: str | None = None
    provider: str = ""
    code: str = field(default="", compare=False)
    tries: tuple[Try, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Retry:
    """Not sent, and may work later; ``after`` seconds at the soonest where the provider said so."""

    error: str
    after: float | None = None
    provider: str = ""
    code: str = field(default="", compare=False)
    tries: tuple[Try, ...] = field(default=(), compare=False)
    fault: Fault = field(default=Fault.PROVIDER, compare=False)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not sent, and never will be; ``suppress_address`` when the address itself is the reason, ``closed`` which."""

    error: str
    suppress_address: bool = False
    provider: str = ""
    closed: Closed = field(default=Closed.INVALID, compare=False)
    code: str = field(default="", compare=False)
    tries: tuple[Try, ...] = field(default=(), compare=False)
    fault: Fault = field(default=Fault.RECIPIENT, compare=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request went out and no answer came: it may have been sent."""

    error: str
    provider: str = ""
    code: str = field(default="", compare=False)
    tries: tuple[Try, ...] = field(default=(), compare=False)


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
    """Whether people see a delivery once though it is sent twice (a Message-ID, a Topic). Where they would not, an
    ``uncertain`` delivery is looked up at the provider before anything is sent again."""

    async def start(self) -> None:
        """Open what is kept open. A provider that is down is not an error here: sends will say so."""

    async def stop(self) -> None:
        """Close everything. Called once, after the last ``send`` returned."""

    async def ping(self) -> None:
        """Raise :class:`Unusable` when a provider cannot be used; sends nothing to anyone."""

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """One outcome per delivery, in the same order.

        Never raises for what a provider or an address does; an exception is a bug of the dispatcher, and its whole
        batch counts as :class:`Unknown`. Cancellation may come at any await.
        """


@runtime_checkable
class HasProviders(Protocol):
    """A dispatcher that can say of its providers whether they are in use; none has to."""

    def resting(self) -> Mapping[str, str | None]:
        """Provider -> None where it may be asked now, else why it is left alone, for a person. Asks nobody."""


class DispatcherFactory(Protocol):
    """What an entry point of the group ``orderbell.dispatchers`` names; the entry point's name is the channel's."""

    def __call__(self, settings: Settings) -> Dispatcher | None:
        """The channel's dispatcher, or None where the configuration gives it no provider."""
