"""``orderbell demo --load``: many orders by many writers, and whether everyone was told each status once."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal

from psycopg import AsyncConnection

from demo.cast import CHANNELS
from demo.daemon_process import unless_it_ends
from demo.ledger import Ledger, Slot, Verdict
from demo.shop import Shop, Written, next_status
from demo.stage import Say, Size, Stage, stage

CUSTOMERS = 200
VENDORS = 20
DRIVERS = 3
FIRST_OF_THE_CROWD = 6
"""The user id after those on stage."""
QUEUE_SECONDS = 900.0
"""The queues must be empty so long after the last commit."""
ARRIVAL_SECONDS = 20.0
"""After the queues are empty; then what has not arrived is missing."""
QUIET_SECONDS = 2.0
LOOK_SECONDS = 0.02
"""How often the queues are looked at, once the writers are done."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Figures of one run; seconds after the last commit, unless they say otherwise."""

    orders: int
    writers: int
    changes: int
    seconds_writing: float
    changes_queue_empty_after: float
    queue_empty_after: float
    expected: dict[str, int]
    superseded: int
    """Messages that were not sent because a newer status of the same order was, to the same person and channel, or
    because the offer in them was taken back."""
    verdict: Verdict

    def figures(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "orders": self.orders,
            "writers": self.writers,
            "changes": self.changes,
            "seconds_writing": round(self.seconds_writing, 2),
            "changes_queue_empty_after": round(self.changes_queue_empty_after, 2),
            "queue_empty_after": round(self.queue_empty_after, 2),
            "expected": self.expected,
            "superseded": self.superseded,
            "received": self.verdict.received,
            "missing": len(self.verdict.missing),
            "duplicates": len(self.verdict.duplicates),
        }


async def load(
    orders: int, writers: int, orders_per_second: float = 0, *, keep: bool = False, say: Say = lambda _: None
) -> LoadResult:
    """Run it all. Orders are placed at ``orders_per_second`` at most; 0: as fast as it goes."""
    ledger = Ledger()
    size = Size(CUSTOMERS, VENDORS)
    # Without reports: what is measured is how fast people are told.
    async with stage(ledger.saw, size=size, reports=False, keep=keep, say=say) as running:
        work = _measure(running, ledger, orders, writers, orders_per_second, say)
        return await unless_it_ends(work, running.daemon)


async def _measure(
    running: Stage, ledger: Ledger, orders: int, writers: int, orders_per_second: float, say: Say
) -> LoadResult:
    say(f"{writers} writers write {orders:,} orders")
    expected: Counter[str] = Counter(dict.fromkeys(CHANNELS, 0))

    changes = 0
    last_commit = began = time.monotonic()

    async def write(turns: Iterator[tuple[int, float]]) -> None:
        nonlocal changes, last_commit
        async with aclosing(await Shop.connect(running.database_url)) as shop:
            for number, starts_at in turns:
                await asyncio.sleep(starts_at - time.monotonic())
                async for written in _lifecycle(shop, number):
                    last_commit = time.monotonic()
                    changes += 1
                    wanted = running.expected(written.order)
                    ledger.expect(wanted)
                    expected.update(one.channel for one in wanted)

    turns = _turns(orders, orders_per_second, began)
    async with asyncio.TaskGroup() as group:
        for _ in range(writers):
            group.create_task(write(turns))
    say(f"{changes:,} changes in {last_commit - began:.1f} s; {ledger.outstanding:,} messages to come")
    changes_empty, all_empty = await _queues_empty(running.database_url)
    say(f"the queues were empty {all_empty - last_commit:.2f} s after the last commit")
    superseded = await _superseded(running.database_url)
    for slot in superseded:
        ledger.excuse(slot)
    await ledger.complete(ARRIVAL_SECONDS)
    await ledger.quiet(QUIET_SECONDS, at_most=ARRIVAL_SECONDS)
    return LoadResult(
        orders=orders,
        writers=writers,
        changes=changes,
        seconds_writing=last_commit - began,
        changes_queue_empty_after=changes_empty - last_commit,
        queue_empty_after=all_empty - last_commit,
        expected=dict(expected),
        superseded=len(superseded),
        verdict=ledger.verdict(),
    )


def _turns(orders: int, per_second: float, began: float) -> Iterator[tuple[int, float]]:
    """The orders' numbers, and when each is placed at the soonest; the writers take turns."""
    for number in range(orders):
        yield number, began + (number / per_second if per_second else 0)


async def _lifecycle(shop: Shop, number: int) -> AsyncIterator[Written]:
    """One order from its INSERT to its last UPDATE. People take turns too: the same orders in every run."""
    customer = 1 if number % CUSTOMERS == 0 else FIRST_OF_THE_CROWD + number % CUSTOMERS - 1
    written = await shop.place_order(customer, 1 + number % VENDORS, Decimal(1000 + number % 5000) / 100)
    yield written
    while (status := next_status(written.order)) is not None:
        driver = 1 + number % DRIVERS if status == "picked_up" else None
        written = await shop.advance(written.order, status, driver)
        yield written


async def _superseded(database_url: str) -> list[Slot]:
    """What need not come. That a newer status was sent in its place is checked here, not taken on trust."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT h.channel, n.user_id, e.key, n.event FROM orderbell.delivery_history h"
            " JOIN orderbell.notification n ON n.id = h.notification_id JOIN orderbell.event e ON e.id = n.event_id"
            " WHERE h.reason = 'superseded' AND h.kind IS NULL AND EXISTS ("
            "   SELECT FROM orderbell.notification m JOIN orderbell.delivery_history s ON s.notification_id = m.id"
            "   WHERE m.user_id = n.user_id AND m.subject = n.subject AND m.audience = n.audience AND m.id > n.id"
            "     AND s.channel = h.channel AND s.state IN ('sent', 'delivered'))"
            # An offer that was taken back before it was sent, or before anybody could see it.
            " UNION ALL SELECT h.channel, n.user_id, e.key, n.event FROM orderbell.delivery_history h"
            " JOIN orderbell.notification n ON n.id = h.notification_id JOIN orderbell.event e ON e.id = n.event_id"
            " WHERE h.reason = 'withdrawn' AND h.kind IS NULL AND n.withdrawn_at IS NOT NULL"
            " UNION ALL SELECT 'websocket', n.user_id, e.key, n.event FROM orderbell.notification n"
            " JOIN orderbell.event e ON e.id = n.event_id WHERE n.withdrawn_at = n.created_at"
        )
        rows = await cursor.fetchall()
    return [Slot(channel, user, order, None if channel == "sms" else event) for channel, user, order, event in rows]


async def _queues_empty(database_url: str) -> tuple[float, float]:
    """When no change, and when neither a change nor a delivery was left: ``time.monotonic()`` of both.

    Raises TimeoutError when there still are some after :data:`QUEUE_SECONDS`.
    """
    deadline = time.monotonic() + QUEUE_SECONDS
    changes_empty: float | None = None
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        while True:
            cursor = await connection.execute(
                "SELECT EXISTS (SELECT FROM orderbell.change), EXISTS (SELECT FROM orderbell.delivery)"
            )
            row = await cursor.fetchone()
            now = time.monotonic()
            if row is not None and not row[0]:
                changes_empty = changes_empty or now
                if not row[1]:
                    return changes_empty, now
            if now > deadline:
                raise TimeoutError(f"the queues were not empty {QUEUE_SECONDS:.0f} s after the last commit")
            await asyncio.sleep(LOOK_SECONDS)
