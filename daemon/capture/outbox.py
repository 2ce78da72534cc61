"""What the triggers wrote: taken in batches, and read into changes."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from config.mapping import Watch
from daemon.connections import one_row
from daemon.planning.direct import direct_event
from daemon.planning.events import sent_event
from daemon.planning.values import Change, Event
from schema.queries import statements

SQL = statements("plan")

EVENT = re.compile(r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")


BATCH_BYTES = 8_000_000
"""Of captured rows in one batch, so that big ones do not add up in memory. One change is always taken."""


FIRST = -(2**63)
"""No change has a lower id."""


class NotOurs(RuntimeError):
    """Another planner is at work: this one has lost its place."""


@contextmanager
def ours() -> Iterator[None]:
    """Around a statement that divides by zero where what it consumes is gone already. Raises :class:`NotOurs`."""
    try:
        yield
    except psycopg.errors.DivisionByZero:
        raise NotOurs("what was looked at was consumed by somebody else") from None


class Unreadable(ValueError):
    """A captured row that no change can be made of; the message says why and what to do."""


@dataclass(slots=True)
class Captured:
    """A row of ``orderbell.change``, as it was taken."""

    id: int
    watch: str | None
    op: str | None
    key: str | None
    old: str | None
    new: str | None
    error: str | None
    captured_at: datetime


class Outbox:
    """Takes changes, oldest first: looked at, then consumed in the transaction that writes what they mean.

    A look walks over dead rows at the low end of the table while a long transaction keeps vacuum from removing them.
    A lower bound on the id spares that, but only where it is certain that no smaller id can still be committed: else
    changes of one order could be taken out of order. So the bound is the highest id given out at some moment, used
    once every transaction of that moment has ended and a look after that found nothing left.
    """

    def __init__(self) -> None:
        self._hint = FIRST
        self._candidate: tuple[int, int] | None = None
        """(highest id given out, first transaction id not yet begun), both of one moment in the past."""
        self._settled = False
        """Every transaction of the candidate's moment has ended; the next empty look proves its ids consumed."""

    async def look(self, cursor: AsyncCursor[TupleRow], limit: int) -> list[Captured]:
        """The oldest changes, ``limit`` and some :data:`BATCH_BYTES` of them at most; nothing is consumed yet."""
        await cursor.execute(SQL["look"], {"hint": self._hint, "limit": limit, "bytes": BATCH_BYTES})
        rows = [Captured(*row) for row in await cursor.fetchall()]
        if self._settled and self._candidate and (not rows or rows[0].id > self._candidate[0]):
            self._hint = self._candidate[0] + 1
            self._candidate, self._settled = None, False
        return rows

    async def look_at(self, cursor: AsyncCursor[TupleRow], change: int) -> list[Captured]:
        """The change with this id; nothing when it is gone."""
        await cursor.execute(SQL["look_at"], {"id": change})
        return [Captured(*row) for row in await cursor.fetchall()]

    async def consume(self, cursor: AsyncCursor[TupleRow], changes: Sequence[Captured]) -> datetime:
        """Consume what was looked at, in the cursor's transaction; returns the database's time.

        Raises :class:`NotOurs` when somebody else has consumed any of it; nothing is consumed then.
        """
        with ours():
            await cursor.execute(SQL["consume"], {"ids": [captured.id for captured in changes]})
        moment: datetime = one_row(await cursor.fetchone())[0]
        return moment

    async def settle(self, cursor: AsyncCursor[TupleRow]) -> None:
        """Move the lower bound on, where it is certain. Cheap; to be called every second or so under load, in
        autocommit: each statement must have a snapshot of its own.
        """
        if self._candidate is None:
            # In this order: whoever was given an id up to `last` had begun before the snapshot was taken.
            await cursor.execute("SELECT last_value FROM orderbell.change_id_seq")
            last = one_row(await cursor.fetchone())[0]
            await cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            self._candidate = (last, one_row(await cursor.fetchone())[0])
        elif not self._settled:
            await cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            self._settled = one_row(await cursor.fetchone())[0] >= self._candidate[1]

    def forget(self) -> None:
        """Start without a bound, as on a new connection, which may lead to a promoted standby."""
        self._hint, self._candidate, self._settled = FIRST, None, False


def changes_in(captured: Captured, watches: Mapping[str, Watch]) -> Iterator[Change]:
    """The changes in a captured row: one, or several where they were kept as whole rows.

    Raises :class:`Unreadable`.
    """
    watch = watches.get(captured.watch or "")
    if watch is None:
        raise Unreadable(f"no [[watch]] is named {captured.watch!r}: add it back, or run `orderbell install`")
    if captured.op == "unsure":
        raise Unreadable(captured.error or "nobody can say whether this is news")
    new = _json(captured.new)
    if captured.op == "rows":
        yield from _whole_rows(captured, watch, _json(captured.old) or [], new or [])
        return
    if captured.key is None or not isinstance(new, dict):
        raise Unreadable(f"the row has no {watch.key}, or no values")
    if watch.live is None and watch.event_column not in new:
        raise Unreadable(
            f"it does not hold {watch.table}.{watch.event_column}, which makes the event: it was captured when the"
            " configuration named another column; where it was renamed, run `orderbell install` and restart"
        )
    yield Change(captured.id, watch.name, captured.key, _json(captured.old), new, captured.captured_at)


def sent_in(captured: Captured) -> Event | None:
    """The event that somebody sent through ``orderbell.send``; None for a captured change.

    Raises :class:`Unreadable`.
    """
    if captured.op != "event":
        return None
    envelope, data = _json(captured.old), _json(captured.new)
    name = envelope.get("event") if isinstance(envelope, dict) else None
    if not isinstance(name, str) or not EVENT.match(name) or captured.key is None or not isinstance(data, dict):
        raise Unreadable("orderbell.send takes an event like 'order.ready', a key, and a JSON object of values")
    key, end = envelope.get("idempotency_key"), envelope.get("expires_at")
    event = sent_event(name, captured.key, data, captured.captured_at, str(key) if key is not None else None)
    return replace(event, expires_at=datetime.fromisoformat(end)) if end else event


def told_in(captured: Captured) -> Event | None:
    """The event that a message of ``orderbell.tell`` is; None for anything else. Raises :class:`Unreadable`."""
    if captured.op != "message":
        return None
    envelope, message = _json(captured.old), _json(captured.new)
    if not isinstance(envelope, dict) or not isinstance(message, dict) or not captured.key:
        raise Unreadable("orderbell.tell takes a JSON object and an idempotency key")
    end = envelope.get("expires_at")
    try:
        return direct_event(
            message,
            captured.key,
            captured.captured_at,
            idempotency_key=captured.key,
            expires_at=datetime.fromisoformat(end) if end else None,
        )
    except ValueError as error:
        raise Unreadable(str(error)) from None


def cancelled_in(captured: Captured) -> str | None:
    """The idempotency key of the event that somebody takes back (``orderbell.cancel``); None for anything else."""
    if captured.op != "cancel":
        return None
    envelope = _json(captured.old)
    key = envelope.get("idempotency_key") if isinstance(envelope, dict) else None
    if not isinstance(key, str):
        raise Unreadable("orderbell.cancel takes the idempotency key that the event was sent with")
    return key


def extended_in(captured: Captured) -> tuple[str, datetime] | None:
    """The idempotency key of an event that somebody gives another end (``orderbell.extend``), and that end."""
    if captured.op != "extend":
        return None
    envelope = _json(captured.old)
    try:
        return str(envelope["idempotency_key"]), datetime.fromisoformat(envelope["expires_at"])
    except (TypeError, KeyError, ValueError):
        raise Unreadable("orderbell.extend takes an idempotency key and a moment") from None


def _whole_rows(captured: Captured, watch: Watch, old: list[Any], new: list[Any]) -> Iterator[Change]:
    """Changes from rows that the trigger kept whole because it could not do better."""
    needed = (watch.key, watch.event_column) if watch.live is None else (watch.key,)
    if any(column not in row for row in new for column in needed):
        raise Unreadable(
            f"{watch.table} no longer has {' and '.join(needed)} ({captured.error}):"
            " mend [[watch]], run `orderbell install`, then `orderbell retry --all`"
        )
    before = {str(row.get(watch.key)): row for row in old}
    for row in new:
        key = str(row[watch.key])
        yield Change(
            captured.id,
            watch.name,
            key,
            _columns(before[key], watch) if key in before else None,
            _columns(row, watch),
            captured.captured_at,
        )


def _columns(row: Mapping[str, Any], watch: Watch) -> dict[str, Any]:
    return {column: row.get(column) for column in watch.captured_columns}


def _json(text: str | None) -> Any:
    # Decimal keeps a price as the application wrote it: 12.50, not 12.5.
    return None if text is None else json.loads(text, parse_float=Decimal)
