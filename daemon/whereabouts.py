"""From rows that say where somebody is to the rooms that are shown it.

Beside the planner: a query of the operator's says which rooms those are, and however slow it is, no order waits for it.
Only the newest place of each is kept, and nothing of it is ever written down.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from config.mapping import LiveLocation, Watch, as_psycopg
from config.settings import Hub as Limits
from daemon.connections import Pool
from daemon.kept import one_line
from daemon.planning.whereabouts import Sighting
from daemon.store.rooms import PATIENCE
from dispatchers.websocket.contract import Location

log = structlog.get_logger(__name__)

REST_SECONDS = 0.2
"""Between two looks: a map needs no more, and what comes meanwhile is looked at together."""
AFTER_FAILURE_SECONDS = 30.0
"""A query that failed is not asked again before."""


class Screens(Protocol):
    """The hub, as far as it matters here."""

    limits: Limits

    @property
    def followed(self) -> bool: ...
    def locate(self, location: Location) -> None: ...


class Whereabouts:
    """Shows who was seen where in the rooms that their watch's query names."""

    def __init__(self, pool: Pool, hub: Screens, watches: Mapping[str, Watch]) -> None:
        self._pool = pool
        self._hub = hub
        self.watches = watches
        self._newest: dict[tuple[str, str], Sighting] = {}
        self._wake = asyncio.Event()
        self._not_before: dict[str, float] = {}

    def put(self, sightings: Sequence[Sighting]) -> None:
        """Show these soon, unless nobody would see it."""
        if not sightings or not self._hub.followed:
            return
        self._newest.update({(each.watch, each.key): each for each in sightings})
        self._wake.set()

    async def run(self) -> None:
        """Show for ever, through times when the database is away."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            sightings, self._newest = list(self._newest.values()), {}
            await self.show(sightings)
            await asyncio.sleep(REST_SECONDS)

    async def show(self, sightings: Sequence[Sighting]) -> None:
        """Ask in which rooms these are to be shown, and show them. What is old by now is not where anybody is."""
        oldest = datetime.now(UTC).timestamp() - self._hub.limits.location_seconds
        by_watch: dict[str, dict[str, Sighting]] = {}
        for sighting in sightings:
            if sighting.at.timestamp() >= oldest:
                by_watch.setdefault(sighting.watch, {})[sighting.key] = sighting
        for name, by_key in by_watch.items():
            live = self.watches[name].live if name in self.watches else None
            if live is None or asyncio.get_running_loop().time() < self._not_before.get(name, 0.0):
                continue
            for key, room in await self._rooms(name, live, sorted(by_key)):
                if key in by_key:
                    self._hub.locate(_location(room, by_key[key]))

    async def _rooms(self, name: str, live: LiveLocation, keys: Sequence[str]) -> list[tuple[str, str]]:
        """(key, room) of these; nothing where it cannot be asked, and the log says why."""
        try:
            async with self._pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
                await cursor.execute(PATIENCE)
                await cursor.execute(as_psycopg(live.rooms), {"keys": keys})
                width = len(cursor.description or ())
                rows = await cursor.fetchall()
        except psycopg.errors.LockNotAvailable:
            return []  # the next place comes soon
        except (psycopg.Error, PoolTimeout) as error:
            self._fails(name, one_line(error))
            return []
        if width != 2:
            self._fails(name, f"live.rooms must yield (key, room), not {width} columns")
            return []
        return [(str(key), str(room)) for key, room in rows if key is not None and room is not None]

    def _fails(self, name: str, error: str) -> None:
        self._not_before[name] = asyncio.get_running_loop().time() + AFTER_FAILURE_SECONDS
        log.warning("whereabouts.failed", watch=name, error=error, retry_in_seconds=AFTER_FAILURE_SECONDS)


def _location(room: str, seen: Sighting) -> Location:
    return Location(
        room=room,
        lat=seen.latitude,
        lng=seen.longitude,
        heading=seen.heading,
        speed=seen.speed,
        accuracy=None,
        at=seen.at,
    )
