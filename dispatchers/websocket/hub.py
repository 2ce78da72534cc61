"""The hub: who is connected, and how a frame reaches them.

How it is wired::

    hub = Hub(settings.hub, settings.http.allowed_origins, authenticate=tokens.verify, inbox=Inbox(engine))
    uvicorn.Config(app, ws=hub.protocol_class(), ...)       # daemon.api.server does this
    await hub.send(deliveries)                              # after the planner's commit, in the order of ids
    await hub.reading.mark(user_id, notification_id)        # what the REST API does
    await hub.stop()                                        # after the server has stopped

Everything runs in one event loop, and nothing here is safe to call from another thread.

With several nodes, frames come to :meth:`Hub.publish` from a broker as well as from this node's own planner;
nothing else changes.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from config.settings import Hub as Limits
from dispatchers.base import Delivery, Outcome, Sent
from dispatchers.websocket import frames, metrics
from dispatchers.websocket.codes import CloseCode
from dispatchers.websocket.connection import Connection
from dispatchers.websocket.contract import Identity, Inbox
from dispatchers.websocket.frames import Notification, Outgoing
from dispatchers.websocket.reading import Reading

log = logging.getLogger(__name__)

SLICE = 500
"""Writes between two turns of the loop: about 3 ms."""
QUERY_SECONDS = 10.0
"""The database answers within this, or the client hears that it did not."""


class Hub:
    """The dispatcher of the channel ``websocket``; see the module for how it is wired.

    ``authenticate`` takes a token and raises Unauthenticated or CannotAuthenticate. ``queries`` bounds how
    many connections ask the database at once: after a restart, everybody comes back together.
    """

    channel = "websocket"
    concurrency = 1
    """Frames go out in the order of their ids."""
    batch_size = 1000
    repeatable = True
    """A client drops what it has by its id."""

    def __init__(
        self,
        limits: Limits,
        allowed_origins: Collection[str] = (),
        *,
        authenticate: Callable[[str], Identity],
        inbox: Inbox,
        queries: int = 4,
    ) -> None:
        self.limits = limits
        self.allowed_origins = allowed_origins
        self.authenticate = authenticate
        self.inbox = inbox
        self.reading = Reading(inbox, self.publish)
        self.now = time.monotonic
        self.written = 0
        """Frames since the metric was brought up to date."""
        self._connections: set[Connection] = set()
        self._people: dict[str, tuple[Connection, ...]] = {}
        self._outbox: deque[tuple[str, Outgoing | Notification]] = deque()
        self._pump_handle: asyncio.Handle | None = None
        self._sweep_handle: asyncio.TimerHandle | None = None
        self._sweep_seconds = min(
            1.0,
            limits.hello_timeout_seconds / 4,
            limits.ping_interval_seconds / 4,
            limits.ping_timeout_seconds / 4,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._queries = asyncio.Semaphore(queries)
        self._stopping = False
        self._nobody = asyncio.Event()
        """Set while there is no connection."""
        self._nobody.set()
        self._idle = asyncio.Event()
        """Set while nothing is in the outbox."""
        self._idle.set()

    # The dispatcher contract.

    async def start(self) -> None:
        """Nothing to open: uvicorn listens."""

    async def ping(self) -> None:
        """The hub is this process: it works when this is answered."""

    async def stop(self) -> None:
        """Close what is still connected, and end every command at work. Takes some seconds at most."""
        self._stopping = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in tuple(self._connections):
            connection.shutdown()
        await self._nobody.wait()  # the sweep cuts off whoever does not answer the close frame
        for handle in (self._pump_handle, self._sweep_handle):
            if handle is not None:
                handle.cancel()
        self._pump_handle = self._sweep_handle = None
        self._outbox.clear()
        self._idle.set()

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Write each delivery to every connection of the person that ``address`` names.

        Returns once all is written. Nobody connected is no failure: the inbox is the log, and who comes back
        is given what was missed. So every outcome is Sent.
        """
        for delivery in sorted(batch, key=lambda delivery: delivery.notification_id):
            self._outbox.append((delivery.address, frames.of_delivery(delivery)))
        if self._pump_handle is None:
            self._pump()
        await self._idle.wait()
        return [Sent(provider="hub")] * len(batch)

    # For the API and for a broker.

    def publish(self, user_id: str, frame: Outgoing) -> None:
        """Write ``frame`` to every connection of a person on this node, after what was sent before."""
        self._outbox.append((user_id, frame))
        if self._pump_handle is None:
            self._pump()

    def reload_since(self, moment: float) -> None:
        """Tell whoever has joined since ``moment`` (of :attr:`now`) to look at the inbox again."""
        for connections in tuple(self._people.values()):
            for connection in connections:
                if connection.joined_at >= moment:
                    connection.deliver(Outgoing(0, frames.RELOAD))

    def protocol_class(self) -> type[asyncio.Protocol]:
        """For ``uvicorn.Config(ws=...)``."""
        hub = self

        class HubProtocol(Connection):
            __slots__ = ()

            def __init__(
                self,
                config: Config,  # noqa: ARG002 - the hub has its own limits
                server_state: ServerState,
                app_state: dict[str, Any],  # noqa: ARG002
                _loop: asyncio.AbstractEventLoop | None = None,
            ) -> None:
                listed_in: set[Any] = server_state.connections
                super().__init__(hub, listed_in)

        return HubProtocol

    def connections_of(self, user_id: str) -> int:
        """How many connections a person has here."""
        return len(self._people.get(user_id, ()))

    def __len__(self) -> int:
        """Every connection, also those that have not said hello and those that are closing."""
        return len(self._connections)

    # For connections and their sessions.

    def has_room(self) -> bool:
        return not self._stopping and len(self._connections) < self.limits.max_connections

    def remember(self, connection: Connection) -> None:
        """A new connection, of nobody yet."""
        self._connections.add(connection)
        self._nobody.clear()
        metrics.CONNECTIONS.inc()
        if self._sweep_handle is None:
            self._sweep_handle = asyncio.get_running_loop().call_later(self._sweep_seconds, self._sweep)

    def forget(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            metrics.CONNECTIONS.dec()
            if not self._connections:
                self._nobody.set()

    def join(self, connection: Connection, identity: Identity) -> None:
        """Frames for this person reach ``connection`` from now on, which holds them back."""
        if not connection.open:
            return
        now = self.now()
        connection.user_id = identity.user_id
        connection.joined_at = now
        connection.expires_at = now + identity.expires_at.timestamp() - time.time()
        # Spread, so that those who came together are not pinged together.
        first_ping = self.limits.ping_interval_seconds * random.uniform(0.5, 1.0)  # noqa: S311
        connection.deadline = min(now + first_ping, connection.expires_at)
        connection.held = []
        others = self._people.get(identity.user_id, ())
        self._people[identity.user_id] = (*others, connection)
        for oldest in others[: max(0, len(others) + 1 - self.limits.connections_per_person)]:
            oldest.close(CloseCode.REPLACED, "too many connections of one person: the oldest goes")

    def leave(self, connection: Connection) -> None:
        """No frame reaches ``connection`` from now on."""
        before = self._people.get(connection.user_id)
        if before is None or connection not in before:
            return
        rest = tuple(other for other in before if other is not connection)
        if rest:
            self._people[connection.user_id] = rest
        else:
            del self._people[connection.user_id]

    @asynccontextmanager
    async def query(self) -> AsyncIterator[None]:
        """Wait for a turn at the database, and not for long once it has come."""
        async with self._queries, asyncio.timeout(QUERY_SECONDS):
            yield

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` as a task that :meth:`stop` ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Inside.

    def _pump(self) -> None:
        """Write a slice of the outbox, and come back for the rest once others had their turn."""
        self._pump_handle = None
        end = self.written + SLICE
        while self._outbox and self.written < end:
            user_id, frame = self._outbox.popleft()
            connections = self._people.get(user_id)
            if connections is None:
                continue
            if isinstance(frame, Notification):
                frame = frames.new_notification(frame)
            for connection in connections:
                connection.deliver(frame)
        if self._outbox:
            self._idle.clear()
            self._pump_handle = asyncio.get_running_loop().call_soon(self._pump)
        else:
            self._idle.set()
            self._count()

    def _sweep(self) -> None:
        """One timer for all connections, in place of one for each."""
        now = self.now()
        for connection in [found for found in self._connections if found.deadline <= now]:
            connection.on_deadline(now)
        self._count()
        self._sweep_handle = None
        if self._connections:
            self._sweep_handle = asyncio.get_running_loop().call_later(self._sweep_seconds, self._sweep)

    def _count(self) -> None:
        metrics.FRAMES.inc(self.written)
        self.written = 0
