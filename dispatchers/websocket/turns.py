"""Turns at the database: how many of a kind ask it at once.

Each kind has its own, so that none keeps the others from it: marks that wait for a lock and an application's table
that answers slowly keep nobody from coming in.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

QUERY_SECONDS = 10.0
"""The database answers within this, or the client hears that it did not."""
MANY = 4
"""Up to so many queries, one admission is enough."""


class Turns:
    """``queries`` is how many say hello, or ask for a count, at once; half as many mark."""

    def __init__(self, queries: int) -> None:
        self._queries = asyncio.Semaphore(queries)
        self._marks = asyncio.Semaphore(max(1, queries // 2))
        self._admissions = asyncio.Semaphore(1 if queries <= MANY else 2)

    def query(self) -> AbstractAsyncContextManager[None]:
        """Wait for a turn, and not for long once it has come: then raises TimeoutError."""
        return _turn(self._queries)

    def mark(self) -> AbstractAsyncContextManager[None]:
        return _turn(self._marks)

    def admission(self) -> AbstractAsyncContextManager[None]:
        return _turn(self._admissions)


@asynccontextmanager
async def _turn(at: asyncio.Semaphore) -> AsyncIterator[None]:
    async with at, asyncio.timeout(QUERY_SECONDS):
        yield
