"""What is on its way to people, in order; written in slices, between which the loop turns."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dispatchers.websocket import frames
from dispatchers.websocket.frames import Notification, Outgoing

if TYPE_CHECKING:
    from dispatchers.websocket.connection import Connection
    from dispatchers.websocket.hub import Hub

SLICE = 500
"""Writes between two turns of the loop: about 3 ms."""
MOST_RECENT = 100_000
"""Ids that are remembered as sent, where other daemons send too: some 10 MB."""

To = str | tuple[str, ...] | None
"""A person, some, or everybody."""


class Outbox:
    """One for the hub, so that frames for one person never overtake each other."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._waiting: deque[tuple[To, Outgoing | Notification]] = deque()
        self._rest: tuple[Outgoing, Iterator[Connection]] | None = None
        """Of a frame to many: who has not got it."""
        self._handle: asyncio.Handle | None = None
        self._holds = 0
        self.recent: OrderedDict[int, None] | None = None
        """Ids that were sent from here: what comes again from another daemon, or by catching up, is not sent again.
        None while there is no other daemon."""
        self.idle = asyncio.Event()
        """Set while nothing is waiting."""
        self.idle.set()

    def put(self, to: To, frame: Outgoing | Notification) -> None:
        """After all that was put before. Call :meth:`pump` then."""
        self._waiting.append((to, frame))

    def pump(self) -> None:
        """Begin to write, unless that is under way."""
        if self._handle is None:
            self._pump()

    def hold(self) -> None:
        """Write nothing until :meth:`go_on`."""
        self._holds += 1

    def go_on(self) -> None:
        self._holds -= 1
        self.pump()

    def clear(self) -> None:
        """Nothing more is written."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._rest = None
        self._waiting.clear()
        self.idle.set()

    def deliver(self, user_id: str, frame: Outgoing) -> None:
        """Write at once, before all that waits, to those connections of a person that do not have it."""
        connections = self._hub.people.of(user_id)
        if connections and self._is_new(frame.id):
            for connection in connections:
                connection.deliver(frame)

    def _pump(self) -> None:
        """Write a slice, and come back for the rest once others had their turn."""
        self._handle = None
        if self._holds:
            if self._waiting:
                self.idle.clear()
            return
        hub, people = self._hub, self._hub.people
        end = hub.written + SLICE
        while hub.written < end and (self._rest or self._waiting):
            if self._rest is not None:
                self._continue(end)
                continue
            to, frame = self._waiting.popleft()
            if not isinstance(to, str):
                assert isinstance(frame, Outgoing)  # noqa: S101 - a notification is one person's
                self._rest = frame, people.everybody() if to is None else _of_many(self._hub, to)
                continue
            connections = people.of(to)
            if not connections or not self._is_new(frame.id):
                continue
            if isinstance(frame, Notification):
                frame = frames.new_notification(frame)
            for connection in connections:
                connection.deliver(frame)
        if self._waiting or self._rest:
            self.idle.clear()
            self._handle = asyncio.get_running_loop().call_soon(self._pump)
        else:
            self.idle.set()
            hub.count()

    def _continue(self, end: int) -> None:
        assert self._rest is not None  # noqa: S101 - the caller has looked
        frame, connections = self._rest
        for connection in connections:
            connection.deliver(frame)
            if self._hub.written >= end:
                return
        self._rest = None

    def _is_new(self, notification_id: int) -> bool:
        recent = self.recent
        if recent is None or not notification_id:
            return True
        if notification_id in recent:
            return False
        recent[notification_id] = None
        if len(recent) > MOST_RECENT:
            recent.popitem(last=False)
        return True


def _of_many(hub: "Hub", people: tuple[str, ...]) -> "Iterator[Connection]":
    for user_id in people:
        yield from hub.people.of(user_id)
