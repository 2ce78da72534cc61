"""How long from the shop's statement to the frame in the browser, while orders are written at a steady pace."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import aclosing
from decimal import Decimal
from statistics import quantiles

from demo.arrival import Arrival
from demo.shop import Order, Shop, next_status
from demo.stage import Stage

CUSTOMER = 1
"""On stage, so that a browser listens for them."""
VENDOR = 1
DRIVER = 1
WAIT_SECONDS = 10.0
"""For the last frames."""


class Frames:
    """When each frame arrived: for the customer, and by order and event."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], float] = {}
        self._came = asyncio.Event()

    async def all_of(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Until every one of ``wanted`` has come."""
        for what in wanted:
            while what not in self._at:
                self._came.clear()
                await self._came.wait()

    def take(self, arrival: Arrival) -> None:
        """For ``demo.stage.stage``."""
        if arrival.channel == "websocket" and arrival.user_id == str(CUSTOMER) and arrival.event is not None:
            self._at.setdefault((arrival.order, arrival.event), arrival.at)
            self._came.set()

    def __getitem__(self, what: tuple[str, str]) -> float:
        return self._at[what]


async def frame_latencies(running: Stage, frames: Frames, seconds: float, per_second: float) -> list[float]:
    """Seconds from each statement of so many seconds to the customer's frame.

    ``per_second`` is of changes: each order goes through its life. Raises TimeoutError where a frame does not come.
    """
    sent: dict[tuple[str, str], float] = {}
    began = time.monotonic()
    async with aclosing(await Shop.connect(running.database_url)) as shop:
        turn = 0
        order: Order | None = None
        while time.monotonic() - began < seconds:
            await asyncio.sleep(began + turn / per_second - time.monotonic())
            turn += 1
            status = next_status(order) if order is not None else None
            if order is None or status is None:
                written = await shop.place_order(CUSTOMER, VENDOR, Decimal("12.50"))
                event = "order.created"
            else:
                written = await shop.advance(order, status, DRIVER if status == "picked_up" else None)
                event = f"order.{status}"
            order = written.order
            sent[str(order.id), event] = written.sent_at
    async with asyncio.timeout(WAIT_SECONDS):
        await frames.all_of(sent)
    return [frames[what] - at for what, at in sent.items()]


def milliseconds(latencies: list[float]) -> dict[str, float]:
    """The median and the 99th percentile."""
    cuts = quantiles(latencies, n=100, method="inclusive")
    return {"p50": round(cuts[49] * 1000, 2), "p99": round(cuts[98] * 1000, 2)}
