"""The shop's counter: what its buttons do. SQL, and nothing else."""

import asyncio
import random
import time
from collections.abc import Callable
from decimal import Decimal

from demo.shop import FOLLOWING, Order, Shop, Written, next_status

STATUS_SECONDS = (0.6, 2.0)
"""How long an order of the shop that runs by itself stays in a status."""


class NotNow(ValueError):
    """The order is not where this status could follow."""


class Counter:
    """Places orders and moves them on; ``wrote`` is told of each statement."""

    def __init__(self, shop: Shop, wrote: Callable[[Written], None]) -> None:
        self._shop = shop
        self._wrote = wrote
        self._dice = random.Random()  # noqa: S311 - whose turn it is, and what it costs

    async def place_order(self, customer_id: int, vendor_id: int) -> Order:
        """A new order, for something that food costs."""
        total = Decimal(self._dice.randrange(990, 4800, 10)).scaleb(-2)
        return self._told(await self._shop.place_order(customer_id, vendor_id, total))

    async def advance(self, key: int, status: str, driver_id: int) -> Order:
        """Move the order on; the driver is written when it is picked up.

        Raises LookupError when there is no such order, :class:`NotNow` when it cannot have this status now.
        """
        order = await self._shop.order(key)
        if order is None:
            raise LookupError("there is no such order")
        if status not in FOLLOWING[order.status]:
            raise NotNow(f"an order that is {order.status} cannot become {status}")
        return await self._advance(order, status, driver_id)

    async def run_by_itself(self, orders_per_second: float, customers: list[int], vendors: int, drivers: int) -> None:
        """Place so many orders per second, and move each on until it is delivered. Never returns."""
        async with asyncio.TaskGroup() as group:
            starts_at = time.monotonic()
            while True:
                await asyncio.sleep(starts_at - time.monotonic())
                starts_at += 1 / orders_per_second
                customer, vendor = self._dice.choice(customers), self._dice.randint(1, vendors)
                group.create_task(self._one_order(customer, vendor, self._dice.randint(1, drivers)))

    async def _one_order(self, customer_id: int, vendor_id: int, driver_id: int) -> None:
        order = await self.place_order(customer_id, vendor_id)
        while (status := next_status(order)) is not None:
            await asyncio.sleep(self._dice.uniform(*STATUS_SECONDS))
            order = await self._advance(order, status, driver_id)

    async def _advance(self, order: Order, status: str, driver_id: int) -> Order:
        driver = driver_id if status == "picked_up" else None
        return self._told(await self._shop.advance(order, status, driver))

    def _told(self, written: Written) -> Order:
        self._wrote(written)
        return written.order
