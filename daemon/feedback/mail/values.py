"""What a mail that came back says."""

from dataclasses import dataclass
from enum import StrEnum

from dispatchers.email.returning import Returned


class Kind(StrEnum):
    """What it is about; also the label in the metrics."""

    BOUNCE = "bounce"
    """It was not delivered, and never will be."""
    DELAY = "delay"
    """Not decided yet, or passed on to where no further word comes from."""
    DELIVERED = "delivered"
    COMPLAINT = "complaint"
    """The recipient called it spam."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a Message-ID of ours says: ``<orderbell.ID.BORN@...>``."""

    delivery_id: int
    born: int
    """When the delivery was made: a Unix time in whole seconds."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Which mail of ours it is about, as far as it says."""

    returned: tuple[Returned, ...] = ()
    """From return paths that we have signed: to be believed."""
    sent: tuple[Sent, ...] = ()
    """From Message-IDs, which anybody can write."""


@dataclass(frozen=True, slots=True)
class News:
    """What is said of one recipient."""

    kind: Kind
    reference: Reference
    recipients: tuple[str, ...] = ()
    """The address or addresses that it names: the one that it reached, and the one that it was sent to."""
    error: str | None = None
    """A line without addresses."""
    closes: bool = False
    """There is no such mailbox."""
