"""From the planner's commit to the hub: frames go out in the order of the commits, and the planner does not wait."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from daemon.planning.whereabouts import Sighting
from daemon.store.withdraw import TakenBack
from dispatchers.base import Delivery
from dispatchers.websocket import Hub, withdrawn
from dispatchers.websocket.contract import Status

log = structlog.get_logger(__name__)

AT_ONCE = 500
"""Frames that are made between two turns of the loop: some 5 ms."""

Batch = Sequence[Delivery] | Sequence[TakenBack] | Sequence[Status]


class LiveFeed:
    """Hands new notifications to the hub, and takes back what holds no longer."""

    def __init__(self, hub: Hub, sighted: Callable[[Sequence[Sighting]], None]) -> None:
        """``sighted`` is given who was seen where."""
        self._hub = hub
        self._sighted = sighted
        self._waiting: deque[Batch] = deque()
        self._wake = asyncio.Event()

    def publish(self, deliveries: Sequence[Delivery]) -> None:
        """Send these soon, after all that was published before."""
        self._waiting.append(deliveries)
        self._wake.set()

    def take_back(self, gone: Sequence[TakenBack]) -> None:
        """Remove these from every screen, after all that was published before."""
        self._waiting.append(gone)
        self._wake.set()

    def show(self, statuses: Sequence[Status]) -> None:
        """Tell rooms, after all that was published before."""
        self._waiting.append(statuses)
        self._wake.set()

    def sighted(self, sightings: Sequence[Sighting]) -> None:
        """Show rooms who was seen where, some time soon."""
        self._sighted(sightings)

    @property
    def followed(self) -> bool:
        """Whether anybody is in a room, here or, as far as we know, elsewhere."""
        return self._hub.followed

    def listening(self, user_id: str) -> bool:
        """Whether anybody here would see what is published to this person."""
        return self._hub.connections_of(user_id) > 0

    def concerns(self, user_id: str) -> bool:
        """Whether anybody would see what is published to this person, here or at another daemon for all we know."""
        return self._hub.concerns(user_id)

    def catch_up(self, since: float) -> None:
        """Of a broadcast that began then (``time.monotonic()``), only those who were here at that moment were told."""
        self._hub.tell_of_many(since)

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                try:
                    await self._send(self._waiting.popleft())
                except Exception:
                    # The inbox has them: whoever reconnects or looks sees them.
                    log.exception("hub.failed")

    async def _send(self, batch: Batch) -> None:
        await self._hub.send([each for each in batch if isinstance(each, Delivery)])
        await self._take_away([each for each in batch if isinstance(each, TakenBack)])
        for each in batch:
            if isinstance(each, Status):
                self._hub.status(each)

    async def _take_away(self, gone: Sequence[TakenBack]) -> None:
        """Of a broadcast there may be 100,000: only what somebody may see, and others have their turn meanwhile."""
        for start in range(0, len(gone), AT_ONCE):
            some = [each for each in gone[start : start + AT_ONCE] if self._hub.concerns(each.user_id)]
            if some:
                self._hub.publish_all([(each.user_id, withdrawn(each.id, unread=each.unread)) for each in some])
            await asyncio.sleep(0)
