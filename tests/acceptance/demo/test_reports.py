"""What the sandbox Twilio says of a text, through a daemon that runs as it would in production."""

import asyncio
from decimal import Decimal

import psycopg

from demo.arrival import Arrival
from demo.shop import LIFECYCLE, Shop
from demo.stage import stage

PATIENCE_SECONDS = 60.0


async def test_a_text_of_the_demo_ends_as_delivered() -> None:
    arrived: list[Arrival] = []
    async with stage(arrived.append) as running:
        shop = await Shop.connect(running.database_url)
        written = await shop.place_order(customer_id=1, vendor_id=1, total=Decimal("24.50"))
        for status in LIFECYCLE[1:]:
            written = await shop.advance(written.order, status, 1 if status == "picked_up" else None)
        await shop.aclose()
        async with (
            await psycopg.AsyncConnection.connect(running.database_url, autocommit=True) as connection,
            asyncio.timeout(PATIENCE_SECONDS),
        ):
            states: set[str] = set()
            while states != {"delivered"}:
                cursor = await connection.execute(
                    "SELECT state FROM orderbell.delivery_history WHERE channel = 'sms' AND state <> 'skipped'"
                )
                states = {row[0] for row in await cursor.fetchall()}
                await asyncio.sleep(0.05)
    assert any(arrival.channel == "sms" for arrival in arrived)
