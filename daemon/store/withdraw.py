"""Taking back what holds no longer: marked in every inbox, skipped where it waits, replaced on devices that show it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from daemon.planning.catalogue import Catalogue
from daemon.planning.values import Event, Withdrawal
from schema.queries import statements

SQL = statements("plan")

AT_ONCE = 5_000
"""Of a broadcast that is taken back: what is read and written in one statement."""

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

    @property
    def variant(self) -> tuple[int, str, str]:
        """All who read the same."""
        return self.event_id, self.audience, self.locale


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
    taken_back: list[TakenBack] = []
    dropped: list[str] = []
    words = _Replacements(catalogue)
    while True:
        await cursor.execute(SQL["withdraw"], {**parameters, "limit": AT_ONCE})
        gone = [_shown(row, now) for row in await cursor.fetchall()]
        await words.send(cursor, [one for one in gone if one.devices], now)
        taken_back += [TakenBack(g.id, g.user_id, g.unread) for g in gone]
        dropped += [channel for g in gone for channel in g.dropped]
        if len(gone) < AT_ONCE:
            return taken_back, dropped


def _shown(row: Sequence[Any], now: datetime) -> _Shown:
    id_, event, user, subject, audience, locale, expires_at, unread, devices, dropped = row
    return _Shown(id_, event, user, subject, audience, locale or "", expires_at or now, unread, devices, dropped)


class _Replacements:
    """New words for the devices: the Topic and the tag are the same, so they take the old ones' place. Each is written
    once.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._written: dict[tuple[int, str, str], int] = {}
        """(event id, audience, locale) -> message id."""

    async def send(self, cursor: AsyncCursor[TupleRow], shown: Sequence[_Shown], now: datetime) -> None:
        """Have each device that shows one of these shown what became of it."""
        if not shown:
            return
        await self._write(cursor, {one.variant for one in shown} - self._written.keys())
        pushes = [(one, device) for one in shown for device in one.devices]
        parameters = {
            "notifications": [one.id for one, _ in pushes],
            "addresses": [device for _, device in pushes],
            "locales": [one.locale for one, _ in pushes],
            "expires": [max(one.expires_at, now + LEAST_LIFE) for one, _ in pushes],
            "users": [one.user_id for one, _ in pushes],
            "subjects": [one.subject for one, _ in pushes],
            "audiences": [one.audience for one, _ in pushes],
            "messages": [self._written[one.variant] for one, _ in pushes],
        }
        await cursor.execute(SQL["replace_pushes"], parameters)

    async def _write(self, cursor: AsyncCursor[TupleRow], variants: Collection[tuple[int, str, str]]) -> None:
        if not variants:
            return
        await cursor.execute(SQL["events"], {"ids": sorted({event_id for event_id, _, _ in variants})})
        events = {row[0]: _event(row) for row in await cursor.fetchall()}
        await cursor.execute(SQL["message_ids"], {"count": len(variants)})
        numbers = [row[0] for row in await cursor.fetchall()]
        self._written.update(zip(sorted(variants), numbers, strict=True))
        async with cursor.copy(SQL["copy_message"]) as copy:
            for (event_id, audience, locale), number in zip(sorted(variants), numbers, strict=True):
                w = self._catalogue.render_withdrawn(events[event_id], audience, locale)
                await copy.write_row(
                    (number, event_id, audience, locale, w.title, w.body, w.text, w.url, w.action, w.error)
                )


def _event(row: Sequence[Any]) -> Event:
    _, name, subject, key, label, data = row
    return Event(name, subject, "", key, label or key, data, datetime.now(UTC))
