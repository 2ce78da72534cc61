"""From the planner's commit to the hub: frames go out in the order of the commits, and the planner does not wait."""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from daemon.store.withdraw import TakenBack
from dispatchers.base import Delivery
from dispatchers.websocket import Hub, withdrawn

log = structlog.get_logger(__name__)


class LiveFeed:
    """Hands new notifications to the hub, and takes back what holds no longer."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: deque[Sequence[Delivery] | Sequence[TakenBack]] = deque()
        self._wake = asyncio.Event()

    def publish(self, deliveries: Sequence[Delivery]) -> None:
        """Send these soon, after all that was published before."""
        self._waiting.append(deliveries)
        self._wake.set()

    def take_back(self, gone: Sequence[TakenBack]) -> None:
        """Remove these from every screen, after all that was published before."""
        self._waiting.append(gone)
        self._wake.set()

    def listening(self, user_id: str) -> bool:
        """Whether anybody here would see what is published to this person."""
        return self._hub.connections_of(user_id) > 0

    def catch_up(self, since: float) -> None:
        """Whoever has joined since then (``time.monotonic()``) may have been left out of a broadcast."""
        self._hub.reload_since(since)

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

    async def _send(self, batch: Sequence[Delivery] | Sequence[TakenBack]) -> None:
        await self._hub.send([each for each in batch if isinstance(each, Delivery)])
        for each in batch:
            if isinstance(each, TakenBack):
                self._hub.publish(each.user_id, withdrawn(each.id, unread=each.unread))
