"""What each person must receive: rules x people, worked out without the daemon."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from config.rules import Rule
from demo.cast import Cast, Person
from demo.shop import Order


@dataclass(frozen=True, slots=True)
class Expectation:
    """One message that one person must receive on one channel."""

    channel: str
    user_id: str
    order: str
    """The order's key."""
    event: str
    audience: str


def event_of(status: str) -> str:
    """The event that a status means in the preset ``delivery``."""
    return "order.created" if status == "pending" else f"order.{status}"


def expected(
    rules: Iterable[Rule], cast: Cast, order: Order, *, online: Collection[str], subscribed: Collection[str]
) -> Iterator[Expectation]:
    """Every message that must come of ``order`` having reached its status.

    ``online`` has the user ids with an open WebSocket, ``subscribed`` those with a push subscription.
    """
    event = event_of(order.status)
    for rule in rules:
        if rule.event != event:
            continue
        for person in cast.audience(rule.audience, order):
            reached = _reached(person, online, subscribed)
            # The inbox, which the WebSocket shows, has every notification, whatever else a rule says.
            for channel in ("websocket", *rule.all_channels):
                if channel in reached:
                    yield Expectation(channel, person.user_id, str(order.id), event, rule.audience)


def _reached(person: Person, online: Collection[str], subscribed: Collection[str]) -> set[str]:
    reached = set()
    if person.email is not None:
        reached.add("email")
    if person.phone is not None:
        reached.add("sms")
    if person.user_id in subscribed:
        reached.add("webpush")
    if person.user_id in online:
        reached.add("websocket")
    return reached
