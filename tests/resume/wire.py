"""A TCP proxy in front of a daemon: its connections are cut, at any byte, or lead nowhere from some moment on."""

import asyncio
import random
import socket
import struct
from enum import Enum
from typing import Self

DOOMED = 0.15
"""How many connections are cut after so many bytes, whatever is in them: amid a frame, most likely."""
MOST_BYTES = 60_000


class Cut(Enum):
    """What becomes of a connection."""

    RESET = "both ends are reset"
    SILENCE = "everything is swallowed, both ways"
    DEAFNESS = "what the daemon says is swallowed"


class Line:
    """One connection through the wire."""

    def __init__(self, bytes_left: float) -> None:
        self.bytes_left = bytes_left
        """From the daemon, until it is cut."""
        self.cut: Cut | None = None
        self.ended = asyncio.Event()


class Wire:
    """Listens on loopback and carries to ``far_port``."""

    def __init__(self, far_port: int, dice: random.Random) -> None:
        self.port = 0
        self.torn = 0
        """Connections that were cut amid what the daemon said."""
        self._far_port = far_port
        self._dice = dice
        self._calm = True
        self._server: asyncio.Server | None = None
        self._lines: dict[asyncio.Task[None], Line] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for line in self._lines.values():
            line.ended.set()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def strike(self, seconds_between: float, silent_seconds: tuple[float, float]) -> None:
        """Cut one connection or another, for ever; those that lead nowhere are reset after so long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / seconds_between))
            if not self._lines:
                continue
            line = self._dice.choice(list(self._lines.values()))
            line.cut = self._dice.choice(list(Cut))
            if line.cut is Cut.RESET:
                line.ended.set()
            else:
                loop.call_later(self._dice.uniform(*silent_seconds), line.ended.set)

    @property
    def calm(self) -> bool:
        """Everything is carried. Connections that had lost bytes are reset when it becomes so."""
        return self._calm

    @calm.setter
    def calm(self, calm: bool) -> None:
        self._calm = calm
        for line in self._lines.values():
            line.bytes_left = float("inf")
            if calm and line.cut is not None:
                line.ended.set()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        doomed = not self._calm and self._dice.random() < DOOMED
        line = Line(MOST_BYTES ** self._dice.random() if doomed else float("inf"))
        task = asyncio.ensure_future(self._carry(reader, writer, line))
        self._lines[task] = line
        task.add_done_callback(self._lines.pop)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line) -> None:
        ends = [writer]
        ways: list[asyncio.Future[object]] = []
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._far_port)
            ends.append(far_writer)
            ways += [
                asyncio.ensure_future(self._ask(reader, far_writer, line)),
                asyncio.ensure_future(self._answer(far_reader, writer, line)),
                asyncio.ensure_future(line.ended.wait()),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            return  # the daemon is away
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in ends:
                _reset(end)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line) -> None:
        while data := await reader.read(65_536):
            if line.cut is not Cut.SILENCE:
                writer.write(data)
                await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line) -> None:
        while data := await reader.read(65_536):
            if line.cut is not None:
                continue
            if line.bytes_left < len(data):
                self.torn += 1
                writer.write(data[: int(line.bytes_left)])
                await writer.drain()
                await asyncio.sleep(0.02)  # so that the peer reads it before the reset
                return
            line.bytes_left -= len(data)
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        await asyncio.sleep(0.1)  # an end is no reset: the peer reads what is under way


def _reset(end: asyncio.StreamWriter) -> None:
    """With RST: the peer hears of it at once, and what is under way is gone."""
    carrier: socket.socket | None = end.get_extra_info("socket")
    if carrier is not None and carrier.fileno() >= 0:
        carrier.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.transport.abort()
