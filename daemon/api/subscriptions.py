"""Push subscriptions: which browsers of a person want pushes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from dispatchers.webpush.subscription import Subscription
from schema.tables import push_subscription as table

MOST_PER_PERSON = 20
"""Each one is a request for every push: more devices than anybody has, fewer than somebody could register."""


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that is subscribed."""

    endpoint: str
    user_agent: str | None
    created_at: datetime


class Subscriptions:
    def __init__(self, engine: AsyncEngine, *, allow_private_endpoints: bool) -> None:
        self._engine = engine
        self.allow_private_endpoints = allow_private_endpoints

    async def put(self, user_id: str, subscription: Subscription, user_agent: str | None) -> None:
        """Keep it, as this person's. A browser has one: whoever uses it last is who it pushes to."""
        values = {
            "user_id": user_id,
            "endpoint": str(subscription.url),
            **subscription.keys,
            "user_agent": user_agent,
        }
        upsert = insert(table).values(**values)
        upsert = upsert.on_conflict_do_update(
            index_elements=[table.c.endpoint], set_=values | {"created_at": func.now()}
        )
        newest = (
            select(table.c.id)
            .where(table.c.user_id == user_id)
            .order_by(table.c.created_at.desc(), table.c.id.desc())
            .limit(MOST_PER_PERSON)
        )
        async with self._engine.begin() as connection:
            await connection.execute(upsert)
            await connection.execute(
                delete(table).where(table.c.user_id == user_id, table.c.id.not_in(newest.scalar_subquery()))
            )

    async def of(self, user_id: str) -> Sequence[Device]:
        """This person's, the newest first."""
        query = select(table.c.endpoint, table.c.user_agent, table.c.created_at).where(table.c.user_id == user_id)
        async with self._engine.connect() as connection:
            rows = await connection.execute(query.order_by(table.c.created_at.desc(), table.c.id.desc()))
            return [Device(endpoint, agent, at.astimezone(UTC)) for endpoint, agent, at in rows]

    async def remove(self, user_id: str, endpoint: str) -> bool:
        """False where this person has no such subscription."""
        mine = delete(table).where(table.c.user_id == user_id, table.c.endpoint == endpoint)
        async with self._engine.begin() as connection:
            return (await connection.execute(mine)).rowcount > 0
