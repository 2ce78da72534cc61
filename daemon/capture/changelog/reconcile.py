"""What people missed while the log was lost, found in the tables themselves: the newest status of every row that was
written since, where it is not what was told last.

Whether a row was written since is told by its ``xmin``; what was told last, by the changes that wait and by the events
that were planned. One snapshot shows all of it, and the new slot begins where that snapshot ends: nothing is missed
between them, and nothing is told twice.
"""

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from config.mapping import Watch
from daemon.planning.events import event_of, name_of
from daemon.planning.values import Change
from schema.capture import key_as_text, row_as_json
from schema.inspection import Table
from schema.queries import statements

log = structlog.get_logger(__name__)

STATEMENTS = statements("position")

LAST = 2**63 - 1
"""No change has a higher id."""

PORTION = 5_000
"""Rows that are looked at together."""

UNKNOWN = (
    "the slot was lost, and of more than {limit} rows of {table} that were written meanwhile nothing was ever told:"
    " they may be old ones that somebody touched. Where they are to be told of: `orderbell retry`"
)

ALL = 2**31 - 1
"""An age that no row is beyond."""


class Missed(NamedTuple):
    """A change that was missed."""

    key: str
    op: str
    old: str | None
    new: str
    unknown: bool
    """Nothing was ever told of this row."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one watch, in rows."""

    told: int
    """Whose newest status is told now."""
    set_aside: int
    """Of which nothing was ever told, and too many to be told unasked."""


async def reconcile(
    connection: AsyncConnection[TupleRow],
    watches: Sequence[tuple[Watch, Table]],
    horizon: int,
    events: Collection[str],
    unknown_limit: int,
) -> dict[str, Found]:
    """Write a change for every row whose newest status nobody was told; what was found, by watch.

    In the connection's transaction, which sees one snapshot throughout. ``horizon``: rows of older transactions were
    told of. ``events``: those that some rule names. ``unknown_limit``: see ``capture.unknown_rows_limit``.
    """
    age = await _age(connection, horizon)
    found: dict[str, Found] = {}
    for watch, table in watches:
        if watch.live is None:  # where somebody was is of no use now
            found[watch.name] = await _reconcile(connection, watch, table, age, events, unknown_limit)
    return found


async def _reconcile(
    connection: AsyncConnection[TupleRow],
    watch: Watch,
    table: Table,
    age: int,
    events: Collection[str],
    limit: int,
) -> Found:
    count, unknown, unknown_count = 0, list[Missed](), 0
    (up_to,) = await (await connection.execute(STATEMENTS["last_change"])).fetchone() or (0,)
    async for rows in _written_since(connection, watch, table, age):
        told = await told_last(connection, watch, [key for key, _ in rows], up_to)
        missed = [each for key, new in rows if (each := _missed(key, new, watch, told.get(key), events)) is not None]
        known = [each for each in missed if not each.unknown]
        await _write(connection, watch, known, None)
        count += len(known)
        unknown += [each for each in missed if each.unknown]
        unknown_count += len(missed) - len(known)
        if unknown_count > limit:
            await _write(connection, watch, unknown, UNKNOWN.format(limit=limit, table=watch.table))
            unknown.clear()
    await _write(connection, watch, unknown, None)
    return Found(count + len(unknown), unknown_count - len(unknown))


async def _write(
    connection: AsyncConnection[TupleRow], watch: Watch, missed: Sequence[Missed], error: str | None
) -> None:
    """As changes of this moment; with ``error``, for the planner to set aside."""
    if not missed:
        return
    at = datetime.now(UTC)
    async with connection.cursor() as cursor, cursor.copy(STATEMENTS["copy"]) as copy:
        for each in missed:
            await copy.write_row(
                (watch.name, each.op if error is None else "unsure", each.key, each.old, each.new, error, at)
            )


async def told_last(
    connection: AsyncConnection[TupleRow], watch: Watch, keys: Sequence[str], up_to: int = LAST
) -> dict[str, str]:
    """Key -> the event that waits to be told of it, or was told last; rows of which nothing is known are left out.

    ``up_to``: changes with a higher id do not count.
    """
    parameters = {
        "watch": watch.name,
        "column": watch.event_column,
        "prefix": watch.event_prefix,
        "keys": list(keys),
        "up_to": up_to,
    }
    cursor = await connection.execute(STATEMENTS["told"], parameters)
    told = {}
    for key, waiting, event in await cursor.fetchall():
        if waiting is not None:
            told[key] = f"{watch.event_prefix}.{name_of(waiting, watch.events)}"
        elif event is not None:
            told[key] = event
    return told


def event_named(key: str, row: Mapping[str, Any], watch: Watch, *, insert: bool = False) -> str | None:
    """The name of the event that this row means whatever it was before; None where it means none."""
    change = Change(0, watch.name, key, None if insert else {}, row, datetime.min)  # noqa: DTZ901 - nobody looks at it
    event = event_of(change, watch)
    return event.name if event is not None else None


def _missed(key: str, new: str, watch: Watch, told: str | None, events: Collection[str]) -> Missed | None:
    """What is to be told of a row; None where its newest status was told."""
    try:
        row = json.loads(new, parse_float=Decimal)
    except (ValueError, RecursionError):
        return Missed(key, "update", "{}", new, unknown=True)  # too deep, or a number too long: as the planner will say
    name = event_named(key, row, watch)
    created = event_named(key, row, watch, insert=True)
    if name is None or name == told:
        return None
    if told == created and name not in events:
        return None  # told as created whatever its status, which has no event of its own
    # A new row whose status has no rule of its own is told as created.
    insert = told is None and name not in events and created in events
    return Missed(key, "insert" if insert else "update", None if insert else "{}", new, unknown=told is None)


async def _age(connection: AsyncConnection[TupleRow], horizon: int) -> int:
    """How old, as ``age()`` counts in this transaction, a row may be to be looked at."""
    cursor = await connection.execute(STATEMENTS["age"], {"horizon": horizon})
    row = await cursor.fetchone()
    return int(row[0]) if row is not None else ALL


async def _written_since(
    connection: AsyncConnection[TupleRow], watch: Watch, table: Table, age: int
) -> AsyncIterator[list[tuple[str, str]]]:
    """Key and JSON of rows, some at a time, through a cursor of the server: the table may be of any size."""
    async with connection.cursor(name="orderbell_missed") as cursor:
        await cursor.execute(_query(watch, table, age))
        while rows := await cursor.fetchmany(PORTION):
            yield [(key, new) for key, new in rows]


def _query(watch: Watch, table: Table, age: int) -> Composed:
    columns = [table.columns[name] for name in watch.captured_columns if name in table.columns]
    return SQL("SELECT {key}, {row}::text FROM {table} n WHERE age(n.xmin) <= {age} AND n.{id} IS NOT NULL").format(
        key=key_as_text(table.columns[watch.key]),
        row=row_as_json(columns),
        table=Identifier(table.schema, table.name),
        age=SQL(str(age)),
        id=Identifier(watch.key),
    )
