"""Who is connected now, for every daemon to see: ``unless = "online"`` holds wherever a page is open.

In the database, so that it needs no broker. Joins and leaves are gathered and written together; a daemon that is not
heard of any more counts as nobody.
"""

import asyncio
from collections.abc import Iterable, Sequence

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from daemon.connections import Pool
from daemon.kept import one_line
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("live")

FLUSH_SECONDS = 1.0
BEAT_SECONDS = 5.0
DEAD_SECONDS = 20.0
"""A daemon that was not heard of for so long has nobody."""
AUDIT_BEATS = 12
"""After so many beats, what the database has is compared with who is here: an unlogged table may have lost it."""


class Presence:
    """Writes who comes and goes at this node."""

    def __init__(self, pool: Pool, node: str) -> None:
        self._pool = pool
        self._node = node
        self._here: set[str] = set()
        self._changed: set[str] = set()

    def changed(self, user_id: str, here: bool) -> None:  # noqa: FBT001 - a hook of the hub's
        """A person's first connection has come, or the last has gone."""
        (self._here.add if here else self._here.discard)(user_id)
        self._changed.add(user_id)

    async def run(self) -> None:
        """Write for ever, through times when the database is away."""
        beats, beat_at = 0, 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                if loop.time() >= beat_at:
                    await self._beat(audit=beats % AUDIT_BEATS == 0)
                    beats, beat_at = beats + 1, loop.time() + BEAT_SECONDS
                await self._flush()
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("presence.not_written", error=one_line(error))
                beats = 0  # what was lost meanwhile is found by the next comparison
            await asyncio.sleep(FLUSH_SECONDS)

    async def leave(self) -> None:
        """This daemon stops: nobody is here any more."""
        try:
            async with self._pool.connection() as connection:
                await connection.execute(SQL["gone"], {"node": self._node})
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("presence.not_written", error=one_line(error))

    async def _beat(self, *, audit: bool) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(SQL["beat"], {"node": self._node, "dead": DEAD_SECONDS})
            if audit:
                cursor = await connection.execute(SQL["here"], {"node": self._node})
                self._changed |= {row[0] for row in await cursor.fetchall()} ^ self._here

    async def _flush(self) -> None:
        changed, self._changed = self._changed, set()
        if not changed:
            return
        try:
            await self._write("came", changed & self._here)
            await self._write("left", changed - self._here)
        except BaseException:
            self._changed |= changed
            raise

    async def _write(self, statement: str, people: Iterable[str]) -> None:
        named: Sequence[str] = sorted(people)
        if named:
            async with self._pool.connection() as connection:
                await connection.execute(SQL[statement], {"node": self._node, "people": named})
