"""The replication connection: START_REPLICATION, what the server sends, and what we confirm.

Source: PostgreSQL 18 documentation, 54.4 "Streaming Replication Protocol" and 54.5 "Logical Streaming Replication
Protocol". psycopg has no such thing of its own, so its libpq is driven from the event loop.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from psycopg import AsyncConnection, OperationalError
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier, Literal

from daemon.capture.changelog.frames import Keepalive, XLogData, frame_of, lsn_text, standby_status

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

AT_ONCE = 500
"""Frames in one :meth:`Stream.receive` at most, so that the loop is not blocked for long."""

AT_ONCE_BYTES = 500_000

START = SQL(
    "START_REPLICATION SLOT {slot} LOGICAL {start}"
    " (proto_version '1', publication_names {publication}, messages 'true', binary 'false')"
)


class Stream:
    """A logical slot that is being read; its connection can do nothing else."""

    def __init__(self, connection: AsyncConnection[TupleRow]) -> None:
        """``connection``: opened with ``replication="database"``."""
        self._connection = connection
        self._pgconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._flushed = 0
        self._received = 0
        self._end: Exception | None = None
        self.more = False
        """Whether the last :meth:`receive` left something behind that it could have returned."""

    async def start(self, slot: str, publication: str, start: int) -> None:
        """Begin at ``start`` (an LSN), or at what the slot has confirmed if that is later.

        Raises psycopg's errors: ``UndefinedObject`` without such a slot, ``ObjectInUse`` while another connection reads
        it, ``ObjectNotInPrerequisiteState`` for one that was invalidated.
        """
        # The list of publications is an SQL identifier list within a string.
        names = Literal(Identifier(publication).as_string(self._connection))
        command = START.format(slot=Identifier(slot), start=SQL(lsn_text(start)), publication=names)
        result = await self._command(command.as_bytes(self._connection))
        if result is None or result.status != ExecStatus.COPY_BOTH:
            raise self._error(result)
        self._flushed = self._received = start

    async def ask(self, command: Composable) -> Sequence[str | None]:
        """The one row that the server answers to a command of the replication protocol, before :meth:`start`.

        Raises psycopg's errors.
        """
        result = await self._command(command.as_bytes(self._connection))
        if result is None or result.status != ExecStatus.TUPLES_OK or result.ntuples != 1:
            raise self._error(result)
        values = [result.get_value(0, column) for column in range(result.nfields)]
        self._pgconn.get_result()  # nothing more: the connection is free again
        return [value.decode() if value is not None else None for value in values]

    async def receive(self, seconds: float, also: int = -1) -> Sequence[XLogData | Keepalive]:
        """What has come, in order; waits up to ``seconds`` for the first of it, or until something is to be read from
        the descriptor ``also``.

        Raises psycopg.OperationalError when the connection is lost or the server ends it, BadMessage for what is not of
        this protocol.
        """
        frames = self._take()
        if not frames:
            await self._readable(seconds, also)
            self._pgconn.consume_input()
            frames = self._take()
        return frames

    def confirm(self, lsn: int) -> None:
        """Everything that ends up to ``lsn`` is kept by us: the server may forget it, once the next :meth:`report` has
        said so. It never goes back.
        """
        self._flushed = max(self._flushed, lsn)

    async def report(self) -> None:
        """Say how far we are, as the server wants to hear every ``wal_sender_timeout`` (60 s)."""
        # A server that shuts down waits until what is flushed is all that it sent (WalSndDone).
        written = max(self._received, self._flushed)
        self._pgconn.put_copy_data(standby_status(written, self._flushed, self._flushed, datetime.now(UTC)))
        await self._flush()

    async def close(self) -> None:
        """End it without a word: the server notices by itself, at once."""
        await self._connection.close()

    async def _command(self, command: bytes) -> "PGresult | None":
        self._pgconn.send_query(command)
        await self._flush()
        while self._pgconn.is_busy():
            await self._readable(None)
            self._pgconn.consume_input()
        return self._pgconn.get_result()

    def _take(self) -> list[XLogData | Keepalive]:
        frames: list[XLogData | Keepalive] = []
        size = 0
        self.more = looked_again = False
        if self._end is not None:
            raise self._end
        while True:
            length, data = self._pgconn.get_copy_data(1)
            if length > 0 and data is not None:
                frame = frame_of(bytes(data))
                frames.append(frame)
                self._received = max(self._received, frame.end if isinstance(frame, Keepalive) else frame.start)
                size += length
                looked_again = False
                if len(frames) == AT_ONCE or size > AT_ONCE_BYTES:
                    self.more = True
                    return frames
            elif length == 0 and frames and not looked_again:
                # libpq reads some kilobytes at a time: what has come meanwhile is written, and committed, together.
                self._pgconn.consume_input()
                looked_again = True
            elif length == 0:
                return frames
            else:
                self._end = self._error(self._pgconn.get_result())
                if not frames:
                    raise self._end
                return frames  # what came before the end comes first

    def _error(self, result: "PGresult | None") -> Exception:
        if result is not None and result.status == ExecStatus.FATAL_ERROR:
            return error_from_result(result, encoding="utf-8")
        return OperationalError("the server has ended the stream of changes")

    async def _readable(self, seconds: float | None, also: int = -1) -> None:
        """Until there is something to read, or the time is up."""
        ready: asyncio.Future[None] = self._loop.create_future()
        descriptors = [descriptor for descriptor in (self._pgconn.socket, also) if descriptor >= 0]
        for descriptor in descriptors:
            self._loop.add_reader(descriptor, _done, ready)
        try:
            await asyncio.wait([ready], timeout=seconds)
        finally:
            for descriptor in descriptors:
                self._loop.remove_reader(descriptor)
            ready.cancel()

    async def _flush(self) -> None:
        while self._pgconn.flush() == 1:
            ready: asyncio.Future[None] = self._loop.create_future()
            descriptor = self._pgconn.socket
            # What the server sends meanwhile must be read, or neither would go on.
            self._loop.add_writer(descriptor, _done, ready)
            self._loop.add_reader(descriptor, _done, ready)
            try:
                await ready
            finally:
                self._loop.remove_writer(descriptor)
                self._loop.remove_reader(descriptor)
            self._pgconn.consume_input()


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
