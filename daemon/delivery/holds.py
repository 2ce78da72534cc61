"""What waits to be put together: a digest that closes, a night that is over. And what was sent for later.

Any daemon does it: rows that another one has locked are left to it. One transaction for a batch of groups, so a group
is let go as a whole or not at all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow
from psycopg_pool import PoolTimeout

from daemon import metrics
from daemon.connections import Pool
from daemon.delivery.lastlook import LastLook
from daemon.delivery.ledger import AWAY
from daemon.delivery.release import Member, Release, release
from daemon.kept import kept
from daemon.planning.catalogue import Catalogue
from daemon.planning.values import Words
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("holds")

GROUPS = 200
"""Let go in one transaction."""

_USER, _SUBJECT, _AUDIENCE, _NOTIFICATION = 1, 10, 11, 21
"""Columns of ``members``; in the place of the last stands whether there is a newer one."""

SCHEDULED = 1_000
"""Events that become changes in one transaction."""


class Group(NamedTuple):
    """What becomes one message."""

    user: str
    channel: str
    address: str
    hold: str


def _columns(groups: Sequence[Group]) -> dict[str, list[str]]:
    users, channels, addresses, holds = map(list, zip(*groups, strict=True))
    return {"users": users, "channels": channels, "addresses": addresses, "holds": holds}


def _count(done: Release, left_out: Sequence[tuple[str, str]]) -> None:
    for channel, reason in left_out:
        metrics.DELIVERIES.labels(channel, "skipped", reason).inc()
    metrics.DIGESTS.inc(len(done.digests))


class Holds:
    """Lets groups go when their time has come, and scheduled events become changes."""

    def __init__(self, pool: Pool, catalogue: Catalogue, look: LastLook, poll_seconds: float) -> None:
        self._pool = pool
        self.catalogue = catalogue
        self.look = look
        self.poll_seconds = poll_seconds

    async def run(self) -> None:
        """For ever, through times when the database is away."""
        while True:
            more = [await self._tried(job) for job in (self.send_scheduled, self.let_go)]
            if not any(more):
                await asyncio.sleep(self.poll_seconds)

    async def _tried(self, job: Callable[[], Awaitable[bool]]) -> bool:
        """Whether ``job`` has more to do; one that fails does not keep the other from its work."""
        try:
            return await job()
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("holds.not_released", error=kept(str(error)))
            return False

    async def let_go(self) -> bool:
        """Let one batch of due groups go; whether there may be more."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL["due"], {"limit": GROUPS})
            groups = [Group(*row) for row in await cursor.fetchall()]
            if not groups:
                return False
            done = Release()
            try:
                done, left_out = await self._let_go(connection, groups)
            except AWAY:
                raise
            except Exception as error:  # noqa: BLE001 - whatever one group makes fail, the others go
                log.warning("holds.batch_failed", error=kept(str(error)))
                await self._one_by_one(connection, groups)
            else:
                _count(done, left_out)
        # Where another daemon has them all, there is nothing to hurry for.
        return len(groups) == GROUPS and bool(done.alone or done.later or done.left_out)

    async def _one_by_one(self, connection: AsyncConnection[TupleRow], groups: Sequence[Group]) -> None:
        """Let each group go by itself, and put off those that cannot be."""
        for group in groups:
            try:
                _count(*await self._let_go(connection, [group]))
            except AWAY:
                raise
            except Exception as error:  # noqa: BLE001 - as above
                metrics.HOLD_FAILURES.inc()
                log.error("hold.put_off", channel=group.channel, hold=group.hold, error=kept(str(error)))
                await connection.execute(SQL["put_off"], {**group._asdict(), "error": kept(str(error))})

    async def _let_go(
        self, connection: AsyncConnection[TupleRow], groups: Sequence[Group]
    ) -> tuple[Release, list[tuple[str, str]]]:
        """Let these go in one transaction, but for those that another daemon has."""
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.execute(SQL["own"], _columns(groups))
            own = [Group(*row) for row in await cursor.fetchall()]
            if not own:
                return Release(), []
            await cursor.execute("SELECT now()")
            (now,) = await cursor.fetchone() or (None,)
            members = await _members(cursor, own)
            judged = [member for member in members if member.reason is None]
            unmet = await self.look.unmet(connection, judged, now)
            done = release(members, self.catalogue, self.look, now, unmet)
            return done, await _write(cursor, done)

    async def send_scheduled(self) -> bool:
        """Make changes of the events whose time has come; whether there may be more."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL["scheduled"], {"limit": SCHEDULED})
            due, sent, _ = await cursor.fetchone() or (0, 0, 0)
        if due > sent:
            log.info("scheduled.expired", events=due - sent)
        return bool(due == SCHEDULED)


async def _members(cursor: AsyncCursor[TupleRow], groups: Sequence[Group]) -> list[Member]:
    """What is due of these groups."""
    await cursor.execute(SQL["members"], _columns(groups))
    rows = await cursor.fetchall()
    told = [(row[_USER], row[_NOTIFICATION]) for row in rows if row[_NOTIFICATION] is not None]
    since: dict[str, int] = {}
    for user, notification in told:
        since[user] = min(notification, since.get(user, notification))
    await cursor.execute(SQL["newest"], {"users": list(since), "since": list(since.values())})
    newest = {(user, subject, audience): id_ for user, subject, audience, id_ in await cursor.fetchall()}

    members = []
    for row in rows:
        columns = list(row)
        told_last = newest.get((row[_USER], row[_SUBJECT], row[_AUDIENCE]), 0)
        columns[_NOTIFICATION] = row[_NOTIFICATION] is not None and told_last > row[_NOTIFICATION]
        members.append(Member(*columns))
    return members


async def _write(cursor: AsyncCursor[TupleRow], done: Release) -> list[tuple[str, str]]:
    """Write what was decided; returns (channel, reason) of each delivery that was left out."""
    if done.alone:
        await cursor.execute(SQL["let_go"], {"ids": done.alone})
    if done.later:
        ids, due = zip(*done.later, strict=True)
        await cursor.execute(SQL["wait_longer"], {"ids": list(ids), "due": list(due)})
    if done.digests:
        await _lead(cursor, done.digests)
    if not done.left_out:
        return []
    ids, reasons, errors = zip(*done.left_out, strict=True)
    await cursor.execute(SQL["leave_out"], {"ids": list(ids), "reasons": list(reasons), "errors": list(errors)})
    return [(channel, reason) for channel, reason in await cursor.fetchall()]


async def _lead(cursor: AsyncCursor[TupleRow], digests: Sequence[tuple[Member, datetime, Words]]) -> None:
    await cursor.execute(SQL["message_ids"], {"count": len(digests)})
    numbers = [row[0] for row in await cursor.fetchall()]
    async with cursor.copy(SQL["copy_message"]) as copy:
        for number, (leader, _, w) in zip(numbers, digests, strict=True):
            row: tuple[Any, ...] = (number, leader.event_id or 0, leader.audience or "", leader.locale)
            await copy.write_row((*row, w.title, w.body, w.text, w.url, w.action, w.error))
    parameters = {
        "ids": [leader.id for leader, _, _ in digests],
        "messages": numbers,
        "expires": [expires_at for _, expires_at, _ in digests],
    }
    await cursor.execute(SQL["lead"], parameters)
