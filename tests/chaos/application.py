"""The application: writers that place orders and move them on by SQL, and know nothing of Orderbell.

When the database goes away amid a statement, the application does what applications do: it connects again and looks
whether its write is there. What it counts is what it knows to be committed.
"""

import asyncio
import itertools
import random
from collections.abc import Callable
from decimal import Decimal

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row

from demo.shop import FOLLOWING, Order

COLUMNS = "id, number, customer_id, vendor_id, driver_id, status, total"
PLACE = f"INSERT INTO orders (customer_id, vendor_id, total, note) VALUES (%s, %s, %s, %s) RETURNING {COLUMNS}"
ADVANCE = f"UPDATE orders SET status = %s, driver_id = %s WHERE id = %s RETURNING {COLUMNS}"
PLACED = f"SELECT {COLUMNS} FROM orders WHERE note = %s"
ADVANCED = f"SELECT {COLUMNS} FROM orders WHERE id = %s AND status = %s"

ANOTHER_WAY = 0.1
"""How often an order takes another than the usual way: cancelled, rejected, refunded."""
AWAY_SECONDS = 0.1
"""Between tries while the database is away."""

_tokens = itertools.count(1)


class Writer:
    """One connection of the application, and the orders that it looks after."""

    def __init__(self, url: str, dice: random.Random, committed: Callable[[Order], None]) -> None:
        """``committed`` is told of each order as it stood after a commit."""
        self.looked_up = 0
        """Commits whose answer was lost, and that were found to have happened."""
        self.put_off = 0
        """Statements that were run again."""
        self._url = url
        self._dice = dice
        self._committed = committed
        self._open: list[Order] = []
        self._connection: AsyncConnection[Order] | None = None

    async def run(self, people: tuple[int, int, int], pause_seconds: float, stop: asyncio.Event) -> None:
        """Write until ``stop``; ``people`` are the numbers of customers, vendors and drivers."""
        try:
            while not stop.is_set():
                if not self._open or self._dice.random() < 0.2:
                    order = await self._place(people)
                else:
                    order = await self._advance(self._open.pop(self._dice.randrange(len(self._open))), people)
                self._committed(order)
                if FOLLOWING[order.status] and not (order.status == "delivered" and self._dice.random() > ANOTHER_WAY):
                    self._open.append(order)
                try:
                    # Bursts and pauses, as people make them.
                    async with asyncio.timeout(self._dice.expovariate(1 / pause_seconds)):
                        await stop.wait()
                except TimeoutError:
                    continue
        finally:
            if self._connection is not None:
                await self._connection.close()

    async def _place(self, people: tuple[int, int, int]) -> Order:
        customers, vendors, _ = people
        # Users 2 to 5 of the shop are its vendor and its drivers.
        customer = self._dice.choice([1, *range(6, 5 + customers)])
        token = f"token {next(_tokens)}"
        values = (customer, self._dice.randint(1, vendors), Decimal(self._dice.randint(900, 4800)) / 100, token)
        return await self._write(PLACE, values, PLACED, (token,))

    async def _advance(self, order: Order, people: tuple[int, int, int]) -> Order:
        usual, *others = FOLLOWING[order.status]
        status = self._dice.choice(others) if others and self._dice.random() < ANOTHER_WAY else usual
        driver = self._dice.randint(1, people[2]) if status == "picked_up" else order.driver_id
        return await self._write(ADVANCE, (status, driver, order.id), ADVANCED, (order.id, status))

    async def _write(self, query: str, values: tuple[object, ...], look: str, token: tuple[object, ...]) -> Order:
        uncertain = False
        while True:
            try:
                connection = await self._connected()
                if uncertain and (found := await _one(connection, look, token)):
                    self.looked_up += 1
                    return found
                if written := await _one(connection, query, values):
                    return written
                raise LookupError("there is no such order")
            except (psycopg.OperationalError, psycopg.InterfaceError):
                uncertain = True
                self.put_off += 1
                if self._connection is not None:
                    await self._connection.close()
                    self._connection = None
                await asyncio.sleep(AWAY_SECONDS)

    async def _connected(self) -> AsyncConnection[Order]:
        if self._connection is None:
            self._connection = await AsyncConnection.connect(
                self._url, autocommit=True, connect_timeout=5, row_factory=class_row(Order), application_name="shop"
            )
        return self._connection


async def _one(connection: AsyncConnection[Order], query: str, values: tuple[object, ...]) -> Order | None:
    async with connection.cursor() as cursor:
        await cursor.execute(query.encode(), values)
        return await cursor.fetchone()
