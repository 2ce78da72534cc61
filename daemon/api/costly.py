"""Requests that take the database long: a few at a time, so that everybody else's find a connection."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException

from daemon.api.problems import BUSY
from daemon.api.rate import TooMany

MOST_WAITING_SECONDS = 10.0
"""For those of other people."""

MOST_OF_ONE = 2
"""One that runs and one that waits for it."""

AGAIN_SECONDS = 5


class Costly:
    """One request of a person at once, and of all people together half of the connections."""

    def __init__(self, connections: int, *, seconds: float = MOST_WAITING_SECONDS) -> None:
        self._seconds = seconds
        self._of_all = asyncio.Semaphore(max(1, connections // 2))
        self._asking: Counter[str] = Counter()
        self._of_one: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Wait for it. Raises TooMany for the third in a queue of one person's, and HTTPException where so many other
        people wait that it takes too long.
        """
        if self._asking[user_id] >= MOST_OF_ONE:
            raise TooMany(AGAIN_SECONDS)
        self._asking[user_id] += 1
        mine = self._of_one.setdefault(user_id, asyncio.Lock())
        try:
            async with mine:
                await self._begin()
                try:
                    yield
                finally:
                    self._of_all.release()
        finally:
            self._asking[user_id] -= 1
            if not self._asking[user_id]:
                del self._asking[user_id], self._of_one[user_id]

    async def _begin(self) -> None:
        try:
            await asyncio.wait_for(self._of_all.acquire(), self._seconds)
        except TimeoutError:
            raise HTTPException(503, BUSY, {"Retry-After": str(AGAIN_SECONDS)}) from None

    def __len__(self) -> int:
        """How many people have something that runs or waits."""
        return len(self._of_one)
