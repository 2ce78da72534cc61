"""Who is in the shop: the people whom Orderbell should tell, as the shop's own tables have them."""

from dataclasses import dataclass
from typing import Self

from psycopg import AsyncConnection

from demo.shop import Order

CHANNELS = ("email", "sms", "webpush", "websocket")


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who is told, and the channels that reach them."""

    user_id: str
    name: str
    role: str
    """customer | vendor | driver"""
    email: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Cast:
    """Everyone, found by the keys that an order carries."""

    people: dict[str, Person]
    owner_of_vendor: dict[int, str]
    user_of_driver: dict[int, str]
    available: tuple[str, ...]
    """User ids of the drivers who are available."""

    @classmethod
    async def read(cls, url: str) -> Self:
        """Everyone in the shop's tables."""
        async with await AsyncConnection.connect(url) as connection:
            cursor = await connection.execute(
                "SELECT u.id::text, COALESCE(v.name, u.name),"
                " CASE WHEN v.id IS NOT NULL THEN 'vendor' WHEN d.id IS NOT NULL THEN 'driver'"
                "  ELSE 'customer' END,"
                " u.email, u.phone, v.id, d.id, d.available"
                " FROM users u LEFT JOIN vendors v ON v.owner_id = u.id"
                " LEFT JOIN drivers d ON d.user_id = u.id"
                " ORDER BY u.id"
            )
            rows = await cursor.fetchall()
        return cls(
            people={row[0]: Person(*row[:5]) for row in rows},
            owner_of_vendor={row[5]: row[0] for row in rows if row[5] is not None},
            user_of_driver={row[6]: row[0] for row in rows if row[6] is not None},
            available=tuple(row[0] for row in rows if row[7]),
        )

    def audience(self, name: str, order: Order) -> tuple[Person, ...]:
        """The people of audience ``name`` for ``order``.

        Raises KeyError for an audience that the shop does not have.
        """
        driver = () if order.driver_id is None else (self.user_of_driver[order.driver_id],)
        user_ids: dict[str, tuple[str, ...]] = {
            "customer": (str(order.customer_id),),
            "vendor": (self.owner_of_vendor[order.vendor_id],),
            "driver": driver,
            "available_drivers": self.available,
        }
        return tuple(self.people[user_id] for user_id in user_ids[name])
