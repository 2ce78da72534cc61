"""A message as a sink received it, whatever its channel."""

import re
from dataclasses import dataclass

_LABEL = re.compile(r"\bA-(?P<key>\d+)\b")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that reached one person."""

    channel: str
    user_id: str
    order: str
    """The order's key; empty where the message does not say."""
    event: str | None
    """None for a text, which is only its words."""
    title: str
    body: str
    at: float
    """``time.monotonic()`` when it was taken."""
    notification_id: int | None = None
    html: str = ""
    withdrawn: bool = False
    """It takes the place of an offer that holds no longer."""

    @property
    def words(self) -> str:
        """What tells two texts about one order apart; empty where the event does."""
        return self.body if self.event is None else ""


def order_in(words: str) -> str:
    """The key of the order whose number stands in ``words``; empty where there is none."""
    found = _LABEL.search(words)
    return found["key"] if found else ""


def order_of(subject: object) -> str:
    """``order:1042`` -> ``1042``."""
    return str(subject).partition(":")[2]
