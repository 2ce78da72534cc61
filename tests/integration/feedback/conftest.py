"""What comes back, over a real PostgreSQL and through real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from config import Settings
from config.settings import Database, DeliverySettings
from daemon.api import HttpServer, Inbox, Tokens, create_app, create_engine
from daemon.connections import Connections, Pool
from daemon.feedback.record import Feedback
from daemon.policy import planning_of
from dispatchers.websocket import Hub

SECRET = "a secret of at least thirty-two bytes"

Rows = Callable[..., list[dict[str, Any]]]
"""A query and its parameters -> its rows."""

SentDelivery = Callable[..., Awaitable[int]]
"""``sent(channel, address, provider_id)`` -> the id of a delivery that a provider took."""


@pytest.fixture
def rows(database: str) -> Iterator[Rows]:
    with psycopg.connect(database, autocommit=True, row_factory=dict_row) as connection:

        def rows(query: str, *parameters: object) -> list[dict[str, Any]]:
            cursor = connection.execute(query.encode(), parameters)
            return cursor.fetchall() if cursor.description is not None else []

        yield rows


@pytest.fixture
def delivery_settings() -> DeliverySettings:
    return DeliverySettings(max_attempts=3, retry_base_seconds=30)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = Connections(Database.model_validate({"url": database})).pool()
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
def feedback(pool: Pool, delivery_settings: DeliverySettings) -> Feedback:
    return Feedback(pool, delivery_settings, "US")


@pytest.fixture
def sent(rows: Rows) -> SentDelivery:
    """Puts a delivery into the history. Keyword arguments: ``attempt``, ``expires_in_seconds``."""

    async def sent(channel: str, address: str, provider_id: str | None = None, **given: Any) -> int:
        (row,) = rows("SELECT nextval('orderbell.delivery_id_seq') AS id")
        id_: int = row["id"]
        rows(
            "INSERT INTO orderbell.message (id, event_id, audience, locale, title, body, text)"
            " VALUES (%s, 1, 'customer', 'en', 'title', 'body', 'text')",
            id_,
        )
        rows(
            "INSERT INTO orderbell.notification (id, event_id, message_id, user_id, event, subject, audience,"
            " category, priority, created_at, expires_at) VALUES (%s, 1, %s, 'u', 'order.ready', 'order:' || %s::text,"
            " 'customer', 'order', 'normal', now(), now() + make_interval(secs => %s))",
            id_,
            id_,
            id_,
            given.get("expires_in_seconds", 3600),
        )
        rows(
            "INSERT INTO orderbell.delivery_history (id, notification_id, channel, address, state, attempt, provider,"
            " provider_id, finished_at) VALUES (%s, %s, %s, %s, 'sent', %s, 'main', %s, now())",
            id_,
            id_,
            channel,
            address,
            given.get("attempt", 1),
            provider_id,
        )
        return id_

    return sent


@dataclass(frozen=True)
class Served:
    """The API, on a port of its own."""

    url: str
    settings: Settings
    client: httpx.AsyncClient


Serve = Callable[..., Awaitable[Served]]
"""Keyword arguments are sections of the settings."""


@pytest.fixture
async def serve(database: str) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def nothing_to_check() -> dict[str, str | None]:
            return {}

        async def serve(**sections: dict[str, Any]) -> Served:
            sections["database"] = {"url": database} | sections.get("database", {})
            sections["http"] = {"port": 0} | sections.get("http", {})
            settings = Settings.model_validate({"auth": {"secret": SECRET}} | sections)
            engine = create_engine(settings.database)
            stack.push_async_callback(engine.dispose)
            pool = Connections(settings.database).pool()
            await pool.open()
            stack.push_async_callback(pool.close)
            tokens, inbox = Tokens(settings.auth), Inbox(engine)
            hub = Hub(settings.hub, settings.http.allowed_origins, authenticate=tokens.verify, inbox=inbox)
            app = create_app(
                settings,
                tokens=tokens,
                engine=engine,
                inbox=inbox,
                reading=hub.reading,
                vapid_public_key=None,
                readiness=nothing_to_check,
                feedback=Feedback(pool, settings.delivery, settings.sms.default_region),
                obeyed=lambda: planning_of(settings, (), "node"),
            )
            server = HttpServer(app, settings.http, websocket=hub.protocol_class())
            await server.start()
            serving = asyncio.create_task(server.run())
            stack.push_async_callback(asyncio.wait_for, serving, 60)
            stack.push_async_callback(server.stop)
            client = httpx.AsyncClient(base_url=server.url, timeout=60)
            await stack.enter_async_context(client)
            return Served(server.url, settings, client)

        yield serve
