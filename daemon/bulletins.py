"""Announcements: each is shown at its time to those whom it is for, and goes when it is over."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from config.mapping import Audience
from daemon.connections import Pool
from daemon.kept import one_line
from daemon.store.lookup import Lookup, LookupFailed
from daemon.store.rooms import PATIENCE
from dispatchers.websocket.contract import Announcement
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("live")

LOOK_SECONDS = 2.0
AT_MOST = 100
"""The newest; more than anybody reads."""
MEMBERS_SECONDS = 60.0
"""Who of those connected is in an audience is asked again after this."""


class Screens(Protocol):
    """Those who are connected to this daemon."""

    def connected(self) -> Sequence[str]: ...
    def announce(self, announcement: Announcement, people: Collection[str] | None) -> None: ...
    def end_announcement(self, announcement_id: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Bulletin:
    """An announcement, and the audience that it is for; None: everybody."""

    announcement: Announcement
    audience: str | None


class Bulletins:
    """Implements ``dispatchers.websocket.contract.Bulletins``, and shows what begins while people are connected."""

    def __init__(self, pool: Pool, audiences: Mapping[str, Audience], lookup: Lookup) -> None:
        self._pool = pool
        self._audiences = audiences
        self._lookup = lookup
        self._current: dict[int, Bulletin] = {}
        self._told: dict[int, tuple[Bulletin, frozenset[str]]] = {}
        """Who of those connected was shown it; of one for everybody, nobody is named."""
        self._members: dict[str, tuple[float, frozenset[str]]] = {}

    def obey(self, audiences: Mapping[str, Audience], lookup: Lookup) -> None:
        """Go by these audiences from now on."""
        self._audiences = audiences
        self._lookup = lookup
        self._members = {name: (float("-inf"), people) for name, (_, people) in self._members.items()}

    async def current(self, user_id: str, roles: frozenset[str]) -> Sequence[Announcement]:  # noqa: ARG002
        """See the contract."""
        names = {bulletin.audience for bulletin in self._current.values()}
        inside = {name for name in names if name is None or await self._is_in(name, user_id)}
        return [each.announcement for each in self._current.values() if each.audience in inside]

    async def run(self, screens: Screens) -> None:
        """Look for ever what begins and what ends, through times when the database is away."""
        while True:
            try:
                await self.look(screens)
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("announcements.not_read", error=one_line(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, screens: Screens) -> None:
        """Show what holds now to who was not shown it, or not as it is now; take away what holds no longer."""
        self._current = await self._read()
        for id_ in [id_ for id_ in self._told if id_ not in self._current]:
            del self._told[id_]
            screens.end_announcement(id_)
        for id_, bulletin in self._current.items():
            before, told = self._told.get(id_, (None, frozenset()))
            if before is not None and before.audience != bulletin.audience:
                screens.end_announcement(id_)
            if bulletin.audience is None:
                if before != bulletin:
                    screens.announce(bulletin.announcement, None)
                self._told[id_] = bulletin, frozenset()
                continue
            people = await self._members_of(bulletin.audience, screens.connected())
            new = people if before != bulletin else people - told
            if new:
                screens.announce(bulletin.announcement, new)
            self._told[id_] = bulletin, people

    async def _read(self) -> dict[int, Bulletin]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL["announcements"], {"limit": AT_MOST})
            newest_first = await cursor.fetchall()
        return {row[0]: _bulletin(row) for row in reversed(newest_first)}

    async def _members_of(self, name: str, connected: Sequence[str]) -> frozenset[str]:
        """Those of the audience who are connected. Where that cannot be asked now, those who were known."""
        now = asyncio.get_running_loop().time()
        asked_at, known = self._members.get(name, (float("-inf"), frozenset()))
        if now < asked_at + MEMBERS_SECONDS:
            return known
        people = await self._ask(name, connected)
        if people is None:
            return known
        self._members[name] = now, people
        return people

    async def _is_in(self, name: str, user_id: str) -> bool:
        _, known = self._members.get(name, (0.0, frozenset()))
        return user_id in known or user_id in (await self._ask(name, [user_id]) or ())

    async def _ask(self, name: str, people: Sequence[str]) -> frozenset[str] | None:
        """Those of ``people`` who are in this audience; None where nobody can say."""
        audience = self._audiences.get(name)
        if audience is None or not people:
            return frozenset()
        try:
            async with self._pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
                await cursor.execute(PATIENCE)
                return frozenset(await self._lookup.of_everybody(cursor, name, audience, people))
        except (psycopg.Error, LookupFailed) as error:
            log.warning("announcement.audience_failed", audience=name, error=one_line(error))
            return None


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
