"""Writing a plan: ids are given, everything goes in at once, and what is due at once is born leased to this node.

A large plan goes in by COPY, a small one in one statement: two rows by COPY into each of four tables take eight
journeys to the server.

Born leased: a delivery that the own workers have room for is written as already claimed, and handed to them in memory
after the commit. Claiming it would be one write of three. (design 7)
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from daemon.planning.values import Plan
from daemon.store.rows import RELATIVE, Ids, Row, rows_of
from daemon.store.written import Written
from schema.queries import statements

SQL = statements("plan")

SMALL = 100
"""Rows: some ten orders. From thirty on, COPY is the quicker way."""

COLUMNS = {
    name.removeprefix("copy_"): re.findall(r"\w+", statement[statement.index("(") : statement.index(")")])
    for name, statement in SQL.items()
    if name.startswith("copy_")
}
"""Of each table, as its COPY names them."""

_Lease = tuple[set[int], str, datetime, datetime]
"""Positions of the deliveries that are leased, to which node, until when; and the present moment."""


async def write(
    cursor: AsyncCursor[TupleRow],
    plan: Plan,
    room: Mapping[str, int],
    node: str,
    lease_seconds: float,
    now: datetime,
    event_id: int | None = None,
) -> Written:
    """Write ``plan`` in the cursor's transaction; of each channel as many deliveries as ``room`` says, the first ones,
    are born leased to ``node``. With ``event_id``, the plan goes on with that event, which is written already.
    """
    if not plan.events:
        return Written()
    leased = _lease(plan, room, now)
    lease = (leased, node, now + timedelta(seconds=lease_seconds), now)
    superseded = await _supersede(cursor, plan)
    if event_id is None and _size_of(plan) <= SMALL:
        ids = await _write_at_once(cursor, plan, lease)
    else:
        ids = await _copy_all(cursor, plan, lease, event_id)
    await _copy(cursor, "spent", ((user, throttle, now) for user, throttle in plan.spent))
    return Written(plan, ids, now, sorted(leased), continues=event_id is not None, superseded=superseded)


async def _write_at_once(cursor: AsyncCursor[TupleRow], plan: Plan, lease: _Lease) -> Ids:
    rows = {table: _json(COLUMNS[table], rows) for table, rows in rows_of(plan, RELATIVE, *lease).items()}
    await cursor.execute(SQL["write_at_once"], {**_counts(plan), **rows})
    return _ids(await cursor.fetchone())


def _json(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Raises psycopg.DataError where COPY would, before the server sees it: its message would have words in it."""
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    if any(type(value) is str and "\0" in value for row in named for value in row.values()):
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return json.dumps(named, default=datetime.isoformat, ensure_ascii=False)


async def _copy_all(cursor: AsyncCursor[TupleRow], plan: Plan, lease: _Lease, event_id: int | None) -> Ids:
    await cursor.execute(SQL["reserve_ids"], _counts(plan))
    ids = _ids(await cursor.fetchone())
    if event_id is not None:
        ids = replace(ids, events=event_id)
    for table, rows in rows_of(plan, ids, *lease).items():
        if table != "event" or event_id is None:
            await _copy(cursor, table, rows)
    return ids


def _size_of(plan: Plan) -> int:
    return sum(map(len, (plan.events, plan.messages, plan.notifications, plan.deliveries, plan.skipped)))


def _counts(plan: Plan) -> dict[str, int]:
    return {
        "events": len(plan.events),
        "messages": max(1, len(plan.messages)),
        "notifications": max(1, len(plan.notifications)),
        "deliveries": max(1, len(plan.deliveries) + len(plan.skipped)),
    }


def _ids(row: TupleRow | None) -> Ids:
    if row is None:
        raise LookupError("no ids were given")
    return Ids(*row)


async def _copy(cursor: AsyncCursor[TupleRow], table: str, rows: Iterable[Row]) -> None:
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    async with cursor.copy(SQL[f"copy_{table}"]) as copy:
        await copy.write_row(first)
        for row in rows:
            await copy.write_row(row)


async def _supersede(cursor: AsyncCursor[TupleRow], plan: Plan) -> tuple[str, ...]:
    """Replace what waits of older statuses of the same subjects: one statement, whatever the number of events."""
    if not plan.deliveries:
        return ()
    lines: dict[tuple[str, str, str, str], bool] = {}
    for delivery in plan.deliveries:
        n = plan.notifications[delivery.notification]
        line = (plan.events[n.event].event.subject, n.audience, n.person.user_id, delivery.channel)
        lines[line] = lines.get(line, False) or n.critical
    subjects, audiences, users, channels = map(list, zip(*lines, strict=True))
    parameters = {
        "subjects": subjects,
        "audiences": audiences,
        "users": users,
        "channels": channels,
        "critical": list(lines.values()),
    }
    await cursor.execute(SQL["supersede"], parameters)
    return tuple(row[0] for row in await cursor.fetchall())


def _lease(plan: Plan, room: Mapping[str, int], now: datetime) -> set[int]:
    """Indexes of the deliveries that are born leased: due at once, and there is room for them."""
    left = dict(room)
    leased: set[int] = set()
    for index, delivery in enumerate(plan.deliveries):
        if delivery.hold is None and delivery.due_at <= now and left.get(delivery.channel, 0) > 0:
            left[delivery.channel] -= 1
            leased.add(index)
    return leased
