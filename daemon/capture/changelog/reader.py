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
from daemon.capture.changelog.rebuild import NotRebuilt, sound
from daemon.capture.changelog.relations import Relations
from daemon.capture.changelog.slot import Retired, SlotLost
from daemon.capture.changelog.stream import Stream
from daemon.capture.outbox import NotOurs
from daemon.connections import Connections, parameters
from daemon.kept import one_line
from daemon.office import take_office, the_cause
from schema import locks
from schema.changelog import retire
from schema.errors import SchemaError
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("position")

RECONNECT_SECONDS = (0.1, 5.0)
"""The first and the longest wait before a lost connection is made again."""

REBUILD_AGAIN_SECONDS = 60.0
"""Before a slot is made anew again, and all tables looked at, after that has failed."""

LOOK_AGAIN_SECONDS = 10.0
"""Where triggers capture: between looks whether there is a log to read after all."""


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
        """Read for ever, through lost connections; where there is nothing to read, look now and then."""
        wait, longest = RECONNECT_SECONDS
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._hold_office()
            except (psycopg.Error, NotOurs, ValueError, SlotLost, SchemaError, OSError) as error:
                was_well = self.live.is_set() and asyncio.get_running_loop().time() - began > longest
                if isinstance(error, NotRebuilt):
                    wait = longest = REBUILD_AGAIN_SECONDS
                elif was_well:
                    wait, longest = RECONNECT_SECONDS
                self._interrupted(error, wait)
                await asyncio.sleep(wait)
                wait, longest = min(wait * 2, longest), RECONNECT_SECONDS[1]

    def _interrupted(self, error: Exception, wait: float) -> None:
        self.trouble = one_line(error) or type(error).__name__
        self.state = ReaderState.CONNECTING
        self.live.clear()
        metrics.forget_changelog()
        metrics.CHANGELOG_RECONNECTS.inc()
        log.warning("changelog.interrupted", error=self.trouble, retry_in_seconds=wait)

    async def _hold_office(self) -> None:
        connection = await self._connections.open("orderbell change log", synchronous_commit="local")
        try:
            if await self._is_installed(connection):
                await self._become_reader(connection)
                await self._read_on(connection)
        finally:
            await connection.close()
            await self._relations.close()
        if self.state is ReaderState.OFF:
            # Whoever installs it again while we run shall not fill the disk with what nobody reads.
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _is_installed(self, connection: AsyncConnection[TupleRow]) -> bool:
        """Whether there is something to read. Where there is not, that is well if triggers are to capture."""
        if await position.read(connection) is not None:
            return True
        if self.settings.capture.source == "wal":
            self.live.clear()
            self.trouble = "capture from the change log is not installed: run `orderbell install`"
            log.error("changelog.not_installed", hint="run `orderbell install`: changes are not captured")
            await asyncio.sleep(RECONNECT_SECONDS[1])
        else:
            self.state, self.trouble = ReaderState.OFF, None
            metrics.forget_changelog()
            self.live.set()
            self.settled.set()
        return False

    async def _become_reader(self, connection: AsyncConnection[TupleRow]) -> None:
        """Wait until this is the one reader."""
        await take_office(connection, locks.CHANGE_LOG, self._stand_by)
        self.state = ReaderState.CONNECTING
        self.live.clear()

    def _stand_by(self) -> None:
        self.state, self.trouble = ReaderState.STANDBY, None
        log.info("changelog.standby")
        self.live.set()

    async def _read_on(self, connection: AsyncConnection[TupleRow]) -> None:
        place = await position.read(connection)
        if place is None:
            return
        self.trouble = (
            "the slot is not read yet; if it was lost, it is made anew when the transactions of now have ended"
        )
        try:
            place = await sound(connection, self._connections, self.settings, place)
            await self._read(connection, place)
        except Retired:
            await asyncio.to_thread(_retire, self.settings)

    async def _read(self, connection: AsyncConnection[TupleRow], place: Position) -> None:
        stream = await self._stream(connection, place)
        reading = Reading(self._connections, self.settings, connection, stream, place, self._relations)
        try:
            with the_cause():
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(reading.guard.run(), name="change log's guard")
                    tasks.create_task(reading.run(self._is_live), name="change log's reader")
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
