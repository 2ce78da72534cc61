"""The closed vocabularies of the configuration, and the shapes that names in it must have."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, StringConstraints


class Priority(StrEnum):
    """How much a notification matters; ``urgent`` passes quiet hours, and Web Push carries it as Urgency."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Category(StrEnum):
    """What a notification is about, as people choose it in their preferences."""

    ORDER = "order"
    DELIVERY = "delivery"
    PAYMENT = "payment"
    SYSTEM = "system"
    PROMOTION = "promotion"
    SECURITY = "security"
    VERIFICATION = "verification"
    SUPPORT = "support"


NOT_DECLINED = frozenset({Category.SECURITY, Category.VERIFICATION})
"""Nobody unsubscribes from these: who has declined every mail still wants to reset a password."""


class Closed(StrEnum):
    """Why nothing is sent to an address any more."""

    INVALID = "invalid"
    """A provider said that there is no such address."""
    BOUNCE = "bounce"
    """A mail that had been taken came back."""
    STOP = "stop"
    """The recipient answered STOP, also to another sender of the same account."""
    UNSUBSCRIBE = "unsubscribe"
    """The recipient unsubscribed from everything."""
    COMPLAINT = "complaint"
    """The recipient reported a message as spam."""
    MANUAL = "manual"
    """Somebody closed it by hand."""


INBOX = "inbox"
"""The channel every notification has: the inbox, shown live by the hub. It needs no delivery row."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""A name that also serves in SQL, metrics and templates: lower case, digits, underscores."""

WATCH_NAME_LONGEST = 46
"""``orderbell_NAME_insert`` is the name of a trigger, and PostgreSQL cuts names after 63 bytes."""


def _fits_a_trigger(name: str) -> str:
    if len(name) > WATCH_NAME_LONGEST:
        raise ValueError(f"has {len(name)} characters; at most {WATCH_NAME_LONGEST}: triggers are named after it")
    return name


WatchName = Annotated[Name, AfterValidator(_fits_a_trigger)]
"""The name of a watch, short enough for its triggers' names."""

EventName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
"""``prefix.what``, for example ``order.ready``."""
