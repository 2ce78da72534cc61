"""What the values of a status column mean, in the events that the preset ``delivery`` has rules for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from schema.discovery import Value

LIFECYCLE = (
    "created", "confirmed", "preparing", "ready", "picked_up", "in_transit", "delivered",
    "cancelled", "rejected", "refunded",
)  # fmt: skip

_MEANS = {
    "created": ("pending", "placed", "new", "open", "submitted", "received", "requested", "ordered", "booked",
                "pending_confirmation", "awaiting_confirmation", "waiting", "unconfirmed", "initiated"),
    "confirmed": ("accepted", "approved", "acknowledged", "confirm"),
    "preparing": ("cooking", "processing", "in_preparation", "in_progress", "in_kitchen", "in_production",
                  "making", "brewing", "baking", "packing", "picking", "started", "preparation"),
    "ready": ("ready_for_pickup", "ready_for_pick_up", "ready_for_delivery", "ready_to_ship",
              "ready_for_collection", "prepared", "packed", "awaiting_pickup", "awaiting_driver",
              "awaiting_courier", "cooked"),
    "picked_up": ("collected", "pickedup", "picked", "pickup", "handed_over", "with_driver", "with_courier"),
    "in_transit": ("out_for_delivery", "on_the_way", "on_its_way", "en_route", "shipped", "dispatched",
                   "delivering", "in_delivery", "on_route", "transit", "shipping", "sent",
                   "enroute", "intransit"),
    "delivered": ("completed", "complete", "fulfilled", "done", "finished", "closed", "arrived", "success"),
    "cancelled": ("canceled", "cancel", "cancelled_by_customer", "canceled_by_customer", "cancelled_by_user",
                  "canceled_by_user", "voided", "void", "aborted"),
    "rejected": ("declined", "denied", "refused", "reject", "not_accepted"),
    "refunded": ("refund", "money_back", "reimbursed"),
}  # fmt: skip
_EVENT_OF = {word: event for event, words in _MEANS.items() for word in (event, *words)}

_LEAVING = {"shipped", "dispatched", "shipping", "sent"}

_UNFINISHED = {"draft", "cart", "basket", "abandoned", "incomplete", "building", "in_cart", "checkout"}
"""Values before anyone has ordered anything."""

_NOT_IN_WORDS = re.compile(r"[^a-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Meaning:
    """One value of the status column, and the event that it most likely makes."""

    value: str
    name: str
    """The value in words; of an integer code what its lookup table says, else nothing."""
    event: str | None = None
    ignored: bool = False
    same_as: str | None = None
    """The value that means the same event already: nobody wants to be told twice."""


def meanings_of(values: Sequence[Value], *, ordered: bool) -> list[Meaning]:
    """What each value means; in the order of an order's life where the database does not say an order."""
    words = [_words(value) for value in values]
    events = [_EVENT_OF.get(word) for word in words]
    if events.count("in_transit") > 1 and "picked_up" not in events:
        # Where both ``shipped`` and ``out_for_delivery`` exist, the first is the pickup.
        events = ["picked_up" if word in _LEAVING else event for word, event in zip(words, events, strict=True)]
    read = list(zip(values, words, events, strict=True))
    taken = {event: value.value for value, word, event in read if event is not None and word == event}
    meanings = []
    for value, word, event in read:
        first = taken.setdefault(event, value.value) if event else value.value
        same_as = None if first == value.value else first
        name = value.name or word
        meanings.append(Meaning(value.value, name, None if same_as else event, word in _UNFINISHED, same_as))
    return meanings if ordered else sorted(meanings, key=_age)


def _words(value: Value) -> str:
    word = _NOT_IN_WORDS.sub("_", _HUMP.sub("_", value.name or value.value).lower()).strip("_")
    for prefix in ("order_", "status_", "state_", "is_"):
        word = word.removeprefix(prefix)
    return "" if word.isdecimal() else word


def _age(meaning: Meaning) -> int:
    """How late in an order's life; an unfinished one comes first, one without a meaning last."""
    if meaning.ignored:
        return -1
    return LIFECYCLE.index(meaning.event) if meaning.event in LIFECYCLE else len(LIFECYCLE)
