"""Rooms: who follows what, live, and where those are who work for it.

Nothing is lost on the way in: a connection is a member before it is asked whether it may be, and what the room is
told meanwhile is held for it. What was committed before the question is in the answer, what is committed after it
is held. It is shown only to who was let in.

An admission holds for :data:`ADMITTED_SECONDS`, that of who says where they are for :data:`LOCATES_SECONDS`, and only
until the next status, which may have another driver with it. Then everybody in the room is asked for again, in the
background. Who may be there no longer is told so; and nobody is shown a location, or may send one, on the strength of
an older admission. There is one such question at a time for each room, whoever wants the answer.

A location is forgotten with the next status, for the same reason: it was the last driver's, perhaps.
"""

import asyncio
import logging
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dispatchers.websocket import frames, metrics
from dispatchers.websocket.codes import ErrorCode
from dispatchers.websocket.commands import Locate
from dispatchers.websocket.contract import Admission
from dispatchers.websocket.frames import Location, Outgoing, Status

if TYPE_CHECKING:
    from dispatchers.websocket.connection import Connection
    from dispatchers.websocket.hub import Hub

log = logging.getLogger(__name__)

ADMITTED_SECONDS = 20.0
LOCATES_SECONDS = 10.0
AGAIN_SECONDS = 5.0
"""After the database could not be asked, before a location makes us ask again."""
MOST_LOCATIONS = 20_000
MOST_HELD = 100
"""Frames for one who is not let in yet; the oldest goes: a later one says more."""
NOT_ADMITTED = "not_admitted"


class Member:
    """A connection in a room."""

    __slots__ = ("asked_at", "held", "joined_at", "locates")

    def __init__(self, now: float) -> None:
        self.joined_at = now
        self.asked_at = float("-inf")
        """When the question was asked that the latest answer is to."""
        self.locates = False
        self.held: list[Outgoing] | None = []
        """Until it is let in; None from then on."""

    def take(self, admission: Admission, asked_at: float) -> None:
        """A later question has the better answer."""
        if asked_at >= self.asked_at:
            self.asked_at, self.locates = asked_at, admission.locates

    def hold(self, frame: Outgoing) -> None:
        if self.held is not None:
            self.held.append(frame)
            del self.held[:-MOST_HELD]


class Room:
    __slots__ = ("again_at", "doubtful", "doubtful_at", "members", "name", "owed", "refreshing", "sure")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[Connection, Member] = {}
        self.doubtful_at = float("-inf")
        """Admissions that were asked for before this are not relied on for locations."""
        self.doubtful = False
        """Everybody has to be asked for (again)."""
        self.sure = asyncio.Event()
        """Set while nobody is asked for."""
        self.sure.set()
        self.again_at = 0.0
        self.owed: set[Connection] | None = None
        """Who waits for a location until an admission is confirmed."""
        self.refreshing = False
        """Frames may have been missed: tell everybody the status."""

    def relies_on(self, member: Member, now: float, seconds: float = ADMITTED_SECONDS) -> bool:
        return member.asked_at > max(self.doubtful_at, now - seconds)

    def write(self, frame: Outgoing) -> None:
        """To all, now or once they are let in."""
        for connection, member in tuple(self.members.items()):
            if member.held is None:
                connection.deliver(frame)
            else:
                member.hold(frame)


class LiveRooms:
    """The rooms that somebody is in, on this node."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._rooms: dict[str, Room] = {}
        self._locations: OrderedDict[str, tuple[float, Location]] = OrderedDict()
        """The latest of each room and when it came, oldest first; never stored anywhere else."""

    def __len__(self) -> int:
        return len(self._rooms)

    def names(self) -> list[str]:
        return list(self._rooms)

    # What clients ask for.

    async def subscribe(self, connection: "Connection", name: str) -> None:
        """Let in, and tell what is there; or an error, which says the same whether there is such a room or not."""
        hub = self._hub
        if hub.rooms is None:
            connection.error(ErrorCode.NOT_FOUND, "there are no rooms here", name)
            return
        mine = connection.rooms or set()
        if name not in mine and len(mine) >= hub.limits.rooms_per_connection:
            most = f"no more than {hub.limits.rooms_per_connection} rooms at once"
            connection.error(ErrorCode.TOO_MANY_ROOMS, most, name)
            return
        room, member = self._enter(connection, name)
        asked_at = datetime.now(UTC)
        try:
            admission = await self._ask_for(connection, room, member)
        except BaseException:
            if member.held is not None:
                self._drop(connection, room)
            raise
        if admission is None:
            connection.error(ErrorCode.NOT_FOUND, f"there is no room {name}", name)
            return
        connection.write(frames.subscribed(name, admission.status, self._location_since(admission, name, asked_at)))
        held, member.held = member.held, None
        for frame in held or ():
            connection.deliver(frame)

    def unsubscribe(self, connection: "Connection", name: str) -> None:
        room = self._rooms.get(name)
        if room is not None:
            self._drop(connection, room)
        connection.deliver(frames.unsubscribed(name))

    async def locate_from(self, connection: "Connection", said: Locate) -> None:
        """Somebody says where they are: shown, if they work for that room."""
        room = self._rooms.get(said.room)
        member = None if room is None else room.members.get(connection)
        if room is not None and member is not None and not self._trusts(room, member):
            if self._hub.now() >= room.again_at:
                self._ask_again(room)
                await room.sure.wait()
            member = room.members.get(connection)
            if member is not None and not self._trusts(room, member):
                connection.error(ErrorCode.UNAVAILABLE, "whose room it is cannot be asked now", said.room)
                return
        if member is None or not member.locates:
            refusal = "you are in no such room, or may not say there where you are"
            connection.error(ErrorCode.NOT_FOUND, refusal, said.room)
            return
        here = Location(said.room, said.lat, said.lng, said.heading, said.speed, said.accuracy, datetime.now(UTC))
        self._hub.locate(here)

    # What the hub tells.

    def status(self, status: Status) -> None:
        """Shown at once; and who was let in until now may be another's driver from now on."""
        self._locations.pop(status.room, None)
        room = self._rooms.get(status.room)
        if room is not None:
            room.doubtful_at = self._hub.now()
            room.write(frames.order_status_update(status))
            self._ask_again(room)

    def locate(self, location: Location) -> None:
        """Shown to whose admission can be relied on; the others wait for a confirmation."""
        now = self._hub.now()
        self._remember(location, now)
        room = self._rooms.get(location.room)
        if room is None:
            return
        frame = frames.location_update(location)
        for connection, member in tuple(room.members.items()):
            if member.held is not None:
                member.hold(frame)
            elif room.relies_on(member, now):
                connection.deliver(frame)
                if room.owed is not None:
                    room.owed.discard(connection)
            else:
                room.owed = room.owed or set()
                room.owed.add(connection)
        if room.owed and room.sure.is_set() and now >= room.again_at:
            self._ask_again(room)

    def location(self, name: str) -> Location | None:
        """The latest, while it says something about now."""
        found = self._locations.get(name)
        if found is None or found[0] < self._hub.now() - self._hub.limits.location_seconds:
            return None
        return found[1]

    def leave(self, connection: "Connection") -> None:
        """Its connection ends."""
        for name in tuple(connection.rooms or ()):
            room = self._rooms.get(name)
            if room is not None:
                self._drop(connection, room)

    def doubt(self, connection: "Connection") -> None:
        """Its roles have changed."""
        for name in tuple(connection.rooms or ()):
            room = self._rooms.get(name)
            if room is not None:
                self._ask_again(room)

    async def refresh(self) -> None:
        """Frames may have been missed: ask for everybody in every room, and tell them the status."""
        for name in self.names():
            room = self._rooms.get(name)
            if room is not None:
                room.doubtful_at, room.refreshing, room.doubtful = self._hub.now(), True, True
                if room.sure.is_set():
                    room.sure.clear()
                    await self._ask_until_sure(room)

    # Inside.

    def _enter(self, connection: "Connection", name: str) -> tuple[Room, Member]:
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room(name)
            metrics.ROOMS.set(len(self._rooms))
        member = room.members.get(connection)
        if member is None:
            member = room.members[connection] = Member(self._hub.now())
            if connection.rooms is None:
                connection.rooms = set()
            connection.rooms.add(name)
        return room, member

    def _drop(self, connection: "Connection", room: Room) -> None:
        if room.members.pop(connection, None) is None:
            return
        if connection.rooms is not None:
            connection.rooms.discard(room.name)
        if room.owed is not None:
            room.owed.discard(connection)
        if not room.members and self._rooms.get(room.name) is room:
            del self._rooms[room.name]
            metrics.ROOMS.set(len(self._rooms))

    def _trusts(self, room: Room, member: Member) -> bool:
        """Whether this member may say where they are without another question."""
        return room.relies_on(member, self._hub.now(), LOCATES_SECONDS)

    def _location_since(self, admission: Admission, name: str, asked_at: datetime) -> Location | None:
        """The latest, unless the status is newer: it may be the last driver's. A status that is as new as the question
        is of a moment that is not known.
        """
        location, status = self.location(name), admission.status
        if location is not None and status is not None and location.at < status.at < asked_at:
            return None
        return location

    def _remember(self, location: Location, now: float) -> None:
        locations = self._locations
        locations[location.room] = now, location
        locations.move_to_end(location.room)
        oldest = now - self._hub.limits.location_seconds
        while len(locations) > MOST_LOCATIONS or next(iter(locations.values()))[0] < oldest:
            locations.popitem(last=False)

    async def _ask_for(self, connection: "Connection", room: Room, member: Member) -> Admission | None:
        """Ask for one member; None and out, where it may not be there or has left meanwhile."""
        hub = self._hub
        assert hub.rooms is not None  # noqa: S101 - else there is no room
        async with hub.turns.admission():
            asked_at = hub.now()
            [admission] = await hub.rooms.admit(room.name, [(connection.user_id, connection.roles)])
        if room.members.get(connection) is not member:
            return None  # a later question was answered with no
        if admission is None:
            self._drop(connection, room)
        else:
            member.take(admission, asked_at)
        return admission

    def _ask_again(self, room: Room) -> None:
        room.doubtful = True
        if room.sure.is_set() and self._hub.rooms is not None:
            room.sure.clear()
            self._hub.spawn(self._ask_until_sure(room))

    async def _ask_until_sure(self, room: Room) -> None:
        try:
            while room.doubtful and room.members:
                room.doubtful = False
                await self._ask_for_all(room)
        except Exception as error:  # noqa: BLE001 - it is in the log
            # Nobody is put out, and nobody is shown a location, until it works again.
            self._hub.troubles.say(log, "hub.admission_failed", error)
            room.doubtful_at, room.refreshing = self._hub.now(), True
            room.again_at = room.doubtful_at + AGAIN_SECONDS
        finally:
            room.sure.set()

    async def _ask_for_all(self, room: Room) -> None:
        hub = self._hub
        assert hub.rooms is not None  # noqa: S101 - else there is no room
        async with hub.turns.admission():
            asked_at = hub.now()
            refreshing, room.refreshing = room.refreshing, False
            people = list(dict.fromkeys((member.user_id, member.roles) for member in room.members))
            answers = dict(zip(people, await hub.rooms.admit(room.name, people), strict=True))
        for connection, member in tuple(room.members.items()):
            who = connection.user_id, connection.roles
            # Who came, or was asked for, after this question has a better answer, or waits for one.
            if who not in answers or asked_at < max(member.asked_at, member.joined_at):
                continue
            admission = answers[who]
            if admission is None:
                self._drop(connection, room)
                if member.held is None:
                    connection.deliver(frames.unsubscribed(room.name, NOT_ADMITTED))
                continue
            member.take(admission, asked_at)
            if refreshing and admission.status is not None and member.held is None:
                connection.deliver(frames.order_status_update(admission.status))
        self._pay(room)

    def _pay(self, room: Room) -> None:
        """Show the location to those who waited for this."""
        location, owed = self.location(room.name), room.owed
        if location is None or not owed:
            room.owed = None
            return
        now, frame = self._hub.now(), frames.location_update(location)
        for connection in tuple(owed):
            member = room.members.get(connection)
            if member is not None and room.relies_on(member, now):
                owed.discard(connection)
                connection.deliver(frame)
