"""The connections to one SMTP server that are kept open between messages."""

import asyncio
import socket
import ssl
from collections import deque
from typing import Final, NamedTuple

from config.channels import EmailProvider
from dispatchers.email.connection import Connection
from dispatchers.email.reply import Broken, Misconfigured, Stage
from dispatchers.email.slots import Slots

PROBE_AFTER_SECONDS: Final = 5.0
"""After this long a rest a connection is asked whether it lives: routers forget idle ones without a word."""


class _Idle(NamedTuple):
    connection: Connection
    since: float
    """On the event loop's clock."""


class Connections:
    """At most ``provider.connections`` of them, made on demand; the most recently used is used first."""

    def __init__(self, provider: EmailProvider) -> None:
        self._provider = provider
        self.slots = Slots(provider.connections, provider.timeout_seconds)
        """Each is the right to one connection."""
        self._idle: deque[_Idle] = deque()
        """The one that has rested longest first."""
        self._expiry: asyncio.TimerHandle | None = None
        """When to look for connections that have rested too long."""
        self._leaving: set[asyncio.Task[None]] = set()
        self._tls: ssl.SSLContext | None = None
        self._local_hostname = ""

    async def take(self) -> Connection | None:
        """A kept connection that still answers, or None; for who has a slot."""
        while self._idle:
            connection, since = self._idle.pop()
            has_rested = asyncio.get_running_loop().time() - since > PROBE_AFTER_SECONDS
            if (connection.is_ready and not has_rested) or await connection.probe():
                return connection
        return None

    async def open(self) -> Connection:
        """A new connection; for who has a slot.

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
            self._idle.append(_Idle(connection, loop.time()))
            if self._expiry is None:
                self._expiry = loop.call_later(self._provider.idle_seconds, self._expire)

    async def stop(self) -> None:
        """Leave every server, all at once."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        while self._idle:
            self._leave(self._idle.pop().connection)
        while self._leaving:
            await asyncio.wait(self._leaving)

    def _expire(self) -> None:
        """Leave those that have rested too long, and come back for the next."""
        loop = asyncio.get_running_loop()
        latest = loop.time() - self._provider.idle_seconds
        while self._idle and self._idle[0].since <= latest:
            self._leave(self._idle.popleft().connection)
        self._expiry = (
            loop.call_at(self._idle[0].since + self._provider.idle_seconds, self._expire) if self._idle else None
        )

    def _leave(self, connection: Connection) -> None:
        task = asyncio.create_task(connection.quit(), name="email connection quits")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


def _local_hostname() -> str:
    """The name to greet with: the host's, else an address literal (RFC 5321 4.1.4)."""
    name = socket.getfqdn()
    return name if "." in name and name.isascii() and name.isprintable() and " " not in name else "[127.0.0.1]"
