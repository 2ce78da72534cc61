"""Rooms: who may follow a row live, asked of the application's own tables."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

from config.mapping import Audience, Watch
from daemon.connections import Pool
from daemon.kept import one_line
from daemon.planning.events import event_of
from daemon.planning.values import Change, Event
from daemon.store.conditions import array
from daemon.store.lookup import Lookup, LookupFailed
from dispatchers.websocket.contract import Admission, Status

log = structlog.get_logger(__name__)

PATIENCE = "SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = '2s'"
"""The application comes first: none of its locks is waited for, none of ours lasts."""


class Rooms:
    """Implements ``dispatchers.websocket.contract.Rooms``; replaced as a whole when the configuration is read again."""

    def __init__(
        self,
        pool: Pool,
        watches: Mapping[str, Watch],
        audiences: Mapping[str, Audience],
        lookup: Lookup,
        locating: Sequence[str],
        admin_role: str,
    ) -> None:
        """``locating``: audiences whose people may say where they are."""
        self._pool = pool
        self._watches = {watch.event_prefix: watch for watch in watches.values() if watch.live is None}
        self._audiences = {name: audience for name, audience in audiences.items() if audience.has_room}
        self._lookup = lookup
        self._locating = locating
        self._admin_role = admin_role

    async def admit(self, room: str, people: Sequence[tuple[str, frozenset[str]]]) -> Sequence[Admission | None]:
        """See the contract. Raises psycopg.Error where the application's tables cannot be asked now."""
        prefix, _, key = room.partition(":")
        watch = self._watches.get(prefix)
        if watch is None or not key:
            return [None for _ in people]
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(PATIENCE)
            event = await self._row(connection, watch, key)
            if event is None:
                return [None for _ in people]
            async with connection.cursor() as cursor:
                members = await self._members(cursor, watch, event)
        status = _status(room, event, watch)
        return [self._admission(user, roles, members, status) for user, roles in people]

    def _admission(
        self, user: str, roles: frozenset[str], members: Mapping[str, set[str]], status: Status | None
    ) -> Admission | None:
        locates = any(user in members.get(name, ()) for name in self._locating)
        if locates or self._admin_role in roles or any(user in users for users in members.values()):
            return Admission(status, locates)
        return None

    async def _row(self, connection: AsyncConnection[TupleRow], watch: Watch, key: str) -> Event | None:
        """The row as it is now, as the event that it would make; None where there is none."""
        query = SQL(
            "SELECT row_to_json(found)::text, coalesce((SELECT max(e.captured_at) FROM orderbell.event e"
            " WHERE e.subject = {subject}), now())"
            # As the trigger spells it: another spelling of the same key would be a room that nothing is shown in.
            " FROM (SELECT {columns} FROM {table} WHERE {key} = ANY({keys}) AND {key}::text = {spelled}) found"
        ).format(
            subject=Literal(f"{watch.event_prefix}:{key}"),
            columns=SQL(", ").join(map(Identifier, watch.captured_columns)),
            table=SQL(watch.table),  # the operator's own SQL, as in conditions
            key=Identifier(watch.key),
            keys=Literal(array([key])),
            spelled=Literal(key),
        )
        try:
            async with connection.transaction():
                row = await (await connection.execute(query)).fetchone()
        except psycopg.DataError:  # a key that is none: letters where the table has numbers
            return None
        return None if row is None else _event(watch, key, row[0], row[1])

    async def _members(self, cursor: AsyncCursor[TupleRow], watch: Watch, event: Event) -> dict[str, set[str]]:
        """Audience -> its people for this row. One that cannot be asked has none, and the log says so."""
        found: dict[str, set[str]] = {}
        for name, audience in self._audiences.items():
            if audience.watch not in (None, watch.name):
                continue
            try:
                async with cursor.connection.transaction():
                    (users,) = await self._lookup.members(cursor, name, audience, [event])
            except (psycopg.ProgrammingError, psycopg.DataError, LookupFailed) as error:
                log.warning("room.audience_failed", audience=name, error=one_line(error))
            else:
                found[name] = set(users)
        return found


def statuses(events: Sequence[Event], watches: Mapping[str, Watch]) -> list[Status]:
    """What the rooms of these events are shown."""
    found = []
    for event in events:
        watch = watches.get(event.watch)
        if watch is not None:
            found.append(Status(event.subject, event.name, str(event.row.get(watch.event_column)), event.captured_at))
    return found


def _event(watch: Watch, key: str, row: str, at: datetime) -> Event:
    new: dict[str, Any] = json.loads(row, parse_float=Decimal)
    made = event_of(Change(0, watch.name, key, None, new, at), watch.model_copy(update={"on_insert": None}))
    nothing = Event(
        name="", subject=f"{watch.event_prefix}:{key}", watch=watch.name, key=key, label="", row=new, captured_at=at
    )
    return made or nothing


def _status(room: str, event: Event, watch: Watch) -> Status | None:
    if not event.name:
        return None
    return Status(room, event.name, str(event.row.get(watch.event_column)), event.captured_at)
