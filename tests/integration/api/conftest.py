"""The REST API on a real socket, over a real PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from psycopg.sql import SQL, Identifier

from config import Settings
from daemon.api import HttpServer, Inbox, Tokens, create_app, create_engine
from daemon.api.admin import Admin
from daemon.api.database import LIMITS
from daemon.api.inbox.session import Session
from daemon.api.routes.admin import install as install_admin
from daemon.connections import Connections
from daemon.explain.explainer import Explainer
from daemon.feedback.record import Feedback
from daemon.policy import planning_of
from dispatchers.websocket import Reading
from dispatchers.websocket.frames import Outgoing

SECRET = "a secret of at least thirty-two bytes"

HTTP = {"port": 0, "requests_per_second": 1000.0}

CHANNELS = ("email", "sms", "webpush")


class Screens:
    """What everybody's connections are shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, dict[str, Any]]] = []

    def publish(self, user_id: str, frame: Outgoing) -> None:
        # Short frames, unmasked: two bytes before the text, or four (RFC 6455, 5.2).
        self.shown.append((user_id, json.loads(frame.data[frame.data.index(b"{") :])))

    def types(self) -> list[tuple[str, str]]:
        """Who, and what kind of frame."""
        return [(user, frame["type"]) for user, frame in self.shown]


class Api:
    """A running API, and what a test does with it."""

    def __init__(
        self,
        url: str,
        app: FastAPI,
        tokens: Tokens,
        database: psycopg.AsyncConnection[Any],
        checks: dict[str, str | None],
        screens: Screens,
    ) -> None:
        self.url = url
        self.app = app
        self.tokens = tokens
        self.database = database
        self.checks = checks
        self.screens = screens
        self.clients = AsyncExitStack()

    async def of(self, user_id: str | None, *roles: str, **headers: str) -> httpx.AsyncClient:
        """A client with that person's token; None for one without."""
        if user_id is not None:
            headers["Authorization"] = f"Bearer {self.tokens.mint(user_id, roles=frozenset(roles))}"
        client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20)
        return await self.clients.enter_async_context(client)

    async def store(self, user_id: str, *ids: int, **columns: Any) -> None:
        """Notifications with these ids; ``columns`` of all of them, and ``title`` and ``body`` of their messages."""
        words = {name: columns.pop(name, value) for name, value in (("title", "Ready"), ("body", "Soon."))}
        async with self.database.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO orderbell.message"
                " (id, event_id, audience, locale, title, body, text, url, action) VALUES"
                " (%s, 1, 'customer', 'en', %s, %s, 'Ready', 'https://shop.example/1', 'Look')",
                [(number, words["title"], words["body"]) for number in ids],
            )
            await cursor.executemany(
                "INSERT INTO orderbell.notification (id, event_id, message_id, user_id,"
                " event, subject, audience, category, priority, created_at)"
                " VALUES (%s, 1, %s, %s, 'order.ready', 'order:1', 'customer', 'order', 'normal', now())",
                [(number, number, user_id) for number in ids],
            )
            for name, value in columns.items():
                change = SQL("UPDATE orderbell.notification SET {} = %s WHERE id = ANY(%s)").format(Identifier(name))
                await cursor.execute(change, (value, list(ids)))

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return await (await self.database.execute(query)).fetchall()


Build = Callable[..., Awaitable[Api]]
"""Keyword arguments are sections of the settings; ``vapid_public_key`` is the server's. Nobody asks too often. With
``staff``, the admin routes are there as well.
"""


@pytest.fixture
def no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a lock waits for as long as the test lets it, and a busy machine takes longer than the API would.

    Use it by its mark: it comes before the API is built.
    """
    for name in LIMITS:
        monkeypatch.setitem(LIMITS, name, "0")
    monkeypatch.setattr(Session.__init__, "__defaults__", (3600.0,))


@pytest.fixture
async def build(database: str) -> AsyncIterator[Build]:
    async with AsyncExitStack() as stack:
        checks: dict[str, str | None] = {}

        async def readiness() -> dict[str, str | None]:
            return checks

        async def build(vapid_public_key: str | None = None, *, staff: bool = False, **sections: Any) -> Api:
            settings = Settings.model_validate(
                {"database": {"url": database}, "http": HTTP, "auth": {"secret": SECRET}} | sections
            )
            connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
            await stack.enter_async_context(connection)
            engine, of_the_hub = create_engine(settings.database), create_engine(settings.database, "orderbell hub")
            for each in (engine, of_the_hub):
                stack.push_async_callback(each.dispose)
            tokens, inbox = Tokens(settings.auth), Inbox(of_the_hub)
            planning, screens = planning_of(settings, CHANNELS, "test"), Screens()
            app = create_app(
                settings,
                tokens=tokens,
                engine=engine,
                inbox=inbox,
                reading=Reading(inbox, screens.publish),
                vapid_public_key=vapid_public_key,
                readiness=readiness,
                feedback=Feedback(Connections(settings.database).pool(), settings.delivery),
                obeyed=lambda: planning,
                publish=screens.publish,
            )
            if staff:
                of_settings = (planning.policy, planning.lookup)
                admin = Admin(
                    engine, Connections(settings.database), settings, *of_settings, explain=Explainer(settings)
                )
                install_admin(app, admin)
            server = HttpServer(app, settings.http, websocket=asyncio.Protocol)
            await server.start()
            serving = asyncio.create_task(server.run())
            stack.push_async_callback(asyncio.wait_for, serving, 30)
            stack.push_async_callback(server.stop)
            built = Api(server.url, app, tokens, connection, checks, screens)
            await stack.enter_async_context(built.clients)
            return built

        yield build


@pytest.fixture
async def api(build: Build) -> Api:
    return await build()


@pytest.fixture
async def whole(build: Build) -> Api:
    """With every route that there is, and rules for them to be about."""
    return await build(
        staff=True,
        people={"query": "SELECT u AS user_id FROM unnest(CAST(:ids AS text[])) u"},
        audience={"customer": {"query": "SELECT 'ann'"}},
        rule=[{"event": "order.ready", "audience": "customer", "channels": ["inbox", "email"]}],
    )
