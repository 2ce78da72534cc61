"""What was in flight while something failed: only that may come twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

LOOK_SECONDS = 0.1

SENDING = """
SELECT id, attempt FROM orderbell.delivery
WHERE state = 'sending' AND channel = coalesce(%(channel)s, channel) AND leased_by = coalesce(%(node)s, leased_by)
"""


@dataclass(frozen=True, slots=True)
class Whose:
    """What a fault can meet: what one daemon is sending, what goes out on one channel; by default, everything."""

    node: str | None = None
    channel: str | None = None


EVERYTHING = Whose()


class InFlight:
    """Notes the deliveries that are being sent, at the instant of each fault and for as long as it lasts."""

    def __init__(self, url: str) -> None:
        self.seen: set[tuple[int, int]] = set()
        """(delivery, attempt)"""
        self._url = url
        self._connection: psycopg.AsyncConnection[TupleRow] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def look(self, whose: Whose = EVERYTHING) -> None:
        """Note what is being sent now; nothing where the database is away."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(10):
                    if self._connection is None:
                        self._connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
                    cursor = await self._connection.execute(SENDING, {"channel": whose.channel, "node": whose.node})
                    self.seen.update([(row[0], row[1]) for row in await cursor.fetchall()])
            except (psycopg.Error, TimeoutError):
                await self.close()

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    @asynccontextmanager
    async def watched(self, whose: Whose = EVERYTHING) -> AsyncIterator[None]:
        """Note what is being sent from here to the end of the block."""
        await self.look(whose)
        looking = asyncio.create_task(self._keep_looking(whose), name="look what is in flight")
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            await self.look(whose)

    async def _keep_looking(self, whose: Whose) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look(whose)
