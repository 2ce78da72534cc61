"""The connections to one SMTP server that are kept open between messages."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from config.channels import EmailProvider
from dispatchers.email.connection import Connection
from dispatchers.email.reply import Broken, Misconfigured, Stage

PROBE_AFTER_SECONDS: Final = 5.0
"""After this long a rest a connection is asked whether it lives: routers forget idle ones without a word."""


@dataclass(frozen=True, slots=True)
class _Idle:
    connection: Connection
    since: float
    """On the event loop's clock."""
    expiry: asyncio.TimerHandle


class Connections:
    """At most ``provider.connections`` of them, made on demand; the most recently used is used first."""

    def __init__(self, provider: EmailProvider) -> None:
        self._provider = provider
        self._slots = asyncio.Semaphore(provider.connections)
        self._idle: list[_Idle] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._tls: ssl.SSLContext | None = None
        self._local_hostname = ""

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """The right to one connection; whoever holds none waits, at most for the provider's timeout.

        Raises:
            Broken: at ``Stage.CONNECT``; none became free.
        """
        try:
            async with asyncio.timeout(self._provider.timeout_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise Broken(Stage.CONNECT) from TimeoutError("all connections are busy")
        try:
            yield
        finally:
            self._slots.release()

    async def take(self) -> Connection | None:
        """A kept connection that still answers, or None; within a :meth:`slot`."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            idle = self._idle.pop()
            idle.expiry.cancel()
            if await idle.connection.probe(idle=now - idle.since > PROBE_AFTER_SECONDS):
                return idle.connection
        return None

    async def open(self) -> Connection:
        """A new connection; within a :meth:`slot`.

        Raises:
            Broken: at ``Stage.CONNECT``.
        """
        if not self._local_hostname:
            self._local_hostname = await asyncio.to_thread(_local_hostname)
        if self._tls is None and self._provider.security != "none":
            try:
                self._tls = await asyncio.to_thread(ssl.create_default_context, cafile=self._provider.ca_file)
            except OSError as error:  # missing, or no PEM: the mail waits until that is put right
                raise Broken(Stage.CONNECT) from Misconfigured(f"ca_file {self._provider.ca_file}: {error}")
        return await Connection.open(self._provider, self._tls, self._local_hostname)

    def give_back(self, connection: Connection) -> None:
        """Keep it for the next message, where it is good for one."""
        if not connection.is_open:
            connection.close()
        elif connection.messages >= self._provider.messages_per_connection:
            self._leave(connection)
        else:
            loop = asyncio.get_running_loop()
            expiry = loop.call_later(self._provider.idle_seconds, self._expire, connection)
            self._idle.append(_Idle(connection, loop.time(), expiry))

    async def stop(self) -> None:
        """Leave every server, all at once."""
        while self._idle:
            idle = self._idle.pop()
            idle.expiry.cancel()
            self._leave(idle.connection)
        while self._leaving:
            await asyncio.wait(self._leaving)

    def _expire(self, connection: Connection) -> None:
        self._idle = [idle for idle in self._idle if idle.connection is not connection]
        self._leave(connection)

    def _leave(self, connection: Connection) -> None:
        task = asyncio.create_task(connection.quit(), name="email connection quits")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


def _local_hostname() -> str:
    """The name to greet with: the host's, else an address literal (RFC 5321 4.1.4)."""
    name = socket.getfqdn()
    return name if "." in name and name.isascii() and name.isprintable() and " " not in name else "[127.0.0.1]"
