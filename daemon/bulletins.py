"""Announcements: each is shown at its time to those whom it is for, and goes when it is over."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from config.mapping import Audience
from daemon.connections import Pool
from daemon.store.lookup import Lookup, LookupFailed
from daemon.store.rooms import PATIENCE
from dispatchers.websocket import Hub
from dispatchers.websocket.contract import Announcement
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("live")

LOOK_SECONDS = 2.0
AT_MOST = 100
MEMBERS_SECONDS = 60.0
"""Who is in an audience is asked again after this."""


@dataclass(frozen=True, slots=True)
class Bulletin:
    """An announcement, and the audience that it is for; None: everybody."""

    announcement: Announcement
    audience: str | None


class Bulletins:
    """Implements ``dispatchers.websocket.contract.Bulletins``, and shows what begins while people are connected."""

    def __init__(self, pool: Pool, audiences: Mapping[str, Audience], lookup: Lookup) -> None:
        self._pool = pool
        self.obey(audiences, lookup)
        self._shown: dict[int, Bulletin] = {}
        self._members: dict[str, tuple[float, frozenset[str]]] = {}

    def obey(self, audiences: Mapping[str, Audience], lookup: Lookup) -> None:
        """Go by these audiences from now on."""
        self._audiences = audiences
        self._lookup = lookup
        self._members = {}

    async def current(self, user_id: str, roles: frozenset[str]) -> Sequence[Announcement]:  # noqa: ARG002
        """See the contract."""
        return [each.announcement for each in self._shown.values() if self._concerns(each, user_id)]

    async def run(self, hub: Hub) -> None:
        """Look for ever what begins and what ends, through times when the database is away."""
        while True:
            try:
                await self.look(hub.announce, hub.end_announcement)
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("announcements.not_read", error=" ".join(str(error).split()))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(
        self, announce: Callable[[Announcement, Collection[str] | None], None], end: Callable[[int], None]
    ) -> None:
        """Show what holds now and was not shown, or was changed; take away what holds no longer."""
        current = await self._read()
        for id_ in [id_ for id_ in self._shown if id_ not in current]:
            del self._shown[id_]
            end(id_)
        for id_, bulletin in current.items():
            people = await self._people(bulletin.audience)
            before = self._shown.get(id_)
            if before != bulletin:
                self._shown[id_] = bulletin
                if before is not None and before.audience != bulletin.audience:
                    end(id_)
                announce(bulletin.announcement, people)

    async def _read(self) -> dict[int, Bulletin]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL["announcements"], {"limit": AT_MOST})
            return {row[0]: _bulletin(row) for row in await cursor.fetchall()}

    async def _people(self, name: str | None) -> frozenset[str] | None:
        """Who is in the audience; None for everybody."""
        if name is None:
            return None
        now = asyncio.get_running_loop().time()
        asked_at, people = self._members.get(name, (float("-inf"), frozenset()))
        if now < asked_at + MEMBERS_SECONDS:
            return people
        audience = self._audiences.get(name)
        if audience is not None and audience.column is None:
            people = await self._ask(name, audience)
        self._members[name] = (now, people)
        return people

    async def _ask(self, name: str, audience: Audience) -> frozenset[str]:
        try:
            async with self._pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
                await cursor.execute(PATIENCE)
                return frozenset(await self._lookup.everybody(cursor, name, audience))
        except (psycopg.ProgrammingError, psycopg.errors.QueryCanceled, LookupFailed) as error:
            log.warning("announcement.audience_failed", audience=name, error=" ".join(str(error).split()))
            return frozenset()

    def _concerns(self, bulletin: Bulletin, user_id: str) -> bool:
        return bulletin.audience is None or user_id in self._members.get(bulletin.audience, (0.0, frozenset()))[1]


def _bulletin(row: Sequence[Any]) -> Bulletin:
    id_, audience, level, title, body, url, action, starts_at, ends_at = row
    announcement = Announcement(
        id=id_,
        level=level,
        title=title,
        body=body,
        url=url,
        action=action,
        starts_at=_utc(starts_at),
        ends_at=_utc(ends_at) if ends_at else None,
    )
    return Bulletin(announcement, audience)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
