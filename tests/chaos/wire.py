"""A TCP proxy that misbehaves: it cuts mid-message, swallows bytes, or is slow."""

import asyncio
import random
import socket
import struct
from enum import Enum
from pathlib import Path

SLOW_SECONDS = (0.02, 0.25)
"""How long a piece is held up on a slow wire."""


class Mood(Enum):
    """How the wire is just now."""

    FINE = "fine"
    SEVER_REQUEST = "cut amid the next request"
    """Half of it goes through, then both ends are reset."""
    SEVER_ANSWER = "cut before the next answer"
    """What was asked may have been done; the answer is lost."""
    REFUSE = "reset every connection, old and new"
    BLACK_HOLE = "swallow everything without a word"
    DEAF = "swallow the answers only"
    SLOW = "hold up every piece"


class Wire:
    """Listens on loopback and carries to ``far``; ``mood`` may be changed at any time."""

    def __init__(self, name: str, far: int | Path, dice: random.Random) -> None:
        """``far``: a port of loopback, or a Unix socket."""
        self.name = name
        self.port = 0
        self.cut_at_work = asyncio.Event()
        """Set once a connection was cut, or bytes were swallowed, in the present mood."""
        self._far = far
        self._dice = dice
        self._mood = Mood.FINE
        self._server: asyncio.Server | None = None
        self._carrying: dict[asyncio.Task[None], _Line] = {}

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._reset(list(self._carrying))

    def far_ends(self) -> set[int]:
        """The ports from which it speaks to the far side: how that knows its connections."""
        return {line.far_end for line in self._carrying.values() if line.far_end}

    def misbehave(self, mood: Mood) -> None:
        """From now on, until :meth:`heal`."""
        self._mood = mood
        self.cut_at_work.clear()
        if mood is Mood.REFUSE:
            for task in self._carrying:
                task.cancel()
            self.cut_at_work.set()

    async def heal(self) -> None:
        """Carry again. Connections that lost bytes are reset: no TCP connection would go on without them."""
        self._mood = Mood.FINE
        await self._reset([task for task, line in self._carrying.items() if line.lost_bytes])

    async def _reset(self, tasks: "list[asyncio.Task[None]]") -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _Line()
        task = asyncio.ensure_future(self._carry(reader, writer, line))
        self._carrying[task] = line
        task.add_done_callback(self._carrying.pop)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: "_Line") -> None:
        ends = [writer]
        ways: list[asyncio.Future[None]] = []
        try:
            if self._mood is Mood.REFUSE:
                return
            far_reader, far_writer = await self._reach()
            ends.append(far_writer)
            if isinstance(self._far, int):
                line.far_end = far_writer.get_extra_info("sockname")[1]
            ways += [
                asyncio.ensure_future(self._pump(reader, far_writer, line, asks=True)),
                asyncio.ensure_future(self._pump(far_reader, writer, line, asks=False)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            return  # nobody listens at the far side
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in ends:
                _reset(end)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._far, int):
            return await asyncio.open_connection("127.0.0.1", self._far)
        return await asyncio.open_unix_connection(self._far)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: "_Line", *, asks: bool
    ) -> None:
        while data := await reader.read(65_536):
            match self._mood:
                case Mood.SEVER_REQUEST if asks:
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                    self._cut_once()
                    return
                case Mood.SEVER_ANSWER if not asks:
                    self._cut_once()
                    return
                case Mood.REFUSE:
                    return
                case Mood.BLACK_HOLE:
                    self._lose(line)
                case Mood.DEAF if not asks:
                    self._lose(line)
                case Mood.SLOW:
                    self.cut_at_work.set()
                    await asyncio.sleep(self._dice.uniform(*SLOW_SECONDS))
                    writer.write(data)
                case _:
                    if line.lost_bytes:
                        return
                    writer.write(data)
            await writer.drain()

    def _cut_once(self) -> None:
        self._mood = Mood.FINE
        self.cut_at_work.set()

    def _lose(self, line: "_Line") -> None:
        line.lost_bytes = True
        self.cut_at_work.set()


class _Line:
    """One connection through the wire."""

    far_end = 0
    lost_bytes = False


def _reset(end: asyncio.StreamWriter) -> None:
    """Close it with RST: what is under way is gone, and the peer hears of it at once."""
    carrier: socket.socket | None = end.get_extra_info("socket")
    if carrier is not None and carrier.fileno() >= 0:
        carrier.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.transport.abort()
