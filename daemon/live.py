"""From the planner's commit to the hub: frames go out in the order of the commits, and the planner does not wait."""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from dispatchers.base import Delivery, Dispatcher

log = structlog.get_logger(__name__)


class LiveFeed:
    """Hands new notifications to the hub."""

    def __init__(self, hub: Dispatcher) -> None:
        self._hub = hub
        self._waiting: deque[Sequence[Delivery]] = deque()
        self._wake = asyncio.Event()

    def publish(self, deliveries: Sequence[Delivery]) -> None:
        """Send these soon, after all that was published before."""
        self._waiting.append(deliveries)
        self._wake.set()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                try:
                    await self._hub.send(self._waiting.popleft())
                except Exception:
                    # The inbox has them: whoever reconnects or looks sees them.
                    log.exception("hub.failed")
