"""Many browsers in one process, light enough not to be what is measured.

Frames are counted by their length and not looked into. One loop over epoll, one ``recv`` for each socket that has
something; frames of the one size that is expected are told by a look at their first bytes.
"""

import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from websockets.frames import Frame, Opcode

TEXT = 0x80 | Opcode.TEXT
PER_ADDRESS = 20_000
"""Connections from one source address: there are not many more ports."""
AT_ONCE = 32
"""Handshakes under way: Twisted's listener has room for 50."""
PATIENCE_SECONDS = 60.0
"""What has not come after so long never will."""
LONGEST_SECONDS = 10.0
"""Of a measurement."""
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the one of RFC 6455, 1.3


class Failed(RuntimeError):
    """The server has refused or dropped somebody, or says nothing any more."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """How person N comes in."""

    path: Callable[[int], str]
    hello: Callable[[int], str] | None = None
    """What is said once connected."""
    welcomes: int = 1
    """The last of so many text frames is the welcome."""
    ping: bytes | None = None
    """A text frame that wants an answer, and is no message (Engine.IO, version 4)."""
    pong: bytes = b""
    """That answer."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came in a time."""

    messages: int
    seconds: float
    frame_bytes: int
    cpu_seconds: float
    """Of this process: near ``seconds``, it is the client that was measured."""


class Link:
    """One connection."""

    __slots__ = ("got", "number", "recv_into", "rest", "socket", "upgraded", "welcome")

    def __init__(self, number: int, made: socket.socket) -> None:
        self.number = number
        self.socket = made
        self.recv_into = made.recv_into
        self.rest = b""
        """Of a frame that is not complete."""
        self.upgraded = self.welcome = False
        self.got = 0
        """Text frames since the measurement began."""


class Rounds:
    """Commands that bring one frame to each: when all have got what one brought, the next is given."""

    def __init__(self, people: int, command: Callable[[int], None]) -> None:
        self._people = people
        self._command = command
        self.missing: list[int] = []
        """Of each: how many have not got its frame."""
        self.done = 0

    def give(self, times: int) -> None:
        """In one call, so that what is ready together reaches every server together."""
        self.missing += [self._people] * times
        self._command(times)

    def arrived(self, link: Link, frames: int) -> None:
        """They come in the order of the commands."""
        missing, done = self.missing, 0
        for number in range(link.got, link.got + frames):
            missing[number] -= 1
            done += not missing[number]
        link.got += frames
        if done:
            self.done += done
            self.give(done)


class Crowd:
    """All connections to one server; a context manager, which ends them."""

    def __init__(self, port: int, visitor: Visitor) -> None:
        self._port = port
        self._visitor = visitor
        self._epoll = select.epoll()
        self._links: dict[int, Link] = {}
        self._buffer = bytearray(262_144)
        self._frame_bytes = 0
        """The size of whole frames now, by the first one that came."""
        self._rounds = Rounds(0, lambda _: None)
        """Of the last measurement."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._epoll.close()

    def __len__(self) -> int:
        return len(self._links)

    def come(self, count: int) -> float:
        """Persons 0 to ``count`` - 1 connect and are welcomed. Seconds that it took. Raises Failed."""
        began, coming, welcome = time.monotonic(), 0, 0
        while welcome < count:
            while coming < count and coming - welcome < AT_ONCE:
                self._open(coming)
                coming += 1
            for link in self._readable():
                link.got += self._take(link)
                if not link.welcome and link.got >= self._visitor.welcomes:
                    link.welcome = True
                    welcome += 1
        return time.monotonic() - began

    def leave(self) -> None:
        """All at once, without a word."""
        for link in self._links.values():
            link.socket.close()
        self._links.clear()

    def rest(self, seconds: float) -> None:
        """Take what comes, and answer pings, for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for fd, _ in self._epoll.poll(left):
                self._take(self._links[fd])

    def measure(
        self,
        command: Callable[[int], None],
        *,
        seconds: float,
        warm_up: float,
        window: int,
        look: Callable[[float], None],
    ) -> Measured:
        """Give a command that brings one frame to each, again and again, and count for ``seconds``; ``command`` is
        given how many times.

        No more than ``window`` commands are under way: the next is given when all have got what the oldest brought.
        It is counted from when ``warm_up`` seconds have passed and one is done, for longer where so few are done in
        that time that it would show a part of a wave only; ``look`` is called at both ends. Raises Failed.
        """
        links, poll, whole = self._links, self._epoll.poll, self._whole
        for link in links.values():
            link.got = 0
        self._frame_bytes = total = 0
        self._rounds = rounds = Rounds(len(links), command)
        rounds.give(window)
        now = began = time.monotonic()
        start: tuple[float, int, float] | None = None
        enough = 0
        while start is None or now - start[0] < seconds or (rounds.done < enough and now - start[0] < LONGEST_SECONDS):
            if start is None and now - began > seconds + PATIENCE_SECONDS:
                raise Failed(f"not everybody has got the first frame: {total} frames came")
            for fd, _ in poll(PATIENCE_SECONDS):
                link = links[fd]
                frames = whole(link)
                total += frames
                rounds.arrived(link, frames)
            now = time.monotonic()
            if start is None and now - began >= warm_up and rounds.done:
                start = now, total, time.process_time()
                enough = rounds.done + window
                look(now)
        look(now)
        return Measured(total - start[1], now - start[0], self._frame_bytes, time.process_time() - start[2])

    def drain(self) -> None:
        """Until everybody has got what is on its way since :meth:`measure`. Raises Failed."""
        wanted, until = len(self._rounds.missing), time.monotonic() + PATIENCE_SECONDS
        behind = {fd for fd, link in self._links.items() if link.got < wanted}
        while behind:
            if time.monotonic() > until:
                raise Failed(f"{len(behind)} connections did not get everything")
            for link in self._readable():
                link.got += self._take(link)
                if link.got >= wanted:
                    behind.discard(link.socket.fileno())

    def _open(self, number: int) -> None:
        made = socket.socket()
        if number >= PER_ADDRESS:
            made.bind((f"127.0.0.{1 + number // PER_ADDRESS}", 0))
        made.settimeout(PATIENCE_SECONDS)
        made.connect(("127.0.0.1", self._port))
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.send(
            f"GET {self._visitor.path(number)} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
        )
        self._links[made.fileno()] = Link(number, made)
        self._epoll.register(made, select.EPOLLIN)

    def _readable(self) -> Iterator[Link]:
        events = self._epoll.poll(PATIENCE_SECONDS)
        if not events:
            raise Failed("the server says nothing any more")
        for fd, _ in events:
            yield self._links[fd]

    def _whole(self, link: Link) -> int:
        """As :meth:`_take`, and faster for frames of the one size that is expected."""
        count, size, buffer = link.recv_into(self._buffer), self._frame_bytes, self._buffer
        if not link.rest and size:
            if count == size and buffer[0] == TEXT:
                return 1
            frames, left = divmod(count, size)
            # What is in them is ASCII: nothing else looks like the beginning of a frame.
            if frames and not left and buffer[:count:size].count(TEXT) == frames:
                return frames
        return self._count(link, count)

    def _take(self, link: Link) -> int:
        """Receive; how many whole text frames that makes."""
        return self._count(link, link.recv_into(self._buffer))

    def _count(self, link: Link, count: int) -> int:
        """How many whole text frames end in what was received, which is the first ``count`` bytes of the buffer."""
        if not count:
            raise Failed(f"the server has closed connection {link.number}")
        data = link.rest + self._buffer[:count]
        if not link.upgraded:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                link.rest = head
                return 0
            if not head.startswith(b"HTTP/1.1 101 "):
                raise Failed(f"the server has refused connection {link.number}: {head[:80]!r}")
            link.upgraded = True
            if self._visitor.hello is not None:
                hello = self._visitor.hello(link.number).encode()
                link.socket.send(Frame(Opcode.TEXT, hello).serialize(mask=True))
        return self._frames(link, data)

    def _frames(self, link: Link, data: bytes) -> int:
        found = at = 0
        while (end := _end(data, at)) is not None:
            opcode = data[at] & 0x0F
            if opcode == Opcode.TEXT and data[at + 2 : end] == self._visitor.ping:
                link.socket.send(Frame(Opcode.TEXT, self._visitor.pong).serialize(mask=True))
            elif opcode == Opcode.TEXT:
                found += 1
                self._frame_bytes = self._frame_bytes or end - at
            elif opcode == Opcode.PING:
                link.socket.send(Frame(Opcode.PONG, data[at + 2 : end]).serialize(mask=True))
            elif opcode == Opcode.CLOSE:
                raise Failed(f"the server closes connection {link.number}: {data[at + 2 : end]!r}")
            at = end
        link.rest = bytes(data[at:])
        return found


def _end(data: bytes, at: int) -> int | None:
    """Where the frame ends that begins at ``at``; None where that is not here yet. Of a server: without a mask."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1], at + 2
    if length >= 126:
        start += 2 if length == 126 else 8
        if len(data) < start:
            return None
        length = int.from_bytes(data[at + 2 : start], "big")
    end = start + length
    return end if end <= len(data) else None
