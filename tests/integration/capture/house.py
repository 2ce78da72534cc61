"""A shop whose orders are captured from the log and planned."""

import asyncio
from typing import Any

import psycopg

from config import Settings
from daemon.capture.changelog.reader import ChangeLog
from daemon.connections import Connections
from schema.install import install
from tests.integration.store.conftest import SHOP, Bench, NoRoom, settings_for
from tests.sources import ended, identify

SECONDS = 30.0


class House:
    """A shop whose orders are planned, and a reader that comes and goes."""

    def __init__(self, url: str) -> None:
        self.app = psycopg.connect(url, autocommit=True)
        self.app.execute(SHOP)
        identify(self.app, ["orders"])
        self.url = url
        self.configure(capture={"source": "wal", "heartbeat_seconds": 0.2})
        install(self.settings)
        self.bench = Bench(url, self.settings, NoRoom())
        self._task: asyncio.Task[None] | None = None
        self._planner: asyncio.Task[None] | None = None

    def configure(self, **sections: Any) -> None:
        """For the reader that begins next."""
        plain = settings_for(self.url).model_dump(exclude_unset=True)
        self.settings = Settings.model_validate(plain | {"database": {"url": self.url}} | sections)

    async def install(self) -> None:
        await asyncio.to_thread(install, self.settings)

    def begin(self) -> None:
        self.reader = ChangeLog(Connections(self.settings.database), self.settings)
        self._task = asyncio.create_task(self.reader.run())

    def begin_to_plan(self) -> None:
        """All the time, from now on; else changes are planned when somebody waits for them."""
        self._planner = asyncio.create_task(self.bench.planner.run())

    async def reader_is_live(self) -> None:
        async with asyncio.timeout(SECONDS):
            await self.reader.live.wait()

    async def leave(self) -> None:
        """The reader ends, and another one may have taken its slot by now."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def end(self) -> None:
        if self._task is not None:
            await ended(self._task, self.app)
            self._task = None

    async def planned(self, order: int, status: str) -> None:
        """Until that was planned; what comes before it is planned too."""
        event = "order.created" if status == "pending" else f"order.{status}"
        async with asyncio.timeout(SECONDS):
            while (str(order), event) not in self.events():
                if self._task is not None and self._task.done():
                    self._task.result()
                if self._planner is None:
                    await self.bench.plan()
                await asyncio.sleep(0.02)

    def events(self) -> list[tuple[Any, ...]]:
        return self.app.execute("SELECT key, name FROM orderbell.event ORDER BY id").fetchall()

    def place(self, number: int) -> None:
        self.app.execute(
            "INSERT INTO orders (status, customer_id, vendor_id) SELECT 'pending', 1, 2 FROM generate_series(1, %s)",
            (number,),
        )

    def advance(self, order: int, *statuses: str) -> None:
        for status in statuses:
            self.app.execute("UPDATE orders SET status = %s WHERE id = %s", (status, order))

    def drop_slot(self) -> None:
        self.app.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()"
        )

    async def close(self) -> None:
        await self.end()
        if self._planner is not None:
            self._planner.cancel()
            await asyncio.gather(self._planner, return_exceptions=True)
        self.bench.close()
        self.app.close()
