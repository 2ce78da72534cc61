"""Which deliveries are this node's to send: claimed, renewed, looked at again just before sending, given back."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from config.names import Category, Priority
from config.settings import DeliverySettings
from daemon.clock import DatabaseClock
from daemon.connections import Pool
from daemon.delivery.lastlook import Finding, LastLook, Row
from dispatchers.base import Delivery, Kind
from dispatchers.canonical import canonical
from schema.queries import statements

SQL = statements("delivery")

ANSWER_SECONDS = 30.0
"""Half of the watchdog's time."""


class Leases:
    """Takes due deliveries on lease. Whoever holds the newest attempt number of a delivery holds its lease."""

    def __init__(
        self,
        pool: Pool,
        settings: DeliverySettings,
        node: str,
        clock: DatabaseClock,
        default_region: str = "",
        last_look: LastLook | None = None,
    ) -> None:
        self._pool = pool
        self.settings = settings
        self._node = node
        self._clock = clock
        self._default_region = default_region
        self.last_look = last_look or LastLook()
        """Replaced as a whole when the configuration is read again."""

    async def claim(self, channel: str, limit: int) -> tuple[list[Delivery], list[Delivery]]:
        """Up to ``limit`` due deliveries of ``channel``, leased to this node; and those whose notification is gone."""
        parameters = {
            "channel": channel,
            "limit": limit,
            "node": self._node,
            "lease_seconds": self.settings.lease_seconds,
        }
        async with answering(), self._pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute(SQL["claim"], parameters)
            rows = await cursor.fetchall()
        claimed: list[Delivery] = []
        orphans: list[Delivery] = []
        for *columns, now in rows:
            self._clock.set(now)
            (orphans if _is_orphan(columns) else claimed).append(_delivery(columns))
        return claimed, orphans

    async def recheck(self, deliveries: Sequence[Delivery]) -> Mapping[int, Finding]:
        """Delivery id -> what speaks against sending it now; missing where the lease is lost.

        Asks the live rows: superseded, withdrawn, expired, read, suppressed, unwanted, at night?
        """
        parameters = {
            **_keys(deliveries),
            "addresses": [canonical(d.channel, d.address, self._default_region) for d in deliveries],
        }
        look, by_id = self.last_look, {delivery.id: delivery for delivery in deliveries}
        async with answering(), self._pool.connection() as connection:
            cursor = await connection.execute(SQL["recheck"], parameters)
            rows = await cursor.fetchall()
            if rows:
                self._clock.set(rows[0][1])
            found = {id_: look.judge(by_id[id_], Row._make(row), now) for id_, now, *row in rows}
            clear = [by_id[id_] for id_, finding in found.items() if finding is None and by_id[id_].kind is None]
            return {**found, **await look.unmet(connection, clear, self._clock.now())}

    async def renew(self, deliveries: Sequence[Delivery]) -> set[int]:
        """Begin these leases anew; the ids of those that are still ours."""
        parameters = {**_keys(deliveries), "lease_seconds": self.settings.lease_seconds}
        async with answering(), self._pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute(SQL["renew"], parameters)
            return {row[0] for row in await cursor.fetchall()}

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return deliveries that were leased and not begun, as if they had never been claimed."""
        if deliveries:
            async with self._pool.connection() as connection:
                await connection.execute(SQL["give_back"], _keys(deliveries))

    async def give_back_rest(self, unknown: Sequence[int]) -> None:
        """Return everything else that is leased to this node, but not the ``unknown``: those may have been sent."""
        async with self._pool.connection() as connection:
            await connection.execute(SQL["give_back_rest"], {"node": self._node, "unknown": list(unknown)})


def answering() -> asyncio.Timeout:
    """For as long as a lane waits for the database: one that does not answer (a table of ours is rewritten) is no
    reason for the watchdog to end a daemon that can do nothing about it.
    """
    return asyncio.timeout(ANSWER_SECONDS)


def _keys(deliveries: Sequence[Delivery]) -> dict[str, list[int]]:
    return {"ids": [d.id for d in deliveries], "attempts": [d.attempt for d in deliveries]}


def _is_orphan(columns: Sequence[Any]) -> bool:
    """Whether a claimed row's notification or message is gone."""
    user, title = columns[5], columns[13]
    return user is None or title is None


def _delivery(columns: Sequence[Any]) -> Delivery:
    """A claimed row as a delivery; of an orphan, what is known, which is enough to finish it."""
    (id_, attempt, channel, address, notification, user, name, locale, event, subject, audience) = columns[:11]
    (category, priority, title, body, text, url, action, created_at, expires_at, uncertain) = columns[11:21]
    step, kind, critical, wanted_at, event_id = columns[21:]
    return Delivery(
        id=id_,
        attempt=attempt,
        channel=channel,
        address=address,
        notification_id=notification,
        user_id=user or "",
        recipient_name=name,
        locale=locale,
        event=event or "",
        subject=subject or "",
        audience=audience or "",
        category=Category(category or Category.ORDER),
        priority=Priority(priority or Priority.NORMAL),
        title=title or "",
        body=body or "",
        text=text or "",
        url=url,
        action=action,
        created_at=created_at or expires_at,
        expires_at=expires_at,
        step=step,
        kind=Kind(kind) if kind else None,
        critical=critical,
        uncertain=uncertain,
        wanted_at=wanted_at,
        event_id=event_id,
    )
