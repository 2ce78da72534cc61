"""The hub: who is connected, and how a frame reaches them.

How it is wired::

    hub = Hub(settings.hub, settings.http.allowed_origins, authenticate=tokens.verify, inbox=Inbox(engine),
              cookie=settings.auth.cookie, rooms=rooms, bulletins=bulletins)
    uvicorn.Config(app, ws=hub.protocol_class(), ...)       # daemon.api.server does this
    await hub.send(deliveries)                              # after the planner's commit, in the order of ids
    await hub.reading.mark(user_id, [notification_id], mark)  # what the REST API does
    await hub.leave_all()                                   # before the server stops
    await hub.stop()                                        # after the server has stopped

With several daemons::

    broker = redis_broker(url, installation=installation, receive=hub.receive, on_gap=hub.catch_up)
    hub.outward = broker.publish
    hub.run()                                               # for ever, beside broker.run()

Everything runs in one event loop, and nothing here is safe to call from another thread.
"""

import asyncio
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine, Sequence
from operator import attrgetter
from typing import Any, assert_never

from uvicorn import Config
from uvicorn.server import ServerState

from config.settings import Hub as Limits
from dispatchers.base import Delivery, Outcome, Sent
from dispatchers.websocket import frames, metrics
from dispatchers.websocket.broker import MOST_SECONDS, Content, Envelope, Missed, ToPeople
from dispatchers.websocket.catchup import CatchUp
from dispatchers.websocket.codes import CloseCode
from dispatchers.websocket.connection import Connection
from dispatchers.websocket.contract import Bulletins, Identity, Inbox, Rooms
from dispatchers.websocket.crowd import Crowd
from dispatchers.websocket.frames import Announcement, Location, Outgoing, Status
from dispatchers.websocket.outbox import Outbox
from dispatchers.websocket.people import People
from dispatchers.websocket.reading import Reading
from dispatchers.websocket.rooms import LiveRooms
from dispatchers.websocket.troubles import Troubles
from dispatchers.websocket.turns import Turns

log = logging.getLogger(__name__)

ENVELOPE_BYTES = 262_144
"""More frames than this are several envelopes."""


class Hub:
    """The dispatcher of the channel ``websocket``; see the module for how it is wired.

    ``authenticate`` takes a token and raises Unauthenticated or CannotAuthenticate. ``cookie`` is the name of the one
    that may carry a token. ``queries`` bounds how many connections say hello at once: after a restart, everybody
    comes back together. Besides them, half as many mark, and one or two ask who may be in a room (:class:`Turns`).
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
        cookie: str | None = None,
        rooms: Rooms | None = None,
        bulletins: Bulletins | None = None,
        queries: int = 4,
    ) -> None:
        self.limits = limits
        self.allowed_origins = allowed_origins
        self.authenticate = authenticate
        self.inbox = inbox
        self.cookie = cookie
        self.rooms = rooms
        self.bulletins = bulletins
        self.reading = Reading(inbox, self.publish)
        self.now = time.monotonic
        self.written = 0
        """Writes since the metric was brought up to date."""
        self.written_besides = 0
        """Frames that went out with another in one write."""
        self.people = People()
        self.turns = Turns(queries)
        self.troubles = Troubles()
        self.outbox = Outbox(self)
        self.live_rooms = LiveRooms(self)
        self.crowd = Crowd(self)
        self.catching_up = CatchUp(self)
        self._outward: Callable[[Envelope], None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def on_presence(self) -> Callable[[str, bool], None] | None:
        """Is told (user id, True) at somebody's first connection here, (user id, False) after the last one's end."""
        return self.people.on_presence

    @on_presence.setter
    def on_presence(self, told: Callable[[str, bool], None] | None) -> None:
        self.people.on_presence = told

    @property
    def outward(self) -> Callable[[Envelope], None] | None:
        """Is given what originates here, for the other daemons; None: there are none."""
        return self._outward

    @outward.setter
    def outward(self, publish: Callable[[Envelope], None] | None) -> None:
        self._outward = publish
        self.outbox.recent = None if publish is None else OrderedDict()

    # The dispatcher contract.

    async def start(self) -> None:
        """Nothing to open: uvicorn listens."""

    async def run(self) -> None:
        """Where there are other daemons: for ever, keep what :meth:`catch_up` needs."""
        await self.catching_up.run()

    async def ping(self) -> None:
        """The hub is this process: it works when this is answered."""

    async def leave_all(self) -> None:
        """Let nobody in, and close all, spread over ``limits.close_seconds``; returns once they are gone."""
        await self.crowd.leave()

    async def stop(self) -> None:
        """Close what is still connected, and end every command at work. Takes some seconds at most."""
        await self.leave_all()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.crowd.clear()
        self.outbox.clear()

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Write each delivery to every connection of the person that ``address`` names.

        Returns once all is written. Nobody connected is no failure: the inbox is the log, and who comes back
        is given what was missed. So every outcome is Sent.
        """
        items: list[tuple[str, Outgoing]] = []
        size = 0
        for delivery in sorted(batch, key=attrgetter("notification_id")):
            if self._outward is None:
                self.outbox.put(delivery.address, delivery)
                continue
            frame = frames.new_notification(delivery)
            self.outbox.put(delivery.address, frame)
            items.append((delivery.address, frame))
            size += len(frame.data)
            if size > ENVELOPE_BYTES:
                self._tell_others(ToPeople(tuple(items)))
                items, size = [], 0
        if items:
            self._tell_others(ToPeople(tuple(items)))
        self.outbox.pump()
        await self.outbox.idle.wait()
        return [Sent(provider="hub")] * len(batch)

    # For the API, the planner and other daemons. What is told here is told to the other daemons as well.

    def publish(self, user_id: str, frame: Outgoing) -> None:
        """Write ``frame`` to every connection of a person, after what was sent before."""
        self.publish_all([(user_id, frame)])

    def publish_all(self, items: Sequence[tuple[str, Outgoing]]) -> None:
        """Write each frame to every connection of its person, after what was sent before."""
        self._show(ToPeople(tuple(items)), outward=True)

    def concerns(self, user_id: str) -> bool:
        """Whether anybody would see what is published to this person: here or, for all we know, at another daemon."""
        return self._outward is not None or self.connections_of(user_id) > 0

    def status(self, status: Status) -> None:
        """An order stands somewhere else now. Call it after the commit: who may be in the room is asked again."""
        self._show(status, outward=True)

    def locate(self, location: Location) -> None:
        """Somebody who works for a room is somewhere else now."""
        self._show(location, outward=True)

    def announce(self, announcement: Announcement, people: Collection[str] | None) -> None:
        """Show it to everybody (None) or to these people who are connected here: each daemon reads them for itself."""
        self.outbox.put(None if people is None else tuple(people), frames.announcement(announcement))
        self.outbox.pump_soon()

    def end_announcement(self, announcement_id: int) -> None:
        """It holds no longer."""
        self.outbox.put(None, frames.announcement_ended(announcement_id))
        self.outbox.pump_soon()

    def receive(self, envelope: Envelope) -> None:
        """What another daemon has told."""
        self._show(envelope.content, outward=False)

    def catch_up(self, seconds: float) -> None:
        """Other daemons' frames of the last so many seconds may be missing: find out, and give them."""
        self.catching_up.begin(seconds)

    def tell_of_many(self, since: float) -> None:
        """A broadcast, begun at ``since`` (of :attr:`now`), was shown to who was connected here at that moment."""
        self.reload_since(since)
        self._tell_others(Missed(min(self.now() - since, MOST_SECONDS)))

    def reload_since(self, moment: float) -> None:
        """Tell whoever has joined since ``moment`` (of :attr:`now`) to look at the inbox again."""
        for connection in self.people.everybody():
            if connection.joined_at >= moment:
                connection.deliver(frames.RELOAD)

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

    @property
    def followed(self) -> bool:
        """Whether anybody is in a room, here or, for all we know, at another daemon."""
        return len(self.live_rooms) > 0 or self._outward is not None

    def connected(self) -> Sequence[str]:
        """Everybody who is connected here."""
        return self.people.names()

    def connections_of(self, user_id: str) -> int:
        """How many connections a person has here."""
        return len(self.people.of(user_id))

    def __len__(self) -> int:
        """Every connection, also those that have not said hello and those that are closing."""
        return len(self.crowd)

    # For connections and their sessions.

    def join(self, connection: Connection, identity: Identity) -> None:
        """Frames for this person reach ``connection`` from now on, which holds them back."""
        if not connection.open:
            return
        connection.user_id = identity.user_id
        connection.joined_at = self.now()
        connection.held = []
        # Spread, so that those who came together are not pinged together.
        first_ping = self.limits.ping_interval_seconds * random.uniform(0.5, 1.0)  # noqa: S311
        self.renew(connection, identity)
        connection.deadline = min(connection.joined_at + first_ping, connection.expires_at)
        others = self.people.join(connection)
        for oldest in others[: max(0, len(others) + 1 - self.limits.connections_per_person)]:
            oldest.close(CloseCode.REPLACED, "too many connections of one person: the oldest goes")

    def ends_at(self, identity: Identity) -> float:
        """When its token expires, of :attr:`now`."""
        return self.now() + identity.expires_at.timestamp() - time.time()

    def renew(self, connection: Connection, identity: Identity) -> None:
        """``identity`` is what its token says from now on."""
        connection.expires_at = self.ends_at(identity)
        connection.deadline = min(connection.deadline, connection.expires_at)
        if connection.roles != identity.roles:
            connection.roles = identity.roles
            self.live_rooms.doubt(connection)

    def leave(self, connection: Connection) -> None:
        """No frame reaches ``connection`` from now on."""
        self.people.leave(connection)
        self.live_rooms.leave(connection)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` as a task that :meth:`stop` ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def count(self) -> None:
        """Bring the metric up to date."""
        metrics.FRAMES.inc(self.written + self.written_besides)
        self.written = self.written_besides = 0

    # Inside.

    def _show(self, content: Content, *, outward: bool) -> None:
        match content:
            case ToPeople(items):
                for user_id, frame in items:
                    self.outbox.put(user_id, frame)
                self.outbox.pump()
            case Status():
                self.live_rooms.status(content)
            case Location():
                self.live_rooms.locate(content)
            case Missed(seconds):
                self.catch_up(seconds)
            case _:
                assert_never(content)
        if outward:
            self._tell_others(content)

    def _tell_others(self, content: Content) -> None:
        if self._outward is not None:
            self._outward(Envelope(content))
