"""Which delivery a line is about, also where a library says it: every line of a send has its ids."""

from collections.abc import Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

MOST_IDS = 20
"""Of a batch; the rest is counted."""


class Correlated(Protocol):
    """What the ids are taken from."""

    @property
    def id(self) -> int: ...
    @property
    def notification_id(self) -> int: ...
    @property
    def event_id(self) -> int: ...


SENDING: ContextVar[Sequence[Correlated]] = ContextVar("orderbell_sending", default=())
"""The deliveries that this task sends. To set it costs next to nothing: their ids are only read for a line."""


def about(delivery: Correlated) -> dict[str, int]:
    """The fields that say which delivery a line is about; those that are not known are left out."""
    ids = {"delivery": delivery.id, "notification": delivery.notification_id, "event_id": delivery.event_id}
    return {name: id_ for name, id_ in ids.items() if id_}


def merge_delivery(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A processor: add the ids of what this task sends, where the line does not say any."""
    sending = SENDING.get()
    if sending and "delivery" not in event:
        if len(sending) == 1:
            for name, id_ in about(sending[0]).items():
                event.setdefault(name, id_)
        else:
            event.setdefault("deliveries", [delivery.id for delivery in sending[:MOST_IDS]])
            if len(sending) > MOST_IDS:
                event.setdefault("deliveries_more", len(sending) - MOST_IDS)
    return event
