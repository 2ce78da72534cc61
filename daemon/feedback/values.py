"""What a provider or a mailbox says about a message that was sent."""

from dataclasses import dataclass
from typing import Literal

from config.names import Closed


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one message. It is found by ``provider_id`` or, where that is None, by our own ``delivery_id``."""

    channel: str
    state: Literal["delivered", "failed"]
    provider_id: str | None = None
    """What the provider calls it."""
    delivery_id: int | None = None
    address: str | None = None
    """Canonical. A report by ``delivery_id`` that anybody could have written counts only where it names the address."""
    error: str | None = None
    """Why it failed, in a line without addresses."""
    closed: Closed | None = None
    """The address itself is the reason."""
    again: bool = False
    """It surely did not arrive, and may be sent another time."""
