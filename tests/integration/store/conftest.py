"""A planner on a real database, driven one batch at a time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from config import Settings
from config.load import preset_rules
from daemon.capture.doorbell import Doorbell
from daemon.connections import QUEUE, Connections
from daemon.planning.whereabouts import Sighting
from daemon.policy import planning_of
from daemon.store.planner import Planner
from daemon.store.withdraw import TakenBack
from dispatchers.base import Delivery
from dispatchers.websocket.contract import Status
from schema.install import install

SHOP = """
CREATE TABLE people (id int PRIMARY KEY, name text, email text, phone text, locale text);
INSERT INTO people VALUES
    (1, 'Cora', 'cora@example.com', '+442079460001', 'en'), (2, 'Vic''s', 'vic@example.com', NULL, NULL),
    (3, 'Dee', NULL, '+442079460003', 'de-AT'), (4, 'Dan', 'dan@example.com', '+442079460004', NULL);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status text, customer_id int, vendor_id int,
                     driver_id int, note text);
"""


def settings_for(url: str, **changes: Any) -> Settings:
    """The preset on this shop."""
    values: dict[str, Any] = {
        "database": {"url": url},
        "watch": [{"table": "orders", "columns": ["customer_id", "vendor_id", "driver_id", "note"]}],
        "people": {"query": "SELECT id AS user_id, name, email, phone, locale FROM people WHERE id = ANY(:ids)"},
        "audience": {
            "customer": {"column": "customer_id"},
            "vendor": {"column": "vendor_id"},
            "driver": {"column": "driver_id"},
            "staff": {"query": "SELECT id FROM people WHERE id < 3"},
            "available_drivers": {
                "query": "SELECT o.id, p.id FROM orders o, people p WHERE p.id IN (3, 4) AND o.id = ANY(:keys)"
            },
        },
        "rule": preset_rules("delivery")["rule"],
        **changes,
    }
    values["watch"][0].setdefault("events", preset_rules("delivery")["events"]["order"])
    return Settings.model_validate(values)


class NoRoom:
    """Workers that take nothing: every delivery waits in the database."""

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self.reserved = 0
        self.accepted: list[Delivery] = []

    def reserve(self, channel: str, wanted: int) -> int:
        granted = min(wanted, self.room - self.reserved)
        self.reserved += granted
        return granted

    def release(self, channel: str, count: int) -> None:
        self.reserved -= count

    def accept(self, deliveries: Sequence[Delivery]) -> None:
        self.accepted += deliveries
        self.reserved -= len(deliveries)


class Bench:
    """The planner under test, and what it wrote."""

    def __init__(self, url: str, settings: Settings, room: NoRoom) -> None:
        self.url = url
        self.room = room
        self.published: list[Delivery] = []
        self.taken_back: list[TakenBack] = []
        self.shown: list[Status] = []
        self.seen: list[Sighting] = []
        self.listeners: set[str] | None = None
        """Who looks on; None: everybody."""
        self.caught_up: list[float] = []
        self.connections = Connections(settings.database)
        self.planner = Planner(
            self.connections.open,
            Doorbell(self.connections.open, settings.capture),
            planning_of(settings, ("email", "sms", "webpush"), "test-node"),
            room,
            self,
        )
        self._app = psycopg.connect(url, autocommit=True)

    # What the planner shows at once.

    followed = True

    def publish(self, deliveries: Sequence[Delivery]) -> None:
        self.published += deliveries

    def take_back(self, gone: Sequence[TakenBack]) -> None:
        self.taken_back += gone

    def show(self, statuses: Sequence[Status]) -> None:
        self.shown += statuses

    def sighted(self, sightings: Sequence[Sighting]) -> None:
        self.seen += sightings

    def listening(self, user_id: str) -> bool:
        return self.listeners is None or user_id in self.listeners

    def concerns(self, user_id: str) -> bool:
        return self.listening(user_id)

    def catch_up(self, since: float) -> None:
        self.caught_up.append(since)

    # What the application does, and what there is.

    def sql(self, query: str, *parameters: Any) -> None:
        """The application writes."""
        self._app.execute(query.encode(), parameters or None)

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        with self._app.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), parameters or None).fetchall()

    def close(self) -> None:
        self._app.close()

    async def plan(self) -> None:
        """Plan what there is, batch by batch, and come back."""
        async with await self.connections.open("a planner for a moment", **QUEUE) as connection:
            try:
                while await self.planner._drain(connection):
                    pass
            finally:
                await self.leave()

    async def leave(self) -> None:
        """As a planner does that loses its place."""
        if self.planner._reader is not None:
            await self.planner._reader.close()

    async def until_asleep(self) -> None:
        """Let the planner run until nothing is left to plan."""
        task = asyncio.create_task(self.planner.run())
        try:
            async with asyncio.timeout(30):
                await self.planner._doorbell.asleep.wait()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def room() -> NoRoom:
    return NoRoom()


@pytest.fixture
async def bench(any_empty_database: str, room: NoRoom) -> AsyncIterator[Bench]:
    with psycopg.connect(any_empty_database) as connection:
        connection.execute(SHOP)
    settings = settings_for(any_empty_database)
    install(settings)
    made = Bench(any_empty_database, settings, room)
    yield made
    await made.leave()
    made.close()
