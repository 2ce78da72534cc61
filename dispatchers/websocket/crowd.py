"""Every connection, whoever it is of: how many there may be, when each has to be looked at, and how all of them go."""

import asyncio
import random
from typing import TYPE_CHECKING

from dispatchers.websocket import metrics
from dispatchers.websocket.codes import CloseCode

if TYPE_CHECKING:
    from dispatchers.websocket.connection import Connection
    from dispatchers.websocket.hub import Hub


class Crowd:
    """Of one hub."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._connections: set[Connection] = set()
        self._sweep_handle: asyncio.TimerHandle | None = None
        limits = hub.limits
        self._sweep_seconds = min(
            1.0,
            limits.hello_timeout_seconds / 4,
            limits.ping_interval_seconds / 4,
            limits.ping_timeout_seconds / 4,
        )
        self._leaving: asyncio.Task[None] | None = None
        self._nobody = asyncio.Event()
        """Set while there is no connection."""
        self._nobody.set()

    def __len__(self) -> int:
        return len(self._connections)

    def has_room(self) -> bool:
        return self._leaving is None and len(self._connections) < self._hub.limits.max_connections

    def add(self, connection: "Connection") -> None:
        """A new connection, of nobody yet."""
        self._connections.add(connection)
        self._nobody.clear()
        metrics.CONNECTIONS.inc()
        if self._sweep_handle is None:
            self._sweep_handle = asyncio.get_running_loop().call_later(self._sweep_seconds, self._sweep)

    def remove(self, connection: "Connection") -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            metrics.CONNECTIONS.dec()
            if not self._connections:
                self._nobody.set()

    def begin_to_leave(self) -> "asyncio.Task[None]":
        """Let nobody in, and close all, spread over some seconds: who comes back does not come back with all others."""
        if self._leaving is None:
            self._leaving = asyncio.get_running_loop().create_task(self._leave())
        return self._leaving

    async def leave(self) -> None:
        """The same; returns once all are gone."""
        await asyncio.shield(self.begin_to_leave())

    def clear(self) -> None:
        if self._sweep_handle is not None:
            self._sweep_handle.cancel()
        self._sweep_handle = None

    async def _leave(self) -> None:
        hub = self._hub
        connections = list(self._connections)
        random.shuffle(connections)
        began_at, seconds = hub.now(), hub.limits.close_seconds
        for number, connection in enumerate(connections):
            early = began_at + seconds * number / len(connections) - hub.now()
            if early > 0:
                await asyncio.sleep(early)
            connection.close(CloseCode.SERVICE_RESTART, "the server restarts: come back")
        await self._nobody.wait()  # the sweep cuts off whoever does not answer the close frame

    def _sweep(self) -> None:
        """One timer for all connections, in place of one for each."""
        now = self._hub.now()
        for connection in [found for found in self._connections if found.deadline <= now]:
            connection.on_deadline(now)
        self._hub.count()
        self._sweep_handle = None
        if self._connections:
            self._sweep_handle = asyncio.get_running_loop().call_later(self._sweep_seconds, self._sweep)
