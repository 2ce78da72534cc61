"""The shop's own code: it reads and writes its tables by SQL, and does nothing else."""

import time
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Final, Self

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Literal

LIFECYCLE = ("pending", "confirmed", "preparing", "ready", "picked_up", "in_transit", "delivered")

FOLLOWING: dict[str, tuple[str, ...]] = {
    "pending": ("confirmed", "rejected", "cancelled"),
    "confirmed": ("preparing", "cancelled"),
    "preparing": ("ready", "cancelled"),
    "ready": ("picked_up", "cancelled"),
    "picked_up": ("in_transit",),
    "in_transit": ("delivered",),
    "delivered": ("refunded",),
    "cancelled": ("refunded",),
    "rejected": (),
    "refunded": (),
}
"""What the shop's buttons offer next, the usual way first."""

FIRST = "Ana Ben Cleo Dan Eve Finn Gia Hugo Ida Jon Kim Lou May Ned Oda Pia"
LAST = "Ash Birch Cove Dale Elm Fern Glen Heath Isle Juniper Kelp Lake Moss North Oak Pine"
KITCHENS = "Noodle House, Red Oven, Green Bowl, Taco Corner, Sea Table, Rice & Co, Pita Place, Soup Bar"

_COLUMNS: Final = "id, number, customer_id, vendor_id, driver_id, status, total"

AREA_CODES = [213, 312, 415, 617, 206, 303, 512, 305, 702, 404, 215, 503, 602, 713, 619, 313, 504, 612, 216]
"""Each has its own 555-0100 to 555-0199, kept for fiction."""


@dataclass(frozen=True, slots=True)
class Order:
    """A row of ``orders``."""

    id: int
    number: str
    customer_id: int
    vendor_id: int
    driver_id: int | None
    status: str
    total: Decimal


@dataclass(frozen=True, slots=True)
class Written:
    """A statement that was run, and the order as it stands now."""

    order: Order
    statement: str
    sent_at: float
    """``time.monotonic()`` just before the statement left: its commit came after."""


class Shop:
    """One connection of the shop's application, in autocommit: each call is one statement and one commit."""

    def __init__(self, connection: AsyncConnection[TupleRow]) -> None:
        self._connection = connection

    @classmethod
    async def connect(cls, url: str) -> Self:
        """A shop on a connection of its own."""
        return cls(await AsyncConnection.connect(url, autocommit=True, application_name="shop"))

    async def aclose(self) -> None:
        """End the connection."""
        await self._connection.close()

    async def open(self, customers: int = 1, vendors: int = 1) -> None:
        """Create the tables and the people: those on stage, and further ones up to the counts given.

        Raises ValueError when there are not enough telephone numbers for so many people.
        """
        if customers - 1 + vendors - 1 > len(AREA_CODES) * 100:
            raise ValueError("there are too few fictional telephone numbers for so many people")
        await self._connection.execute((files("demo") / "shop.sql").read_bytes())
        # Customers first, then owners of vendors; n counts all of them.
        await self._connection.execute(
            "INSERT INTO users (name, email, phone)"
            " SELECT (string_to_array(%(first)s, ' '))[n %% 16 + 1]"
            "        || ' ' || (string_to_array(%(last)s, ' '))[n / 16 %% 16 + 1],"
            "        'user' || n || '@example.com',"
            "        '+1' || (%(areas)s::int[])[n / 100 + 1] || '5550' || (100 + n %% 100)"
            " FROM generate_series(0, %(more)s - 1) n",
            {"first": FIRST, "last": LAST, "areas": AREA_CODES, "more": customers - 1 + vendors - 1},
        )
        await self._connection.execute(
            "INSERT INTO vendors (name, owner_id)"
            " SELECT (string_to_array(%(kitchens)s, ', '))[id %% 8 + 1] || ' No. ' || id, id FROM users"
            " WHERE id > 5 ORDER BY id DESC LIMIT %(more)s",
            {"kitchens": KITCHENS, "more": vendors - 1},
        )
        await self._connection.execute("ANALYZE")

    async def place_order(self, customer_id: int, vendor_id: int, total: Decimal) -> Written:
        """INSERT an order, which starts as pending."""
        statement = SQL("INSERT INTO orders (customer_id, vendor_id, total) VALUES ({}, {}, {})").format(
            Literal(customer_id), Literal(vendor_id), Literal(total)
        )
        return await self._run(statement)

    async def advance(self, order: Order, status: str, driver_id: int | None = None) -> Written:
        """UPDATE the status; a driver who accepts the order is written with it."""
        setting = SQL("status = {}").format(Literal(status))
        if driver_id is not None:
            setting += SQL(", driver_id = {}").format(Literal(driver_id))
        statement = SQL("UPDATE orders SET {}, updated_at = now() WHERE id = {}").format(setting, Literal(order.id))
        return await self._run(statement)

    async def order(self, key: int) -> Order | None:
        """The order as it stands."""
        cursor = await self._connection.execute(
            f"SELECT {_COLUMNS} FROM orders WHERE id = %s",
            (key,),
        )
        row = await cursor.fetchone()
        return Order(*row) if row else None

    async def _run(self, statement: Composed) -> Written:
        sent_at = time.monotonic()
        cursor = await self._connection.execute(statement + SQL(f" RETURNING {_COLUMNS}"))
        row = await cursor.fetchone()
        if row is None:
            raise LookupError("there is no such order")
        return Written(Order(*row), statement.as_string(), sent_at)


def next_status(order: Order) -> str | None:
    """The usual next status; None at the end."""
    following = LIFECYCLE.index(order.status) + 1 if order.status in LIFECYCLE else len(LIFECYCLE)
    return LIFECYCLE[following] if following < len(LIFECYCLE) else None
