"""What tests of people's inboxes share."""

import asyncio
from typing import Any

import psycopg

OVER = b"SELECT pg_snapshot_xmin(pg_current_snapshot()) > max(changed) FROM orderbell.notification"


async def calm(database: psycopg.AsyncConnection[Any]) -> None:
    """Until no transaction is under way that began before the last change: with one of another database, or of
    autovacuum's, what is over would still count as after ``since``.
    """
    async with asyncio.timeout(30):
        while await (await database.execute(OVER)).fetchone() != (True,):
            await asyncio.sleep(0.01)
