"""What a browser of each person does: it subscribes to pushes through the API, and listens to the hub."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect

from config import Settings
from daemon.api.auth import Tokens
from demo.arrival import Arrival, order_of
from demo.sinks.push import PushSink


class RefusedByHub(RuntimeError):
    """The hub says that our side of the protocol is wrong."""


TOKEN_LIFETIME = timedelta(days=7)
AT_ONCE = 16


def token_for(settings: Settings, user_id: str) -> str:
    """The JWT that the shop's own login would give this person."""
    return Tokens(settings.auth).mint(user_id, lifetime=TOKEN_LIFETIME)


async def subscribe(settings: Settings, service: PushSink, user_ids: Iterable[str]) -> None:
    """Register one device per person. Raises aiohttp.ClientError when the API refuses."""
    url = f"http://127.0.0.1:{settings.http.port}/api/push-subscriptions"
    at_once = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(raise_for_status=True) as session:

        async def register(user_id: str) -> None:
            headers = {"Authorization": f"Bearer {token_for(settings, user_id)}"}
            async with at_once, session.post(url, json=service.subscribe(user_id), headers=headers):
                pass

        async with asyncio.TaskGroup() as group:
            for user_id in user_ids:
                group.create_task(register(user_id))


@asynccontextmanager
async def listening(
    settings: Settings, user_ids: Iterable[str], take: Callable[[Arrival], None]
) -> AsyncIterator[None]:
    """One WebSocket per person, all greeted; ``take`` is called for every notification that they show."""
    url = f"ws://127.0.0.1:{settings.http.port}/ws"
    listeners = [_Listener(url, user_id, token_for(settings, user_id), take) for user_id in user_ids]
    tasks = [asyncio.create_task(one.run()) for one in listeners]
    try:
        await _all_greeted(listeners, tasks)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _all_greeted(listeners: "list[_Listener]", tasks: list[asyncio.Task[None]]) -> None:
    """Wait until the hub has welcomed everyone; raises what one of ``tasks`` failed of."""
    everyone: asyncio.Future[Any] = asyncio.gather(*(one.greeted.wait() for one in listeners))
    first: list[asyncio.Future[Any]] = [everyone, *tasks]
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    everyone.cancel()
    for task in tasks:
        if task.done():
            task.result()


class _Listener:
    """Keeps one person's connection; after a cut it asks for what it missed."""

    def __init__(self, url: str, user_id: str, token: str, take: Callable[[Arrival], None]) -> None:
        self.greeted = asyncio.Event()
        self._url = url
        self._user_id = user_id
        self._token = token
        self._take = take
        self._last_id: int | None = None
        """Asked for with each new connection: what came between two is replayed."""

    async def run(self) -> None:
        async for connection in connect(self._url, compression=None):
            await self._listen(connection)

    async def _listen(self, connection: ClientConnection) -> None:
        hello = {"type": "hello", "token": self._token, "after": self._last_id}
        await connection.send(json.dumps(hello))
        async for frame in connection:
            message = json.loads(frame)
            match message["type"]:
                case "new_notification":
                    self._notified(message["notification"])
                case "welcome":
                    self._last_id = message["last_id"] if self._last_id is None else self._last_id
                    self.greeted.set()
                case "error":
                    raise RefusedByHub(message["message"])

    def _notified(self, shown: dict[str, object]) -> None:
        number = shown["id"]
        if isinstance(number, int):
            self._last_id = number
        self._take(
            Arrival(
                channel="websocket",
                user_id=self._user_id,
                order=order_of(shown["subject"]),
                event=str(shown["event"]),
                title=str(shown["title"]),
                body=str(shown["body"]),
                at=time.monotonic(),
                notification_id=number if isinstance(number, int) else None,
            )
        )
