"""Writing a plan: ids are given, everything goes in at once, and what is due at once is born leased to this node.

A large plan goes in by COPY, a small one in one statement: two rows by COPY into each of four tables take eight
journeys to the server. Where nothing else belongs into its transaction, that statement is the transaction: it also
consumes the changes that the plan is of.

Born leased: a delivery that the own workers have room for is written as already claimed, and handed to them in memory
after the commit. Claiming it would be one write of three. (design 7)
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from daemon.capture.outbox import ours
from daemon.connections import one_row
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


def is_small(plan: Plan) -> bool:
    """Whether it is written in one statement."""
    rows = sum(map(len, (plan.events, plan.messages, plan.notifications, plan.deliveries, plan.skipped)))
    return 0 < rows <= SMALL


async def write(
    cursor: AsyncCursor[TupleRow],
    plan: Plan,
    room: Mapping[str, int],
    node: str,
    lease_seconds: float,
    now: datetime,
    event_id: int | None = None,
    *,
    consumed: Sequence[int] = (),
) -> Written:
    """Write ``plan`` in the cursor's transaction; of each channel as many deliveries as ``room`` says, the first ones,
    are born leased to ``node``. With ``event_id``, the plan goes on with that event, which is written already.

    With a plan that :func:`is_small`, these changes are ``consumed``: that needs no transaction around it. Raises
    ``NotOurs`` when somebody else has consumed any of them; nothing is written then.
    """
    if not plan.events:
        return Written()
    leased = _lease(plan, room, now)
    lease = (leased, node, now + timedelta(seconds=lease_seconds), now)
    small = event_id is None and is_small(plan)
    rows = {**rows_of(plan, RELATIVE, *lease), "spent": _spent(plan, now)} if small else {}
    parameters = {table: _json(columns, rows.get(table, ())) for table, columns in COLUMNS.items()}
    with ours():
        await cursor.execute(SQL["write"], {**_counts(plan), **_lines(plan), **parameters, "consumed": list(consumed)})
    *first, superseded, _ = one_row(await cursor.fetchone())
    ids = Ids(*first) if event_id is None else replace(Ids(*first), events=event_id)
    if not small:
        await _copy_all(cursor, plan, ids, lease, goes_on=event_id is not None)
    return Written(plan, ids, now, sorted(leased), continues=event_id is not None, superseded=tuple(superseded))


async def _copy_all(cursor: AsyncCursor[TupleRow], plan: Plan, ids: Ids, lease: _Lease, *, goes_on: bool) -> None:
    *_, now = lease
    for table, rows in {**rows_of(plan, ids, *lease), "spent": _spent(plan, now)}.items():
        if table != "event" or not goes_on:
            await _copy(cursor, table, rows)


def _spent(plan: Plan, now: datetime) -> Iterator[Row]:
    return ((user, throttle, now) for user, throttle in plan.spent)


def _json(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Raises psycopg.DataError where COPY would, before the server sees it: its message would have words in it."""
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    if any(type(value) is str and "\0" in value for row in named for value in row.values()):
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return json.dumps(named, default=datetime.isoformat, ensure_ascii=False)


def _counts(plan: Plan) -> dict[str, int]:
    return {
        "events": len(plan.events),
        "messages": max(1, len(plan.messages)),
        "notifications": max(1, len(plan.notifications)),
        "deliveries": max(1, len(plan.deliveries) + len(plan.skipped)),
    }


async def _copy(cursor: AsyncCursor[TupleRow], table: str, rows: Iterable[Row]) -> None:
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    async with cursor.copy(SQL[f"copy_{table}"]) as copy:
        await copy.write_row(first)
        for row in rows:
            await copy.write_row(row)


def _lines(plan: Plan) -> dict[str, list[Any]]:
    """Of what the plan's deliveries take the place: whatever waits of the same subject for the same person, audience
    and channel.
    """
    lines: dict[tuple[str, str, str, str], bool] = {}
    for delivery in plan.deliveries:
        n = plan.notifications[delivery.notification]
        line = (plan.events[n.event].event.subject, n.audience, n.person.user_id, delivery.channel)
        lines[line] = lines.get(line, False) or n.critical
    columns = list(map(list, zip(*lines, strict=True))) or [[], [], [], []]
    return dict(zip(("subjects", "audiences", "users", "channels"), columns, strict=True)) | {
        "critical": list(lines.values())
    }


def _lease(plan: Plan, room: Mapping[str, int], now: datetime) -> set[int]:
    """Indexes of the deliveries that are born leased: due at once, and there is room for them."""
    left = dict(room)
    leased: set[int] = set()
    for index, delivery in enumerate(plan.deliveries):
        if delivery.hold is None and delivery.due_at <= now and left.get(delivery.channel, 0) > 0:
            left[delivery.channel] -= 1
            leased.add(index)
    return leased
