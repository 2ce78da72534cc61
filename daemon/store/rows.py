"""A plan as rows: of each table, what ``schema/sql/plan.sql: copy_TABLE`` names, in that order."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from daemon.planning.values import Plan

LONG_VALUE = 2_000
"""Characters; a longer value of the row is kept shortened in event.data."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Ids:
    """The first of each; the others follow in the order of the plan."""

    events: int
    messages: int
    notifications: int
    deliveries: int


RELATIVE = Ids(0, 0, 0, 0)
"""Rows with these have positions in place of ids, for a statement that gives the ids itself."""


def rows_of(
    plan: Plan, ids: Ids, leased: Collection[int], node: str, lease_end: datetime, now: datetime
) -> dict[str, Iterator[Row]]:
    """By table, in the order in which they are written."""
    return {
        "event": _events(plan, ids, now),
        "message": _messages(plan, ids),
        "notification": _notifications(plan, ids, now),
        "history": _skipped(plan, ids, now),
        "delivery": _deliveries(plan, ids, leased, node, lease_end, now),
    }


def _events(plan: Plan, ids: Ids, now: datetime) -> Iterator[Row]:
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


def _messages(plan: Plan, ids: Ids) -> Iterator[Row]:
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


def _notifications(plan: Plan, ids: Ids, now: datetime) -> Iterator[Row]:
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


def _skipped(plan: Plan, ids: Ids, now: datetime) -> Iterator[Row]:
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
    plan: Plan, ids: Ids, leased: Collection[int], node: str, lease_end: datetime, now: datetime
) -> Iterator[Row]:
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


def _kept(value: Any) -> Any:
    return value[: LONG_VALUE - 1] + "…" if isinstance(value, str) and len(value) > LONG_VALUE else value


def _plain(value: Any) -> Any:
    """Decimals as JSON numbers would lose their digits in a float: kept as text."""
    return str(value) if isinstance(value, Decimal) else repr(value)
