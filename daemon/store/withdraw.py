"""Taking back what holds no longer: marked in every inbox, skipped where it waits, replaced on devices that show it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from daemon.planning.catalogue import Catalogue
from daemon.planning.values import Event, Withdrawal, Words
from schema.queries import statements

SQL = statements("plan")


LEAST_LIFE = timedelta(hours=1)
"""A device that shows an offer shows it also after the offer's own end."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """One notification that is in nobody's inbox any more."""

    id: int
    user_id: str
    unread: bool


@dataclass(frozen=True, slots=True)
class _Shown:
    """A notification that was taken back, and the devices that show it."""

    id: int
    event_id: int
    user_id: str
    subject: str
    audience: str
    locale: str
    expires_at: datetime
    unread: bool
    devices: list[str]
    dropped: list[str]


async def withdraw(
    cursor: AsyncCursor[TupleRow],
    withdrawals: Sequence[Withdrawal],
    cancelled: Sequence[str],
    before: int,
    catalogue: Catalogue,
    now: datetime,
) -> tuple[list[TakenBack], list[str]]:
    """Take back, in the cursor's transaction, what ``withdrawals`` name and what was sent under the idempotency keys
    ``cancelled``; of notifications with ids under ``before`` only.

    Returns them, and the channels of deliveries that are not sent for it, one entry each.
    """
    if not withdrawals and not cancelled:
        return [], []
    asked = {
        "subjects": [w.subject for w in withdrawals],
        "events": [w.event for w in withdrawals],
        "audiences": [w.audience for w in withdrawals],
        "keys": list(cancelled),
    }
    await cursor.execute(SQL["to_withdraw"], asked)
    chosen = await cursor.fetchall()
    if not chosen:
        return [], []
    parameters = {"ids": [id_ for id_, _ in chosen], "audiences": [a for _, a in chosen], "first": before}
    await cursor.execute(SQL["withdraw"], parameters)
    gone = [_shown(row, now) for row in await cursor.fetchall()]
    await _replace(cursor, [one for one in gone if one.devices], catalogue, now)
    return [TakenBack(g.id, g.user_id, g.unread) for g in gone], [channel for g in gone for channel in g.dropped]


def _shown(row: Sequence[Any], now: datetime) -> _Shown:
    id_, event, user, subject, audience, locale, expires_at, unread, devices, dropped = row
    return _Shown(id_, event, user, subject, audience, locale or "", expires_at or now, unread, devices, dropped)


async def _replace(cursor: AsyncCursor[TupleRow], shown: Sequence[_Shown], catalogue: Catalogue, now: datetime) -> None:
    """Send new words to the devices: the Topic and the tag are the same, so they take the old ones' place."""
    if not shown:
        return
    await cursor.execute(SQL["events"], {"ids": sorted({one.event_id for one in shown})})
    events = {row[0]: _event(row) for row in await cursor.fetchall()}
    words: dict[tuple[int, str, str], int] = {}
    rows: list[tuple[int, int, str, str, Words]] = []
    for one in shown:
        variant = (one.event_id, one.audience, one.locale)
        if variant not in words and one.event_id in events:
            await cursor.execute("SELECT nextval('orderbell.message_id_seq')")
            (number,) = await cursor.fetchone() or (0,)
            words[variant] = number
            rendered = catalogue.render_withdrawn(events[one.event_id], one.audience, one.locale)
            rows.append((number, one.event_id, one.audience, one.locale, rendered))
    async with cursor.copy(SQL["copy_message"]) as copy:
        for number, event_id, audience, locale, w in rows:
            await copy.write_row(
                (number, event_id, audience, locale, w.title, w.body, w.text, w.url, w.action, w.error)
            )
    pushes = [(one, device) for one in shown for device in one.devices]
    parameters = {
        "notifications": [one.id for one, _ in pushes],
        "addresses": [device for _, device in pushes],
        "locales": [one.locale for one, _ in pushes],
        "expires": [max(one.expires_at, now + LEAST_LIFE) for one, _ in pushes],
        "users": [one.user_id for one, _ in pushes],
        "subjects": [one.subject for one, _ in pushes],
        "audiences": [one.audience for one, _ in pushes],
        "messages": [words[one.event_id, one.audience, one.locale] for one, _ in pushes],
    }
    await cursor.execute(SQL["replace_pushes"], parameters)


def _event(row: Sequence[Any]) -> Event:
    _, name, subject, key, label, data = row
    columns = data if isinstance(data, dict) else json.loads(data)
    return Event(name, subject, "", key, label or key, columns, datetime.now(UTC))
