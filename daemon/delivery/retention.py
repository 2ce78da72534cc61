"""Inboxes do not grow for ever: what is older than ``delivery.inbox_days`` goes, some rows at a time.

Deliveries and attempts are dropped by the day (``history``); an inbox is read across days, so it is one table.
"""

import asyncio

import structlog

from daemon.connections import Pool
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("history")

BATCH = 5_000
"""Rows deleted in one transaction: nobody who marks a notification as read waits for long."""

REST_SECONDS = 0.1
"""Between two, so that autovacuum and everybody else keep up."""

STEPS = ("old_notifications", "old_messages", "old_events", "old_spent", "old_audit", "old_announcements")
"""In this order: messages and events go after the last notification that needs them."""


async def forget_old(pool: Pool, days: int) -> int:
    """Delete everything that people were told more than ``days`` ago; returns how many notifications."""
    forgotten = 0
    for step in STEPS:
        deleted = BATCH
        while deleted >= BATCH:
            async with pool.connection() as connection:
                cursor = await connection.execute(SQL[step], {"days": days, "limit": BATCH})
                deleted = cursor.rowcount
            if step == STEPS[0]:
                forgotten += deleted
            await asyncio.sleep(REST_SECONDS if deleted else 0)
    if forgotten:
        log.info("inbox.forgotten", notifications=forgotten)
    return forgotten
