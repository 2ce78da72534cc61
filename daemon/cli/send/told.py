"""Who would be told of an event, and how: planned as the planner does it, and written nowhere."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config import Settings
from config.names import INBOX
from daemon.capture.outbox import Captured, sent_in
from daemon.channels import dispatchers_of
from daemon.connections import parameters
from daemon.explain.addresses import masked
from daemon.planning.plan import plan
from daemon.planning.values import Plan
from daemon.policy import planning_of

SESSION = {"default_transaction_read_only": "on", "statement_timeout": "10s", "lock_timeout": "1s"}


@dataclass(frozen=True, slots=True)
class Way:
    """One person on one channel."""

    audience: str
    user: str
    name: str
    channel: str
    address: str | None
    """Masked."""
    outcome: str
    """``now``, ``later`` or the reason why not."""
    at: datetime | None
    detail: str
    title: str


@dataclass(frozen=True, slots=True)
class Told:
    """All of them, and who could not be told at all."""

    ways: tuple[Way, ...]
    remarks: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As ``--json`` has it."""
        return {
            "people": len({way.user for way in self.ways}),
            "told": [
                {
                    "audience": way.audience,
                    "user": way.user,
                    "channel": way.channel,
                    "address": way.address,
                    "outcome": way.outcome,
                    "at": way.at.isoformat() if way.at else None,
                    "detail": way.detail,
                    "title": way.title,
                }
                for way in self.ways
            ],
            "remarks": list(self.remarks),
        }


async def rehearse(
    settings: Settings, event: str, key: str, values: dict[str, Any], expires_at: datetime | None
) -> Told:
    """Look everybody up in the application's tables as they are now. Raises Unreadable, LookupFailed, psycopg.Error."""
    planning = planning_of(settings, {dispatcher.channel for dispatcher in dispatchers_of(settings)}, "send")
    given = parameters(settings.database, "orderbell send", **SESSION)
    envelope = {"event": event, "expires_at": expires_at.isoformat() if expires_at else None}
    async with await AsyncConnection.connect(autocommit=True, **given) as connection, connection.cursor() as cursor:
        await cursor.execute("SELECT now()")
        (now,) = await cursor.fetchone() or (datetime.now(UTC),)
        captured = Captured(0, None, "event", key, json.dumps(envelope), json.dumps(values), None, now)
        happened = sent_in(captured)
        if happened is None:
            return Told((), ())
        audiences = await planning.lookup.audiences(cursor, [happened], planning.policy)
        failing = await planning.lookup.failing(cursor, [happened], planning.policy, planning.watches)
        known = await planning.lookup.known(cursor, audiences, planning.policy, failing)
    return told_by(plan([happened], audiences, replace(known, failing=failing), planning.policy, now), now)


def told_by(planned: Plan, now: datetime) -> Told:
    """What a plan of one event comes to. Pure."""
    ways = []
    for index, notification in enumerate(planned.notifications):
        title = planned.messages[notification.message].words.title
        person = notification.person
        about = (notification.audience, person.user_id, person.name)
        ways.append(Way(*about, INBOX, None, "now", None, "", title))
        for delivery in planned.deliveries:
            if delivery.notification == index:
                later = delivery.hold is not None or delivery.due_at > now
                detail = "held" if delivery.hold is not None else ""
                address = masked(delivery.channel, delivery.address)
                at = delivery.due_at if later else None
                ways.append(Way(*about, delivery.channel, address, "later" if later else "now", at, detail, title))
        for skipped in planned.skipped:
            if skipped.notification == index:
                address = masked(skipped.channel, skipped.address)
                ways.append(Way(*about, skipped.channel, address, skipped.reason, None, skipped.detail, title))
    return Told(tuple(ways), tuple(remark for event in planned.events for remark in event.remarks))


def show(told: Told, event: str, key: str, console: Console) -> None:
    """For people."""
    count = len({way.user for way in told.ways})
    whom = "nobody." if count == 0 else "1 person:" if count == 1 else f"{count:,} people:"
    console.print(f"{event} of {key} would tell {whom}", highlight=False, markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("audience", "who", "channel", "address", "when", "title"):
        table.add_column(column, overflow="fold")
    for way in told.ways:
        when = f"{way.at.astimezone():%Y-%m-%d %H:%M}" if way.at else way.outcome
        who = f"{way.user} {way.name}".strip()
        not_told = way.outcome not in ("now", "later")
        table.add_row(
            way.audience,
            Text(who),
            way.channel,
            Text(way.address or ""),
            Text(when, style="yellow" if not_told else ""),
            Text(way.detail if not_told else way.title),
        )
    if told.ways:
        console.print(table)
    for remark in told.remarks:
        console.print(remark, style="yellow", markup=False, highlight=False, soft_wrap=True)
