"""The hub as it runs: uvicorn on a real socket, a real PostgreSQL, and a stand-in for the planner."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect

from config import Settings
from config.names import Category, Priority
from daemon.api import HttpServer, Inbox, Tokens, create_app, create_engine
from daemon.connections import Connections
from daemon.feedback.record import Feedback
from dispatchers.base import Delivery
from dispatchers.websocket import Hub

SECRET = "a secret of at least thirty-two bytes"
PATIENCE_SECONDS = 10.0


class Client:
    """A browser, more or less."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.welcome: dict[str, Any] = {}

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def frame(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            frame: dict[str, Any] = json.loads(await self.socket.recv())
            return frame

    async def frames(self, count: int) -> list[dict[str, Any]]:
        return [await self.frame() for _ in range(count)]

    async def ids(self, count: int) -> list[int]:
        """Of the next so many frames, which are all ``new_notification``."""
        frames = await self.frames(count)
        assert {frame["type"] for frame in frames} <= {"new_notification"}, frames
        return [frame["id"] for frame in frames]

    async def closed(self) -> int:
        """Wait for the end; the close code."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code

    async def is_quiet(self) -> bool:
        """Nothing was on its way: an answer to a ping is the next thing that comes."""
        await self.send(type="ping")
        return await self.frame() == {"type": "pong"}


@dataclass
class House:
    """A running server, and what a test does around it."""

    hub: Hub
    inbox: Inbox
    server: HttpServer
    tokens: Tokens
    database: psycopg.AsyncConnection[Any]
    clients: AsyncExitStack
    last_id: int = 0
    sent: dict[str, list[int]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.server.url.replace("http", "ws") + "/ws"

    async def open(self, **options: Any) -> Client:
        """Connected, and nothing said yet."""
        # No limit to the queue: with one, the library's close() waits in vain for frames that nobody takes out.
        options = {"compression": None, "max_size": 2**24, "max_queue": None} | options
        return Client(await self.clients.enter_async_context(connect(self.url, **options)))

    async def come(self, user_id: str = "ann", *, after: int | None = None, **options: Any) -> Client:
        """Connected, and welcome."""
        client = await self.open(**options)
        await client.send(type="hello", token=self.tokens.mint(user_id), after=after)
        client.welcome = await client.frame()
        assert client.welcome["type"] == "welcome", client.welcome
        return client

    async def store(self, user_id: str = "ann", count: int = 1, *, body: str = "Soon.") -> list[Delivery]:
        """As the planner commits: rows in one transaction, with the next ids."""
        ids = range(self.last_id + 1, self.last_id + count + 1)
        self.last_id += count
        now = datetime.now(UTC)
        async with self.database.transaction(), self.database.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO orderbell.message (id, event_id, audience, locale, title, body, text)"
                " VALUES (%s, 1, 'customer', 'en', 'Ready', %s, 'Ready')",
                [(number, body) for number in ids],
            )
            await cursor.executemany(
                "INSERT INTO orderbell.notification (id, event_id, message_id, user_id,"
                " event, subject, audience, category, priority, created_at)"
                " VALUES (%s, 1, %s, %s, 'order.ready', 'order:1', 'customer', 'order', 'normal', %s)",
                [(number, number, user_id, now) for number in ids],
            )
        self.sent.setdefault(user_id, []).extend(ids)
        return [delivery(user_id, number, body=body, created_at=now) for number in ids]

    async def tell(self, user_id: str = "ann", count: int = 1, *, body: str = "Soon.") -> list[int]:
        """As the planner does: commit, then give to the hub. The ids."""
        deliveries = await self.store(user_id, count, body=body)
        await self.hub.send(deliveries)
        return [one.notification_id for one in deliveries]


def delivery(
    user_id: str, notification_id: int, *, body: str = "Soon.", created_at: datetime | None = None
) -> Delivery:
    now = created_at or datetime.now(UTC)
    return Delivery(
        id=0,
        attempt=1,
        channel="websocket",
        address=user_id,
        notification_id=notification_id,
        user_id=user_id,
        recipient_name="Ann",
        locale="en",
        event="order.ready",
        subject="order:1",
        audience="customer",
        category=Category.ORDER,
        priority=Priority.NORMAL,
        title="Ready",
        body=body,
        text="Ready",
        url=None,
        action=None,
        created_at=now,
        expires_at=now + timedelta(days=1),
    )


async def nothing_to_check() -> dict[str, str | None]:
    return {}


Build = Callable[..., Awaitable[House]]
"""Keyword arguments are settings of the section ``hub``; ``origins`` are the allowed ones."""


@asynccontextmanager
async def running(database: str, *, origins: tuple[str, ...] = (), **limits: Any) -> AsyncIterator[House]:
    settings = Settings.model_validate(
        {
            "database": {"url": database},
            "http": {"port": 0, "allowed_origins": origins},
            "hub": limits,
            "auth": {"secret": SECRET, "leeway_seconds": 0},
        }
    )
    async with AsyncExitStack() as stack:
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
            vapid_public_key=None,
            readiness=nothing_to_check,
            feedback=Feedback(Connections(settings.database).pool(), settings.delivery),
        )
        server = HttpServer(app, settings.http, websocket=hub.protocol_class())
        await server.start()
        stack.push_async_callback(hub.stop)
        serving = asyncio.create_task(server.run())
        stack.push_async_callback(asyncio.wait_for, serving, PATIENCE_SECONDS)
        stack.push_async_callback(server.stop)
        clients = await stack.enter_async_context(AsyncExitStack())
        yield House(hub, inbox, server, tokens, connection, clients)


@pytest.fixture
async def build(database: str) -> AsyncIterator[Build]:
    """Builds a house with limits of its own."""
    async with AsyncExitStack() as stack:

        async def build(**limits: Any) -> House:
            return await stack.enter_async_context(running(database, **limits))

        yield build


@pytest.fixture
async def house(build: Build) -> House:
    """One with room enough that no test meets a limit by accident."""
    return await build(messages_per_second=1000)


@pytest.fixture
def make_delivery() -> Callable[..., Delivery]:
    return delivery
