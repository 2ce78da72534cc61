"""What is on its way to people, in order; written in slices, between which the loop turns."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dispatchers.base import Delivery
from dispatchers.websocket import frames
from dispatchers.websocket.frames import Outgoing, Together

if TYPE_CHECKING:
    from dispatchers.websocket.connection import Connection
    from dispatchers.websocket.hub import Hub

SLICE = 500
"""Writes between two turns of the loop: about 3 ms."""
MOST_TOGETHER = 16
"""Frames in one write."""
MOST_RECENT = 100_000
"""Ids that are remembered as sent, where other daemons send too: some 10 MB."""

To = str | tuple[str, ...] | None
"""A person, some, or everybody."""


class Outbox:
    """One for the hub, so that frames for one person never overtake each other."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._waiting: deque[tuple[To, Outgoing | Delivery]] = deque()
        self._rest: tuple[Outgoing, Sequence[Connection], int] | None = None
        """A frame to many, whom, and how many of them have got it."""
        self._handle: asyncio.Handle | None = None
        self._holds = 0
        self.recent: OrderedDict[int, None] | None = None
        """Ids that were sent from here: what comes again from another daemon, or by catching up, is not sent again.
        None while there is no other daemon."""
        self.idle = asyncio.Event()
        """Set while nothing is waiting."""
        self.idle.set()

    def put(self, to: To, frame: Outgoing | Delivery) -> None:
        """After all that was put before. Call :meth:`pump` then."""
        self._waiting.append((to, frame))

    def pump(self) -> None:
        """Begin to write, unless that is under way."""
        if self._handle is None:
            self._pump()

    def pump_soon(self) -> None:
        """The same at the loop's next turn: what is put for everybody until then goes out in one write."""
        if self._handle is None:
            self.idle.clear()
            self._handle = asyncio.get_running_loop().call_soon(self._pump)

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

    def is_late(self, user_id: str, notification_id: int) -> bool:
        """Whether it was not sent from here, and something newer was sent to that person."""
        if self.recent is not None and notification_id in self.recent:
            return False
        return any(one.floor < notification_id < one.latest for one in self._hub.people.of(user_id))

    def skip(self, notification_id: int) -> None:
        """Never send it."""
        self._is_new(notification_id)

    def _pump(self) -> None:
        """Write a slice, and come back for the rest once others had their turn."""
        self._handle = None
        if self._holds:
            if self._waiting:
                self.idle.clear()
            return
        hub = self._hub
        end = hub.written + SLICE
        while hub.written < end and (self._rest or self._waiting):
            if self._rest is not None:
                self._continue(end)
                continue
            to, frame = self._waiting.popleft()
            if isinstance(to, str):
                self._write(to, frame)
            elif isinstance(frame, Outgoing):  # what is delivered is one person's
                self._begin(to, frame)
        if self._waiting or self._rest:
            self.idle.clear()
            self._handle = asyncio.get_running_loop().call_soon(self._pump)
        else:
            self.idle.set()
            hub.count()

    def _write(self, user_id: str, frame: Outgoing | Delivery) -> None:
        connections = self._hub.people.of(user_id)
        if not connections:
            return
        if not self._is_new(frame.notification_id if isinstance(frame, Delivery) else frame.id):
            return
        if isinstance(frame, Delivery):
            frame = frames.new_notification(frame)
        for connection in connections:
            connection.deliver(frame)

    def _begin(self, to: tuple[str, ...] | None, frame: Outgoing) -> None:
        if to is None:
            self._rest = self._with_what_follows(frame), self._hub.people.everybody(), 0
        else:
            people = self._hub.people
            self._rest = frame, [connection for user_id in to for connection in people.of(user_id)], 0

    def _with_what_follows(self, first: Outgoing) -> Outgoing:
        """What else waits for everybody goes out with it: a write costs far more than what is in it."""
        frames = [first]
        while len(frames) < MOST_TOGETHER and self._waiting and self._waiting[0][0] is None:
            _, frame = self._waiting.popleft()
            assert isinstance(frame, Outgoing)  # noqa: S101 - a notification is one person's
            frames.append(frame)
        return first if len(frames) == 1 else Together(frames)

    def _continue(self, end: int) -> None:
        assert self._rest is not None  # noqa: S101 - the caller has looked
        hub = self._hub
        frame, connections, at = self._rest
        before = hub.written
        upper = at + end - before
        self._rest = None if upper >= len(connections) else (frame, connections, upper)
        for connection in connections[at:upper]:
            connection.deliver(frame)
        if isinstance(frame, Together):
            hub.written_besides += (hub.written - before) * (len(frame.frames) - 1)

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
