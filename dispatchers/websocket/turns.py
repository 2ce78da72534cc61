"""Turns at the database: how many of a kind ask it at once.

Each kind has its own, so that none keeps the others from it: marks that wait for a lock and an application's table
that answers slowly keep nobody from coming in.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType

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
        return _Turn(self._queries)

    def mark(self) -> AbstractAsyncContextManager[None]:
        return _Turn(self._marks)

    def admission(self) -> AbstractAsyncContextManager[None]:
        return _Turn(self._admissions)


class _Turn:
    """A class, because every hello takes one: a generator behind ``asynccontextmanager`` costs twice as much."""

    __slots__ = ("_at", "_timeout")

    def __init__(self, at: asyncio.Semaphore) -> None:
        self._at = at

    async def __aenter__(self) -> None:
        await self._at.acquire()
        self._timeout = asyncio.timeout(QUERY_SECONDS)
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        finally:
            self._at.release()
