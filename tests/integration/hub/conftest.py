"""The hub as it runs: uvicorn on a real socket, a real PostgreSQL, and a stand-in for the planner."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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
from daemon.policy import planning_of
from dispatchers.base import Delivery
from dispatchers.websocket import Announcement, Bulletins, Hub, Location, Rooms, Status
from dispatchers.websocket.contract import Admission

SECRET = "a secret of at least thirty-two bytes"
PATIENCE_SECONDS = 30.0
"""For what is to come: a busy machine may need some seconds for anything."""


class Client:
    """A browser, more or less."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.welcome: dict[str, Any] = {}
        self.since: str | None = None
        """Of the last ``caught_up``."""
        self.reads_all = False
        """``caught_up`` too: it comes after each welcome, and few tests are about it."""

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def frame(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                frame: dict[str, Any] = json.loads(await self.socket.recv())
                if frame["type"] == "caught_up":
                    self.since = frame["since"]
                if self.reads_all or frame["type"] != "caught_up":
                    return frame

    async def caught_up(self) -> str:
        """What to say as ``since`` the next time, once everything else was read."""
        while self.since is None:
            assert await self.is_quiet()
        return self.since

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

    async def subscribe(self, room: str = "order:1") -> dict[str, Any]:
        """The answer."""
        await self.send(type="subscribe", room=room)
        return await self.frame()


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

    async def come(
        self,
        user_id: str = "ann",
        *,
        after: int | None = None,
        since: str | None = None,
        roles: frozenset[str] = frozenset(),
        **options: Any,
    ) -> Client:
        """Connected, and welcome."""
        client = await self.open(**options)
        await client.send(type="hello", token=self.tokens.mint(user_id, roles=roles), after=after, since=since)
        client.welcome = await client.frame()
        assert client.welcome["type"] == "welcome", client.welcome
        return client

    def pass_time(self, seconds: float) -> None:
        """For the hub it is so much later from now on."""
        now = self.hub.now
        self.hub.now = lambda: now() + seconds

    def stop_time(self) -> None:
        """For the hub it stays as late as it is: nothing grows old, however long a step of the test takes."""
        now = self.hub.now()
        self.hub.now = lambda: now

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
                " event, subject, audience, category, priority, created_at, expires_at)"
                " VALUES (%s, 1, %s, %s, 'order.ready', 'order:1', 'customer', 'order', 'normal', %s, %s)",
                [(number, number, user_id, now, now + timedelta(days=1)) for number in ids],
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


class Doors:
    """Who may be in which room, as a test says it: the application's tables are another test's."""

    def __init__(self) -> None:
        self.people: dict[str, dict[str, bool]] = {}
        """Room -> who may be in it, and whether they say where they are."""
        self.statuses: dict[str, Status] = {}
        self.asked = 0
        self.gate = asyncio.Event()
        """Answers that were read wait for this."""
        self.gate.set()
        self.away = False

    async def admit(self, room: str, people: Sequence[tuple[str, frozenset[str]]]) -> list[Admission | None]:
        self.asked += 1
        if self.away:
            raise ConnectionError("gone")
        inside, status = dict(self.people.get(room, {})), self.statuses.get(room)
        answers = [
            Admission(status, inside.get(user_id, False)) if user_id in inside or "staff" in roles else None
            for user_id, roles in people
        ]
        await self.gate.wait()
        return answers


class Board:
    """The announcements of a test."""

    def __init__(self) -> None:
        self.now: list[Announcement] = []

    async def current(self, user_id: str, roles: frozenset[str]) -> list[Announcement]:
        return list(self.now)


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def status() -> Callable[..., Status]:
    def made(value: str = "ready", room: str = "order:1") -> Status:
        return Status(room, f"order.{value}", value, datetime.now(UTC))

    return made


@pytest.fixture
def place() -> Callable[..., Location]:
    def made(lat: float = 52.5, room: str = "order:1") -> Location:
        return Location(room, lat, 13.4, None, None, None, datetime.now(UTC))

    return made


@pytest.fixture
def announcement() -> Callable[..., Announcement]:
    def made(number: int = 1) -> Announcement:
        return Announcement(number, "info", "Closed", "Tomorrow.", None, None, datetime.now(UTC), None)

    return made


async def nothing_to_check() -> dict[str, str | None]:
    return {}


Build = Callable[..., Awaitable[House]]
"""Keyword arguments are settings of the section ``hub``; ``origins`` are the allowed ones; ``cookie``, ``rooms``,
``bulletins`` and ``queries`` are what the hub is given."""


@asynccontextmanager
async def running(
    database: str,
    *,
    origins: tuple[str, ...] = (),
    cookie: str | None = None,
    rooms: Rooms | None = None,
    bulletins: Bulletins | None = None,
    queries: int = 8,
    **limits: Any,
) -> AsyncIterator[House]:
    settings = Settings.model_validate(
        {
            "database": {"url": database},
            "http": {"port": 0, "allowed_origins": origins},
            "hub": {"close_seconds": 0} | limits,
            "auth": {"secret": SECRET, "leeway_seconds": 0, "cookie": cookie},
        }
    )
    async with AsyncExitStack() as stack:
        connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
        await stack.enter_async_context(connection)
        engine = create_engine(settings.database)
        stack.push_async_callback(engine.dispose)
        tokens, inbox = Tokens(settings.auth), Inbox(engine)
        hub = Hub(
            settings.hub,
            settings.http.allowed_origins,
            authenticate=tokens.verify,
            inbox=inbox,
            cookie=settings.auth.cookie,
            rooms=rooms,
            bulletins=bulletins,
            queries=queries,
        )
        app = create_app(
            settings,
            tokens=tokens,
            engine=engine,
            inbox=inbox,
            reading=hub.reading,
            vapid_public_key=None,
            readiness=nothing_to_check,
            feedback=Feedback(Connections(settings.database).pool(), settings.delivery),
            obeyed=lambda: planning_of(settings, (), "node"),
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


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(name="until")
def until_(  # a fixture, since test modules do not import each other
) -> Callable[[Callable[[], bool]], Awaitable[None]]:
    return until


@pytest.fixture
def make_delivery() -> Callable[..., Delivery]:
    return delivery
