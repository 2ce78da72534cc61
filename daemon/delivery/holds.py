"""What waits to be put together: a digest that closes, a night that is over. And what was sent for later.

Any daemon does it: rows that another one has locked are left to it. One transaction for a batch of groups, so a group
is let go as a whole or not at all.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any

import psycopg
import structlog
from psycopg import AsyncCursor
from psycopg.rows import TupleRow
from psycopg_pool import PoolTimeout

from config.names import Priority
from daemon import metrics
from daemon.connections import Pool
from daemon.delivery.lastlook import Finding, LastLook, Later, Row
from daemon.planning.catalogue import Catalogue, Entry
from daemon.planning.values import Words
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("holds")

GROUPS = 200
"""Let go in one transaction."""

SCHEDULED = 1_000
"""Events that become changes in one transaction."""


@dataclass(frozen=True, slots=True)
class Member:
    """One delivery that waits with others."""

    id: int
    user_id: str
    channel: str
    address: str
    hold: str
    expires_at: datetime
    zone: str | None
    locale: str
    event_id: int | None
    event: str | None
    subject: str | None
    audience: str | None
    priority: str | None
    label: str | None
    title: str | None
    body: str | None
    text: str | None
    url: str | None
    step: int
    critical: bool
    seen: bool
    newer: bool
    own_zone: str | None
    quiet: str | None
    snoozed_until: datetime | None
    do_not_disturb: bool
    reason: str | None

    @property
    def group(self) -> tuple[str, str, str, str]:
        return self.user_id, self.channel, self.address, self.hold

    @property
    def row(self) -> Row:
        return Row(
            self.reason,
            self.seen,
            self.newer,
            self.own_zone,
            self.zone,
            self.quiet,
            self.snoozed_until,
            self.do_not_disturb,
        )


@dataclass(slots=True)
class Release:
    """What becomes of a batch of groups."""

    alone: list[int] = field(default_factory=list)
    """Go out with their own words."""
    later: list[tuple[int, datetime]] = field(default_factory=list)
    left_out: list[tuple[int, str, str]] = field(default_factory=list)
    """(id, reason, in words)"""
    digests: list[tuple[Member, datetime, Words]] = field(default_factory=list)
    """(the one that carries it; until when; its words)"""


def release(
    members: Sequence[Member],
    catalogue: Catalogue,
    look: LastLook,
    now: datetime,
    unmet: Mapping[int, Finding] = MappingProxyType({}),
) -> Release:
    """Decide about the due ``members`` of some groups; ``unmet``: whose step's ``where`` does not hold. Pure."""
    done = Release()
    for _, group in groupby(sorted(members, key=lambda m: (m.group, m.id)), key=lambda m: m.group):
        _decide(list(group), catalogue, look, now, unmet, done)
    return done


def _decide(
    group: Sequence[Member],
    catalogue: Catalogue,
    look: LastLook,
    now: datetime,
    unmet: Mapping[int, Finding],
    done: Release,
) -> None:
    kept: list[Member] = []
    for member in group:
        finding = _finding(member, look, now) or unmet.get(member.id)
        if isinstance(finding, Later):
            done.later.append((member.id, min(finding.due_at, member.expires_at)))
        elif finding is not None:
            done.left_out.append((member.id, finding, "while it waited"))
        else:
            kept.append(member)
    if not kept:
        return
    if len(kept) == 1:
        done.alone.append(kept[0].id)
        return
    newest = kept[-1]
    # Whatever somebody chooses before it is sent, a critical one is told.
    leader = max(kept, key=lambda m: (m.critical, m.id))
    entries = [
        Entry(m.title or "", m.body or "", m.text or "", m.url, m.label or "", m.event or "", m.subject or "")
        for m in kept
    ]
    same = {member.event for member in kept}
    words = catalogue.render_digest(
        entries,
        newest.audience or "",
        newest.locale,
        newest.zone or look.zone.key,
        event=same.pop() if len(same) == 1 else None,
    )
    done.digests.append((leader, max(m.expires_at for m in kept), words))
    done.left_out += [(m.id, "digested", f"told with delivery {leader.id}") for m in kept if m is not leader]


def _finding(member: Member, look: LastLook, now: datetime) -> Finding:
    """What speaks against telling this now: it holds no longer, or this person has chosen other hours since."""
    step = look.step_of(member)
    if member.reason is not None:
        return member.reason
    if step is not None and (reason := look.unwanted(step, member.user_id, member.row)):
        return reason
    if look.leaves_alone(member.row, member.channel, critical=member.critical):
        return "preference"
    return look.disturbs(member.channel, Priority(member.priority or Priority.NORMAL), member.row, now)


class Holds:
    """Lets groups go when their time has come, and scheduled events become changes."""

    def __init__(self, pool: Pool, catalogue: Catalogue, look: LastLook, poll_seconds: float) -> None:
        self._pool = pool
        self.catalogue = catalogue
        self.look = look
        self._poll_seconds = poll_seconds

    async def run(self) -> None:
        """For ever, through times when the database is away."""
        while True:
            try:
                while await self.let_go() or await self.send_scheduled():
                    pass
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("holds.not_released", error=" ".join(str(error).split()))
            await asyncio.sleep(self._poll_seconds)

    async def let_go(self) -> bool:
        """Let one batch of due groups go; whether there may be more."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL["due"], {"limit": GROUPS})
            groups = await cursor.fetchall()
            if not groups:
                return False
            parameters = dict(
                zip(("users", "channels", "addresses", "holds"), map(list, zip(*groups, strict=True)), strict=True)
            )
            async with connection.transaction(), connection.cursor() as cursor:
                await cursor.execute("SELECT now()")
                (now,) = await cursor.fetchone() or (None,)
                await cursor.execute(SQL["members"], parameters)
                members = [Member(*row) for row in await cursor.fetchall()]
                judged = [member for member in members if member.reason is None]
                unmet = await self.look.unmet(connection, judged, now)
                done = release(members, self.catalogue, self.look, now, unmet)
                left_out = await _write(cursor, done)
        for channel, reason in left_out:
            metrics.DELIVERIES.labels(channel, "skipped", reason).inc()
        for _ in done.digests:
            metrics.DIGESTS.inc()
        return bool(members) and len(groups) == GROUPS

    async def send_scheduled(self) -> bool:
        """Make changes of the events whose time has come; whether there may be more."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL["scheduled"], {"limit": SCHEDULED})
            due, sent, _ = await cursor.fetchone() or (0, 0, 0)
        if due > sent:
            log.info("scheduled.expired", events=due - sent)
        return bool(due == SCHEDULED)


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
