"""Which watch reads which table of the log, and what its columns' types are."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from config import Settings
from config.mapping import Watch
from daemon import metrics
from daemon.capture.changelog.frames import lsn_of
from daemon.capture.changelog.gathering import Share
from daemon.capture.changelog.kinds import Kind, kinds_of
from daemon.capture.changelog.messages import Relation
from daemon.capture.changelog.rows import capturing
from daemon.connections import Connections, parameters
from schema.inspection import Table, find_table
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("position")
TYPES = statements("changelog")["types"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A watch reads a table."""

    watch: Watch
    since: int
    until: int | None
    partitioned: bool


Claims = dict[int, list[Claim]]
"""Relation (its oid) -> who reads it."""


class Relations:
    """Knows the watched tables by their oids, as they were installed and as they are now."""

    def __init__(self, connections: Connections, settings: Settings) -> None:
        self._connections = connections
        self._settings = settings
        self._connection: AsyncConnection[TupleRow] | None = None
        self._claims: Claims | None = None
        self._kinds: dict[int, Kind] = {}
        self._described: dict[int, Relation] = {}
        self.outdated = False
        """The settings have changed: :meth:`again` says what each table known so far is read for now."""

    def obey(self, settings: Settings) -> None:
        """Go by these settings."""
        self._settings, self._claims, self.outdated = settings, None, True

    async def shares(self, relation: Relation) -> Sequence[Share]:
        """What is read of a table that looks like this; nothing where no watch wants it. Raises psycopg.Error."""
        self._described[relation.oid] = relation
        if self._claims is None or relation.oid not in self._claims:
            # A table that was dropped and made anew has another oid, and the same name.
            unwatched = {oid: claimed for oid, claimed in (self._claims or {}).items() if not claimed}
            self._claims = unwatched | await asyncio.to_thread(claims, self._settings)
            if relation.oid not in self._claims:
                self._claims[relation.oid] = []  # or it would be asked for again with each description
                log.warning("changelog.not_watched", table=f"{relation.schema}.{relation.name}")
        claimed = self._claims[relation.oid]
        metrics.CHANGELOG_PROBLEMS.labels("identity").set(0)  # it is described anew where that was mended
        await self._learn({column.type_oid for column in relation.columns})
        return [
            Share(capturing(claim.watch, relation, self._kinds), claim.since, claim.until, claim.partitioned)
            for claim in claimed
        ]

    async def again(self) -> Mapping[int, Sequence[Share]]:
        """What is read of every table that was described so far, as it is to be read now."""
        self.outdated, self._claims = False, None
        return {oid: await self.shares(relation) for oid, relation in self._described.items()}

    async def close(self) -> None:
        """Forget what was learnt on a connection that has ended: the server may be another one next time."""
        self._claims = None
        self._kinds.clear()
        self._described.clear()
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _learn(self, types: set[int]) -> None:
        unknown = sorted(types - self._kinds.keys())
        if not unknown:
            return
        if self._connection is None or self._connection.closed:
            self._connection = await self._connections.open("orderbell change log's types")
        cursor = await self._connection.execute(TYPES, {"oids": unknown})
        self._kinds.update(kinds_of(unknown, await cursor.fetchall()))


class Watched(NamedTuple):
    """A watch, and what it was installed on."""

    watch: Watch
    table: Table | None
    """By its name, else the one that it was installed on, should that be called otherwise now."""
    relation: int | None
    """The oid of the one that it was installed on."""
    since: int
    until: int | None
    """It is captured from the log between these (LSNs)."""


def claims(settings: Settings) -> Claims:
    """Who reads which table. Asks the database; raises psycopg.Error."""
    found: Claims = {}
    for watch, table, relation, since, until in watched(settings):
        claim = Claim(watch, since, until, partitioned=table is not None and table.kind == "p")
        oids = {member.oid for member in table.family} if table is not None else set()
        for oid in oids | ({relation} if relation is not None else set()):
            found.setdefault(oid, []).append(claim)
    return found


def watched(settings: Settings) -> list[Watched]:
    """Every watch of the configuration. Asks the database; raises psycopg.Error."""
    with psycopg.connect(
        autocommit=True, **parameters(settings.database, "orderbell change log's tables")
    ) as connection:
        installed = {name: row for name, *row in connection.execute(SQL["watches"]).fetchall()}
        found = []
        for watch in settings.watch:
            relation, since, until = installed.get(watch.name, (None, None, None))
            table = find_table(connection, watch.table)
            if table is None and relation is not None:
                named = "SELECT oid::regclass::text FROM pg_class WHERE oid = %s"
                name = connection.execute(named, (relation,)).fetchone()
                table = find_table(connection, name[0]) if name is not None else None
            place = lsn_of(since) if since else 0
            found.append(Watched(watch, table, relation, place, lsn_of(until) if until else None))
    return found
