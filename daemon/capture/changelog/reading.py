"""From the stream to ``orderbell.change``: take what has come, write what is whole, confirm what is written."""

import asyncio
from collections import Counter
from collections.abc import Callable

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from config import Settings
from daemon import metrics
from daemon.capture.changelog.decoder import decode
from daemon.capture.changelog.doubts import Doubts
from daemon.capture.changelog.frames import Keepalive, XLogData
from daemon.capture.changelog.gathering import Gathered, Gatherer
from daemon.capture.changelog.messages import Relation
from daemon.capture.changelog.position import Keeper, Position
from daemon.capture.changelog.relations import Relations
from daemon.capture.changelog.slot import SlotGuard, SlotLost
from daemon.capture.changelog.stream import Stream
from daemon.connections import Connections
from schema.queries import statements

SQL = statements("position")

REPORT_SECONDS = 5.0
"""How often the server hears of us when nothing happens; it gives up after wal_sender_timeout (60 s)."""

REPORT_AGAIN_SECONDS = 0.2
"""Between two reports while much happens."""

PIECE_ROWS = 5_000
"""Of one transaction that are held in memory; a larger one is written in pieces."""

PIECE_BYTES = 8_000_000

LARGE_BYTES = 1_000_000
"""Of one message; a larger one is read in a thread."""


class Reading:
    """One run of the reader, from the start of a stream to its end."""

    def __init__(
        self,
        connections: Connections,
        settings: Settings,
        connection: AsyncConnection[TupleRow],
        stream: Stream,
        place: Position,
        relations: Relations,
    ) -> None:
        self.guard = SlotGuard(connections, settings, place)
        self._connection = connection
        self._stream = stream
        self._relations = relations
        self._keeper = Keeper(connection, place)
        self._gatherer = Gatherer(place.lsn)
        self._doubts = Doubts(connections, settings)
        self._loop = asyncio.get_running_loop()
        self._reported_at = self._used_at = self._loop.time()

    async def run(self, live: Callable[[], None]) -> None:
        """Read for ever; ``live`` is called once it is begun.

        Raises psycopg.Error, NotOurs, BadMessage and ValueError for what the log cannot say, :class:`SlotLost`.
        """
        live()
        try:
            while True:
                await self._turn()
        except psycopg.errors.UndefinedObject as error:
            await self._without_publication(error)

    async def close(self) -> None:
        """Close what was opened on the way."""
        await self._doubts.close()

    async def _turn(self) -> None:
        frames = await self._stream.receive(REPORT_SECONDS, self._connection.fileno())
        asked = False
        for frame in frames:
            if isinstance(frame, Keepalive):
                asked = asked or frame.reply_requested
            else:
                await self._take(frame)
        if frames:
            self.guard.hears()
        if self._stream.more and len(self._gatherer.closed) < PIECE_ROWS:
            await asyncio.sleep(0)  # more is here already: one commit for all of it
            return
        if self._relations.outdated and not self._gatherer.within:
            self._gatherer.shares.update(await self._relations.again())
        await self._write()
        await self._confirm(idle=not frames, asked=asked)

    async def _take(self, frame: XLogData) -> None:
        gatherer = self._gatherer
        # A row of a hundred megabytes takes a second, and everybody else waits for this loop.
        large = len(frame.payload) > LARGE_BYTES
        message = await asyncio.to_thread(decode, frame.payload) if large else decode(frame.payload)
        if isinstance(message, Relation):
            gatherer.shares[message.oid] = await self._relations.shares(message)
        elif large:
            await asyncio.to_thread(gatherer.take, message)
        else:
            gatherer.take(message)
        if len(gatherer.open) >= PIECE_ROWS or gatherer.size >= PIECE_BYTES:
            await self._write_piece()
        if gatherer.switched:
            gatherer.switched = False
            gatherer.shares.update(await self._relations.again())

    async def _write_piece(self) -> None:
        """Some of a transaction that is too large for memory; those before it are written first."""
        await self._write()
        rows = await self._settled(self._gatherer.taken_open())
        if not self._keeper.large:
            await self._keeper.begin_large()
        await self._keeper.add(rows)
        metrics.CHANGELOG_PIECES.inc()

    async def _write(self) -> None:
        """What is whole, and the place after it."""
        gatherer = self._gatherer
        place, horizon = self._keeper.position, self.guard.horizon
        if gatherer.position == place.lsn and (horizon == place.horizon or self._keeper.large):
            return
        rows = await self._settled(gatherer.taken())
        if self._keeper.large:
            await self._keeper.add(rows)
            await self._keeper.finish(gatherer.position, horizon, gatherer.committed_at)
        else:
            await self._keeper.keep(rows, gatherer.position, horizon, gatherer.committed_at)
        self._used_at = self._loop.time()
        metrics.CHANGELOG_TRANSACTIONS.inc(gatherer.transactions)
        gatherer.transactions = 0
        if gatherer.committed_at is not None:
            metrics.CHANGELOG_COMMITTED.labels(self._keeper.position.slot).set(gatherer.committed_at.timestamp())

    async def _settled(self, rows: list[Gathered]) -> list[Gathered]:
        """With what the log left out; what nobody can make sense of is set aside."""
        certain = await self._doubts.settle(rows)
        for watch, count in Counter(gathered.row.watch for gathered in certain).items():
            metrics.CHANGELOG_ROWS.labels(watch).inc(count)
        return certain

    async def _confirm(self, *, idle: bool, asked: bool) -> None:
        """Tell the server what it may forget, and see that the connection which holds the lock is there."""
        gatherer = self._gatherer
        # No further than what stands in the database, and reaches a standby with it: a slot that is further than the
        # place beside it has lost what lies between (`sound`).
        self._stream.confirm(self._keeper.position.lsn)
        if gatherer.heartbeat is not None and gatherer.position == self._keeper.position.lsn:
            self.guard.beats(gatherer.heartbeat)
            gatherer.heartbeat = None
        now = self._loop.time()
        if asked or idle or now - self._reported_at >= REPORT_AGAIN_SECONDS:
            await self._stream.report()
            self._reported_at = now
        if (idle or now - self._used_at >= REPORT_SECONDS) and not self._keeper.large:
            # Also where it has stirred: a server that shuts down ends it, and waits for us to go.
            await self._connection.execute("SELECT 1")
            self._used_at = now

    async def _without_publication(self, error: psycopg.errors.UndefinedObject) -> None:
        """The log is decoded as the catalogue was then: where the publication was missing, it can not be any more."""
        place = self._keeper.position
        cursor = await self._connection.execute(SQL["publication_exists"], {"publication": place.publication})
        if await cursor.fetchone() != (True,):
            raise SlotLost(f"the publication {place.publication} is missing: run `orderbell install`") from error
        await self._connection.execute(SQL["mark_gap"], {"slot": place.slot})
        raise SlotLost("the publication was missing for a while: the slot is made anew") from error
