"""The REST API on a real socket, over a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from config import Settings
from daemon.api import HttpServer, Inbox, Tokens, create_app, create_engine
from daemon.connections import Connections
from daemon.feedback.record import Feedback
from dispatchers.websocket import Hub

SECRET = "a secret of at least thirty-two bytes"


class Api:
    """A running API, and what a test does with it."""

    def __init__(
        self,
        url: str,
        app: FastAPI,
        tokens: Tokens,
        database: psycopg.AsyncConnection[Any],
        checks: dict[str, str | None],
    ) -> None:
        self.url = url
        self.app = app
        self.tokens = tokens
        self.database = database
        self.checks = checks
        self.clients = AsyncExitStack()

    async def of(self, user_id: str | None, **headers: str) -> httpx.AsyncClient:
        """A client with that person's token; None for one without."""
        if user_id is not None:
            headers["Authorization"] = f"Bearer {self.tokens.mint(user_id)}"
        client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20)
        return await self.clients.enter_async_context(client)

    async def store(self, user_id: str, *ids: int) -> None:
        async with self.database.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO orderbell.message"
                " (id, event_id, audience, locale, title, body, text, url, action) VALUES"
                " (%s, 1, 'customer', 'en', 'Ready', 'Soon.', 'Ready', 'https://shop.example/1', 'Look')",
                [(number,) for number in ids],
            )
            await cursor.executemany(
                "INSERT INTO orderbell.notification (id, event_id, message_id, user_id,"
                " event, subject, audience, category, priority, created_at)"
                " VALUES (%s, 1, %s, %s, 'order.ready', 'order:1', 'customer', 'order', 'normal', now())",
                [(number, number, user_id) for number in ids],
            )

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return await (await self.database.execute(query)).fetchall()


Build = Callable[..., Awaitable[Api]]
"""Keyword arguments are sections of the settings; ``vapid_public_key`` is the server's."""


@pytest.fixture
async def build(database: str) -> AsyncIterator[Build]:
    async with AsyncExitStack() as stack:
        checks: dict[str, str | None] = {}

        async def readiness() -> dict[str, str | None]:
            return checks

        async def build(vapid_public_key: str | None = None, **sections: Any) -> Api:
            settings = Settings.model_validate(
                {"database": {"url": database}, "http": {"port": 0}, "auth": {"secret": SECRET}} | sections
            )
            connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
            await stack.enter_async_context(connection)
            engine = create_engine(settings.database)
            stack.push_async_callback(engine.dispose)
            tokens, inbox = Tokens(settings.auth), Inbox(engine)
            hub = Hub(settings.hub, settings.http.allowed_origins, authenticate=tokens.verify, inbox=inbox)
            app = create_app(
                settings,
                tokens=tokens,
                engine=engine,
                inbox=inbox,
                reading=hub.reading,
                vapid_public_key=vapid_public_key,
                readiness=readiness,
                feedback=Feedback(Connections(settings.database).pool(), settings.delivery),
            )
            server = HttpServer(app, settings.http, websocket=hub.protocol_class())
            await server.start()
            serving = asyncio.create_task(server.run())
            stack.push_async_callback(asyncio.wait_for, serving, 10)
            stack.push_async_callback(server.stop)
            built = Api(server.url, app, tokens, connection, checks)
            await stack.enter_async_context(built.clients)
            return built

        yield build


@pytest.fixture
async def api(build: Build) -> Api:
    return await build()
