"""What may become of the slot: it lags, it fills the disk, it is lost. It is looked at every heartbeat."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from config import Settings
from daemon import metrics
from daemon.capture.changelog.gathering import Heartbeat
from daemon.capture.changelog.position import Position
from daemon.connections import Connections, parameters
from schema.changelog import publication_problems_of
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("position")

SILENCE = 6
"""Heartbeats that may be missing before it is said that what is written does not arrive."""


class SlotLost(RuntimeError):
    """The slot cannot be read any more, or what it gives is not whole: it must be made anew."""


class Retired(Exception):
    """Everything that is read from the log has been read: the triggers capture now."""


class Standing(NamedTuple):
    """How the slot stands, and the place beside it. Where there is no slot, its sizes are None."""

    there: bool
    wal_status: str | None
    lag_bytes: int
    """Not confirmed yet."""
    retained_bytes: int
    """Kept on the server's disk."""
    safe_bytes: int | None
    """That may still be written before the slot is given up; None: never."""
    gap: bool
    ending: bool
    """Triggers have taken over."""
    ended: bool
    """And all is read up to there."""
    ahead: bool
    """It was confirmed beyond the place: on a standby that took over, whose slot came further than what we wrote."""

    @property
    def lost(self) -> str | None:
        """Why it cannot be read on; None where it can."""
        reasons = {"missing": not self.there, "invalidated": self.wal_status == "lost", "gap": self.gap}
        return next((reason for reason, holds in reasons.items() if holds), None)


async def standing(connection: AsyncConnection[TupleRow], slot: str) -> Standing:
    """How it stands now. Raises :class:`SlotLost` where nothing is to be read any more, and psycopg.Error."""
    row = await (await connection.execute(SQL["standing"], {"slot": slot})).fetchone()
    if row is None:
        raise SlotLost("capture from the change log was uninstalled")
    return Standing(*row)


async def members_of(connection: AsyncConnection[TupleRow], publication: str) -> dict[int, int]:
    """What the publication has: the oid of each table's membership, and its own for 0."""
    return dict(await (await connection.execute(SQL["members"], {"publication": publication})).fetchall())


async def keep_members(connection: AsyncConnection[TupleRow], slot: str, members: Mapping[int, int]) -> None:
    """Write down that the slot was read with these."""
    given = {"slot": slot, "relations": list(members), "members": list(members.values())}
    await connection.execute(SQL["keep_published"], given)


class SlotGuard:
    """Looks at the slot while it is read: metrics, marks in the log, and what somebody should be told of."""

    def __init__(self, connections: Connections, settings: Settings, place: Position) -> None:
        self._connections = connections
        self._settings = settings
        self._place = place
        self._token = secrets.token_hex(16)
        self._marked = "0/0"
        self._awaited = False
        """Whether the last mark has not come back yet."""
        self._members: dict[int, int] | None = None
        self._warned: set[str] = set()
        self.horizon = place.horizon
        """Whatever was written before it, the log has shown: its mark was read, and then the publication was whole."""
        self._seen = place.horizon
        self._beaten_at = datetime.now(UTC)

    def beats(self, heartbeat: Heartbeat) -> None:
        """A mark has come back; one that somebody else wrote does not count."""
        if heartbeat.token != self._token:
            return
        self._awaited = False
        self._beaten_at = datetime.now(UTC)
        self._seen = heartbeat.horizon
        metrics.CHANGELOG_LAST_HEARTBEAT.labels(self._place.slot).set(heartbeat.at.timestamp())

    def hears(self) -> None:
        """Something has come: what comes late has a reason, such as a large transaction."""
        self._beaten_at = datetime.now(UTC)

    async def run(self) -> None:
        """Look for ever. Raises :class:`SlotLost`, :class:`Retired`, psycopg.Error."""
        connection = await self._connections.open("orderbell change log's guard")
        threshold = self._settings.capture.lag_warning_bytes
        metrics.CHANGELOG_LAG_WARNING_BYTES.labels(self._place.slot).set(threshold)
        try:
            while True:
                await self._look(connection)
                seen = self._seen
                await self._look_at_the_publication(connection)
                if "publication" not in self._warned:
                    self.horizon = max(self.horizon, seen)
                await self._mark(connection)
                await asyncio.sleep(self._settings.capture.heartbeat_seconds)
        finally:
            await connection.close()

    async def _look(self, connection: AsyncConnection[TupleRow]) -> None:
        slot = self._place.slot
        now = await standing(connection, slot)
        if now.lost is not None:
            raise SlotLost(now.lost)
        if now.ended:
            raise Retired
        if now.ending:
            self._marked = "0/0"  # a mark at once, so that the place moves on where nothing else does
        metrics.CHANGELOG_LAG_BYTES.labels(slot).set(max(now.lag_bytes, 0))
        metrics.CHANGELOG_RETAINED_BYTES.labels(slot).set(max(now.retained_bytes, 0))
        if now.safe_bytes is not None:
            metrics.CHANGELOG_SAFE_BYTES.labels(slot).set(max(now.safe_bytes, 0))
        threshold = self._settings.capture.lag_warning_bytes
        sizes = {"retained_bytes": now.retained_bytes, "lag_bytes": now.lag_bytes}
        self._warn("lag", now.retained_bytes > threshold, "changelog.lag", **sizes)
        self._warn("unreserved", now.wal_status == "unreserved", "changelog.nearly_lost", safe_bytes=now.safe_bytes)
        silent = (datetime.now(UTC) - self._beaten_at).total_seconds()
        limit = SILENCE * self._settings.capture.heartbeat_seconds
        self._warn("silent", silent > limit, "changelog.silent", seconds=round(silent))

    async def _look_at_the_publication(self, connection: AsyncConnection[TupleRow]) -> None:
        """Whether the log has all that is watched, and has had it since the last look, whoever looked.

        Raises :class:`SlotLost`.
        """
        was_wrong = "publication" in self._warned
        options = parameters(self._settings.database, "orderbell publication", statement_timeout="10s")
        problems = await asyncio.to_thread(publication_problems_of, self._settings, **options)
        self._warn("publication", bool(problems), "changelog.not_published", problems=problems)
        slot = {"slot": self._place.slot}
        if self._members is None:
            self._members = dict(await (await connection.execute(SQL["published"], slot)).fetchall())
        members = await members_of(connection, self._place.publication)
        changed = any(self._members[each] != members[each] for each in self._members.keys() & members.keys())
        if changed or (was_wrong and not problems):
            await connection.execute(SQL["mark_gap"], slot)
            raise SlotLost("the publication was not whole for a while: the slot is made anew")
        known = self._members | members if problems else members  # what was taken out may be put there again
        if known != self._members:
            await keep_members(connection, self._place.slot, known)
            self._members = known

    async def _mark(self, connection: AsyncConnection[TupleRow]) -> None:
        given = {"after": self._marked, "token": self._token}
        row = await (await connection.execute(SQL["heartbeat"], given)).fetchone()
        if row is not None:
            self._marked, self._awaited = row[0], True
        elif not self._awaited:
            # Nothing was written since the last one, and that was read: all is well.
            self._beaten_at = datetime.now(UTC)
            metrics.CHANGELOG_LAST_HEARTBEAT.labels(self._place.slot).set(self._beaten_at.timestamp())

    def _warn(self, problem: str, wrong: bool, event: str, **said: object) -> None:  # noqa: FBT001
        """Say it when it begins, and when it is over."""
        metrics.CHANGELOG_PROBLEMS.labels(problem).set(1 if wrong else 0)
        if wrong and problem not in self._warned:
            self._warned.add(problem)
            log.error(event, slot=self._place.slot, **said)
        elif not wrong and problem in self._warned:
            self._warned.discard(problem)
            log.info("changelog.well_again", problem=problem, slot=self._place.slot)
