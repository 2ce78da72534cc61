"""A page in somebody's browser, as far as the daemon sees it: what it says, and the frames that it is shown."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from config import Settings
from daemon.api.auth import Tokens
from tests.acceptance.conftest import Daemon


async def page(daemon: Daemon, settings: Settings, user: str) -> ClientConnection:
    """A page of this person's: what is told from here on reaches it as a frame."""
    socket = await connect(f"{daemon.http.replace('http', 'ws')}/ws", open_timeout=40)
    await socket.send(json.dumps({"type": "hello", "token": Tokens(settings.auth).mint(user)}))
    assert [(await frame(socket))["type"] for _ in range(2)] == ["welcome", "caught_up"]
    return socket


async def frame(socket: ClientConnection, seconds: float = 40) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        read: dict[str, Any] = json.loads(await socket.recv())
        return read


async def of_type(socket: ClientConnection, kind: str, count: int = 1, seconds: float = 60) -> list[dict[str, Any]]:
    """The next so many frames of this type; others pass by."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            read = json.loads(await socket.recv())
            if read["type"] == kind:
                found.append(read)
    return found
