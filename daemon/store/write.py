"""A plan as rows: ids are given, everything goes in by COPY, and what is due at once is born leased to this node.

Born leased: a delivery that the own workers have room for is written as already claimed, and handed to them in memory
after the commit. Claiming it would be one write of three. (design 7)
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from daemon.planning.values import Plan, PlannedNotification
from dispatchers.base import Delivery
from schema.queries import statements

SQL = statements("plan")

LONG_VALUE = 2_000
"""Characters; a longer value of the row is kept shortened in event.data."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, for those who take it up after the commit."""

    live: tuple[Delivery, ...]
    """One per notification, for the hub; address is the user id."""
    leased: tuple[Delivery, ...]
    first_notification: int = 0
    first_event: int = 0
    continues: bool = False
    """It went on with an event that was written before."""
    superseded: tuple[str, ...] = ()
    """Channels of the older deliveries that this plan replaced, one entry each."""


@dataclass(frozen=True, slots=True)
class _Ids:
    events: int
    messages: int
    notifications: int
    deliveries: int


async def write(
    cursor: AsyncCursor[TupleRow],
    plan: Plan,
    room: Mapping[str, int],
    node: str,
    lease_seconds: float,
    now: datetime,
    listening: Callable[[str], bool] = lambda _: True,
    event_id: int | None = None,
) -> Written:
    """Write ``plan`` in the cursor's transaction; of each channel as many deliveries as ``room`` says, the first ones,
    are born leased to ``node``. Only who is ``listening`` needs to be told live: the others have their inbox.
    With ``event_id``, the plan goes on with that event, which is written already.
    """
    if not plan.events:
        return Written((), ())
    ids = await _reserve(cursor, plan)
    if event_id is None:
        await _copy(cursor, "copy_event", _events(plan, ids, now))
    else:
        ids = replace(ids, events=event_id)
    await _copy(cursor, "copy_message", _messages(plan, ids))
    await _copy(cursor, "copy_notification", _notifications(plan, ids, now))
    await _copy(cursor, "copy_history", _skipped(plan, ids, now))
    leased = _lease(plan, room, now)
    lease_end = now + timedelta(seconds=lease_seconds)
    superseded = await _supersede(cursor, plan)
    await _copy(cursor, "copy_delivery", _deliveries(plan, ids, leased, node, lease_end, now))
    await _copy(cursor, "copy_spent", ((user, throttle, now) for user, throttle in plan.spent))
    shown = [index for index, n in enumerate(plan.notifications) if not n.withdrawn and listening(n.person.user_id)]
    return Written(
        first_notification=ids.notifications,
        first_event=ids.events,
        continues=event_id is not None,
        superseded=superseded,
        live=tuple(_live(plan, ids, index, now) for index in shown),
        leased=tuple(_delivery(plan, ids, index, now) for index in sorted(leased)),
    )


async def _reserve(cursor: AsyncCursor[TupleRow], plan: Plan) -> _Ids:
    await cursor.execute(
        SQL["reserve_ids"],
        {
            "events": len(plan.events),
            "messages": max(1, len(plan.messages)),
            "notifications": max(1, len(plan.notifications)),
            "deliveries": max(1, len(plan.deliveries) + len(plan.skipped)),
        },
    )
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("no ids were given")
    return _Ids(*row)


async def _copy(cursor: AsyncCursor[TupleRow], name: str, rows: Iterator[tuple[Any, ...]]) -> None:
    first = next(rows, None)
    if first is None:
        return
    async with cursor.copy(SQL[name]) as copy:
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


def _events(plan: Plan, ids: _Ids, now: datetime) -> Iterator[tuple[Any, ...]]:
    for index, planned in enumerate(plan.events):
        event = planned.event
        yield (
            ids.events + index,
            event.name,
            event.subject,
            event.watch,
            event.key,
            event.label,
            json.dumps({k: _kept(v) for k, v in event.row.items()}, default=_plain),
            list(planned.remarks),
            event.captured_at,
            now,
            event.idempotency_key,
        )


def _messages(plan: Plan, ids: _Ids) -> Iterator[tuple[Any, ...]]:
    for index, message in enumerate(plan.messages):
        w = message.words
        yield (
            ids.messages + index,
            ids.events + message.event,
            message.audience,
            message.locale,
            w.title,
            w.body,
            w.text,
            w.url,
            w.action,
            w.error,
        )


def _notifications(plan: Plan, ids: _Ids, now: datetime) -> Iterator[tuple[Any, ...]]:
    for index, n in enumerate(plan.notifications):
        event = plan.events[n.event].event
        yield (
            ids.notifications + index,
            ids.events + n.event,
            ids.messages + n.message,
            n.person.user_id,
            event.name,
            event.subject,
            n.audience,
            n.category.value,
            n.priority.value,
            now,
            n.expires_at,
            n.critical,
            now if n.withdrawn else None,
        )


def _skipped(plan: Plan, ids: _Ids, now: datetime) -> Iterator[tuple[Any, ...]]:
    first = ids.deliveries + len(plan.deliveries)
    for index, s in enumerate(plan.skipped):
        yield (
            first + index,
            ids.notifications + s.notification,
            s.channel,
            s.address,
            "skipped",
            s.reason,
            0,
            s.detail,
            now,
        )


def _deliveries(
    plan: Plan, ids: _Ids, leased: set[int], node: str, lease_end: datetime, now: datetime
) -> Iterator[tuple[Any, ...]]:
    for index, d in enumerate(plan.deliveries):
        n = plan.notifications[d.notification]
        state = ("sending", lease_end, node, 1) if index in leased else ("pending", d.due_at, None, 0)
        yield (
            ids.deliveries + index,
            ids.notifications + d.notification,
            d.channel,
            d.address,
            n.person.name,
            plan.messages[d.message if d.message is not None else n.message].locale,
            *state,
            n.expires_at,
            n.person.user_id,
            plan.events[n.event].event.subject,
            n.audience,
            d.step,
            d.zone or None,
            d.hold,
            None if d.message is None else ids.messages + d.message,
            # From when it is late: the application's commit, or its own time where that comes later.
            d.due_at if d.due_at > now else plan.events[n.event].event.captured_at,
        )


def _delivery(plan: Plan, ids: _Ids, index: int, now: datetime) -> Delivery:
    d = plan.deliveries[index]
    n = plan.notifications[d.notification]
    full = _full(
        plan,
        ids,
        n if d.message is None else replace(n, message=d.message),
        d.notification,
        now,
        id_=ids.deliveries + index,
        channel=d.channel,
        address=d.address,
    )
    return full if d.step == 0 else replace(full, step=d.step)


def _live(plan: Plan, ids: _Ids, index: int, now: datetime) -> Delivery:
    n = plan.notifications[index]
    return _full(plan, ids, n, index, now, id_=0, channel="websocket", address=n.person.user_id)


def _full(
    plan: Plan,
    ids: _Ids,
    n: PlannedNotification,
    index: int,
    now: datetime,
    *,
    id_: int,
    channel: str,
    address: str,
) -> Delivery:
    message = plan.messages[n.message]
    event = plan.events[n.event].event
    return Delivery(
        id=id_,
        attempt=1,
        channel=channel,
        address=address,
        notification_id=ids.notifications + index,
        user_id=n.person.user_id,
        recipient_name=n.person.name,
        locale=message.locale,
        event=event.name,
        subject=event.subject,
        audience=n.audience,
        category=n.category,
        priority=n.priority,
        title=message.words.title,
        body=message.words.body,
        text=message.words.text,
        url=message.words.url,
        action=message.words.action,
        created_at=now,
        expires_at=n.expires_at,
        critical=n.critical,
        wanted_at=event.captured_at,
        event_id=ids.events + n.event,
    )


def _kept(value: Any) -> Any:
    return value[: LONG_VALUE - 1] + "…" if isinstance(value, str) and len(value) > LONG_VALUE else value


def _plain(value: Any) -> Any:
    """Decimals as JSON numbers would lose their digits in a float: kept as text."""
    return str(value) if isinstance(value, Decimal) else repr(value)
