"""The application: it writes orders at a pace that makes so many notifications a second, and knows what it wrote."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from psycopg import AsyncConnection

TABLES = """
CREATE TABLE people (id int PRIMARY KEY, name text);
CREATE TABLE orders (id serial PRIMARY KEY, status text NOT NULL, customer_id int NOT NULL, vendor_id int NOT NULL,
    driver_id int, offered_to int[]);
"""
SETTINGS: dict[str, Any] = {
    "preset": None,
    "watch": [{"table": "orders", "columns": ["customer_id", "vendor_id", "driver_id"]}],
    "people": {"query": "SELECT id AS user_id, name FROM people WHERE id = ANY(:ids)"},
    "audience": {
        "customer": {"column": "customer_id"},
        "vendor": {"column": "vendor_id"},
        "driver": {"column": "driver_id"},
        "available_drivers": {"query": "SELECT id, unnest(offered_to) FROM orders WHERE id = ANY(:keys)"},
    },
    "rule": [
        *({"event": "order.created", "audience": audience} for audience in ("customer", "vendor")),
        {"event": "order.ready", "audience": "available_drivers", "withdraw_on": ["order.picked_up"]},
        *({"event": "order.picked_up", "audience": audience} for audience in ("customer", "driver")),
        *({"event": "order.delivered", "audience": audience} for audience in ("customer", "vendor", "driver")),
    ],
}
PLACE = "INSERT INTO orders (status, customer_id, vendor_id) VALUES ('created', %s, %s) RETURNING id"
ADVANCE = "UPDATE orders SET status = %s, driver_id = %s, offered_to = %s WHERE id = %s"

OFFERED = 0.15
"""How often an order is offered to several drivers before one takes it."""
MOST_OPEN = 200
"""Orders under way at once."""


class Told(NamedTuple):
    """One notification that a write must have made."""

    user_id: str
    subject: str
    event: str
    audience: str


class Order(NamedTuple):
    id: int
    customer: int
    vendor: int
    status: str = "created"
    driver: int | None = None
    offered: Sequence[int] = ()

    def told(self) -> Iterator[Told]:
        """Whom its status is told."""
        people: dict[str, Sequence[int | None]] = {
            "customer": [self.customer],
            "vendor": [self.vendor],
            "driver": [self.driver],
        }
        for rule in SETTINGS["rule"]:
            if rule["event"] == f"order.{self.status}":
                for person in people.get(rule["audience"], self.offered):
                    yield Told(str(person), f"order:{self.id}", rule["event"], rule["audience"])


async def open_shop(url: str, people: int) -> None:
    """Make its tables, with ``people`` in them: 1, 2 and so on."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(TABLES.encode())
        await connection.execute(
            "INSERT INTO people SELECT n, 'Person ' || n FROM generate_series(1, %s::int) n", (people,)
        )


class Shop:
    """``rate`` is notifications a second."""

    def __init__(self, url: str, people: int, rate: float, dice: random.Random) -> None:
        self.told: Counter[Told] = Counter()
        self.notifications = 0
        self._url = url
        self._people = range(1, people + 1)
        self._rate = rate
        self._dice = dice
        self._open: list[Order] = []

    async def trade(self, seconds: float, writers: int = 3) -> None:
        """Write for so long."""
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def write() -> None:
            async with await AsyncConnection.connect(self._url, autocommit=True) as connection:
                while (elapsed := loop.time() - began) < seconds:
                    await asyncio.sleep(self.notifications / self._rate - elapsed)
                    order = await self._step(connection)
                    told = list(order.told())
                    self.told.update(told)
                    self.notifications += len(told)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(writers):
                tasks.create_task(write())

    async def _step(self, connection: AsyncConnection[Any]) -> Order:
        dice = self._dice
        if len(self._open) < MOST_OPEN and (not self._open or dice.random() < 0.4):
            customer, vendor = dice.sample(self._people, 2)
            cursor = await connection.execute(PLACE, (customer, vendor))
            row = await cursor.fetchone()
            assert row is not None
            order = Order(row[0], customer, vendor)
        else:
            order = self._advanced(self._open.pop(dice.randrange(len(self._open))))
            await connection.execute(ADVANCE, (order.status, order.driver, list(order.offered) or None, order.id))
        if order.status != "delivered":
            self._open.append(order)
        return order

    def _advanced(self, order: Order) -> Order:
        if order.status == "created" and self._dice.random() < OFFERED:
            return order._replace(status="ready", offered=self._dice.sample(self._people, 3))
        if order.status == "picked_up":
            return order._replace(status="delivered")
        return order._replace(status="picked_up", driver=self._dice.choice(order.offered or self._people))
