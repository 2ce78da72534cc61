"""Reads the change log for ever: one reader in the whole database, the others stand by.

The lock that makes it the one is held by the very connection that writes, and every write names the place at which it
found the log: a reader that lost its office cannot commit.
"""

import asyncio
from enum import StrEnum

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from config import Settings
from daemon import metrics
from daemon.capture.changelog import position
from daemon.capture.changelog.position import Position
from daemon.capture.changelog.reading import Reading
from daemon.capture.changelog.rebuild import sound
from daemon.capture.changelog.relations import Relations
from daemon.capture.changelog.slot import Retired, SlotLost
from daemon.capture.changelog.stream import Stream
from daemon.capture.outbox import NotOurs
from daemon.connections import Connections, parameters
from daemon.kept import one_line
from schema import locks
from schema.changelog import retire
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("position")

RECONNECT_SECONDS = (0.1, 5.0)
"""The first and the longest wait before a lost connection is made again."""


class ReaderState(StrEnum):
    """What this node's reader is doing."""

    OFF = "off"
    CONNECTING = "connecting"
    STANDBY = "standby"
    READING = "reading"


class ChangeLog:
    """Turns the log into rows of ``orderbell.change``."""

    def __init__(self, connections: Connections, settings: Settings) -> None:
        self._connections = connections
        self.settings = settings
        self.state = ReaderState.OFF
        self.trouble: str | None = None
        """Why nothing is captured at the moment; None while all is well."""
        self.live = asyncio.Event()
        """Set while the log is read, or while another daemon reads it and this one waits."""
        self.settled = asyncio.Event()
        """Set once nothing can come from the log that is older than what triggers capture now."""
        if settings.capture.source == "wal":
            self.settled.set()
        self._relations = Relations(connections, settings)

    def obey(self, settings: Settings) -> None:
        """Capture what these settings say, from the next table description on."""
        self.settings = settings
        self._relations.obey(settings)

    async def run(self) -> None:
        """Read for ever, through lost connections; wait for ever where capture does not read the log."""
        wait, longest = RECONNECT_SECONDS
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._hold_office()
            except (psycopg.Error, NotOurs, ValueError, SlotLost, OSError) as error:
                self.trouble = one_line(error) or type(error).__name__
                metrics.CHANGELOG_RECONNECTS.inc()
                log.warning("changelog.interrupted", error=self.trouble, retry_in_seconds=wait)
            finally:
                was_well = self.live.is_set() and asyncio.get_running_loop().time() - began > longest
                self.state = ReaderState.CONNECTING
                self.live.clear()
                metrics.forget_changelog()
            await asyncio.sleep(wait)
            wait = RECONNECT_SECONDS[0] if was_well else min(wait * 2, longest)

    async def _hold_office(self) -> None:
        connection = await self._connections.open("orderbell change log")
        try:
            place = await self._become_reader(connection)
            self.trouble = "the slot is made anew"
            place = await sound(connection, self._connections, self.settings, place)
            try:
                await self._read(connection, place)
            except Retired:
                await asyncio.to_thread(_retire, self.settings)
        finally:
            await connection.close()
            await self._relations.close()

    async def _become_reader(self, connection: AsyncConnection[TupleRow]) -> Position:
        """Wait until this is the one reader, and there is something to read."""
        key = {"class": locks.CLASS, "key": locks.CHANGE_LOG}
        cursor = await connection.execute(SQL["try_lock"], key)
        if await cursor.fetchone() != (True,):
            self.state, self.trouble = ReaderState.STANDBY, None
            log.info("changelog.standby")
            self.live.set()
            await connection.execute(SQL["lock"], key)
            self.live.clear()
        while (place := await position.read(connection)) is None:
            await self._nothing_to_read(connection)
        return place

    async def _nothing_to_read(self, connection: AsyncConnection[TupleRow]) -> None:
        """Where the triggers capture, this is for good; else until somebody installs it."""
        if self.settings.capture.source == "outbox":
            self.state, self.trouble = ReaderState.OFF, None
            self.live.set()
            self.settled.set()
            # Another daemon, of the other kind, may want the lock; and an idle connection is one too many.
            await connection.close()
            await asyncio.Event().wait()
        self.trouble = "capture from the change log is not installed: run `orderbell install`"
        log.error("changelog.not_installed", hint="run `orderbell install`: changes are not captured")
        await asyncio.sleep(RECONNECT_SECONDS[1])

    async def _read(self, connection: AsyncConnection[TupleRow], place: Position) -> None:
        stream = await self._stream(connection, place)
        reading = Reading(self._connections, self.settings, connection, stream, place, self._relations)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(reading.guard.run(), name="change log's guard")
                tasks.create_task(reading.run(self._is_live), name="change log's reader")
        except BaseExceptionGroup as group:
            # One of the two failed and the other was cancelled: the caller wants to know the cause, not the shape.
            raise group.exceptions[0] from group
        finally:
            await stream.close()
            await reading.close()

    def _is_live(self) -> None:
        self.state, self.trouble = ReaderState.READING, None
        metrics.CHANGELOG_ACTIVE.set(1)
        self.live.set()

    async def _stream(self, connection: AsyncConnection[TupleRow], place: Position) -> Stream:
        stream = Stream(await self._connections.open_replication("orderbell change log's stream"))
        try:
            await stream.start(place.slot, place.publication, place.lsn)
        except BaseException as error:
            await stream.close()
            if isinstance(error, psycopg.errors.ObjectInUse):
                # We hold the lock, so who reads it is a daemon that is gone, and its server process does not know yet.
                await connection.execute(SQL["end_stale_reader"], {"slot": place.slot})
            raise
        log.info("changelog.reading", slot=place.slot, since=place.lsn_text)
        return stream


def _retire(settings: Settings) -> None:
    with psycopg.connect(autocommit=True, **parameters(settings.database, "orderbell change log's end")) as connection:
        log.info("changelog.retired", dropped=retire(connection))
