"""What the page is told: each statement of the shop, and each message that arrives, with how long it took."""

import asyncio
import json
import statistics
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from demo.arrival import Arrival
from demo.cast import CHANNELS
from demo.expectation import event_of
from demo.shop import FOLLOWING, Order, Written

KEPT = 400
"""Events that a page which comes later is told again."""
ORDERS_REMEMBERED = 5000
MEASURED = 500
EARLY_SECONDS = 0.03
"""A message can outrun the answer to its own commit: it waits so long for its statement to be known."""
SLOWEST_READER = 2000
"""Events that wait for one page at most; it is cut off then, and starts anew by itself."""

Event = dict[str, object]


class Feed:
    """Collects events and hands them to every page that listens."""

    def __init__(self) -> None:
        self.history: deque[Event] = deque(maxlen=KEPT)
        self.received: Counter[str] = Counter(dict.fromkeys(CHANNELS, 0))
        self.orders = 0
        self.shown_to: frozenset[str] = frozenset()
        """User ids of those on stage; what the others receive is only counted."""
        self._mails: dict[int, str] = {}
        self._sent_at: dict[tuple[str, str | None], float] = {}
        self._milliseconds: deque[float] = deque(maxlen=MEASURED)
        self._listeners: set[asyncio.Queue[Event]] = set()

    def wrote(self, written: Written) -> None:
        """The shop has run a statement."""
        order = written.order
        for event in (event_of(order.status), None):
            self._sent_at[str(order.id), event] = written.sent_at
        while len(self._sent_at) > ORDERS_REMEMBERED:
            del self._sent_at[next(iter(self._sent_at))]
        if order.status == "pending":
            self.orders += 1
        if str(order.customer_id) in self.shown_to:
            self._publish({"kind": "written", "order": as_event(order), "statement": written.statement})

    def arrived(self, arrival: Arrival) -> None:
        """A message has reached someone."""
        if (arrival.order, arrival.event) in self._sent_at:
            self._show(arrival)
        else:
            asyncio.get_running_loop().call_later(EARLY_SECONDS, self._show, arrival)

    def mail(self, number: int) -> str | None:
        """The HTML of a mail that was shown; None when it is not kept any more."""
        return self._mails.get(number)

    def totals(self) -> Event:
        """What there has been so far, off stage too."""
        typical = statistics.median(self._milliseconds) if self._milliseconds else None
        return {
            "kind": "totals",
            "orders": self.orders,
            "received": dict(self.received),
            "median_ms": None if typical is None else round(typical),
        }

    @contextmanager
    def listening(self) -> Iterator[AsyncIterator[Event]]:
        """Events from now on. They end when the reader has fallen too far behind."""
        queue: asyncio.Queue[Event] = asyncio.Queue(SLOWEST_READER)
        self._listeners.add(queue)
        try:
            yield self._events(queue)
        finally:
            self._listeners.discard(queue)

    async def _events(self, queue: asyncio.Queue[Event]) -> AsyncIterator[Event]:
        while queue in self._listeners:
            yield await queue.get()

    def _show(self, arrival: Arrival) -> None:
        sent_at = self._sent_at.get((arrival.order, arrival.event))
        # What takes an offer back comes of a later statement than the offer did.
        milliseconds = None if sent_at is None or arrival.withdrawn else max(0.0, (arrival.at - sent_at) * 1000)
        self.received[arrival.channel] += 1
        if milliseconds is not None:
            self._milliseconds.append(milliseconds)
        if arrival.user_id not in self.shown_to:
            return
        mail = None
        if arrival.html:
            mail = self.received["email"]
            self._mails[mail] = arrival.html
            self._mails.pop(mail - KEPT, None)
        self._publish(
            {
                "kind": "arrival",
                "channel": arrival.channel,
                "user_id": arrival.user_id,
                "order": arrival.order,
                "event": arrival.event,
                "title": arrival.title,
                "body": arrival.body,
                "notification_id": arrival.notification_id,
                "withdrawn": arrival.withdrawn,
                "mail": mail,
                "at": time.time(),
                "ms": None if milliseconds is None else round(milliseconds),
            }
        )

    def _publish(self, event: Event) -> None:
        self.history.append(event)
        for queue in list(self._listeners):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._listeners.discard(queue)


def as_event(order: Order) -> Event:
    """The order as the page has it, with what may come next."""
    return {
        "id": order.id,
        "number": order.number,
        "customer_id": order.customer_id,
        "status": order.status,
        "total": f"{order.total:.2f}",
        "following": FOLLOWING[order.status],
    }


def server_sent(event: Event) -> bytes:
    """One message of an event stream (HTML Living Standard, 9.2)."""
    return b"data: " + json.dumps(event).encode() + b"\n\n"
