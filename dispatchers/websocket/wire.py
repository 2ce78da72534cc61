"""A WebSocket over a transport: writing, closing, and waiting for a slow peer. What is said is :mod:`.connection`'s."""

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from websockets.protocol import Protocol, Side, State

from dispatchers.websocket import metrics
from dispatchers.websocket.codes import CloseCode
from dispatchers.websocket.frames import Outgoing
from dispatchers.websocket.upgrade import websockets_log

if TYPE_CHECKING:
    from dispatchers.websocket.hub import Hub

CLOSE_SECONDS = 3.0
"""A peer that does not answer a close frame within this is cut off."""


class Stage(Enum):
    """Where a connection stands; it only moves down this list."""

    UPGRADE = auto()
    HELLO = auto()
    """Connected; nothing flows before the client has said who it is."""
    OPEN = auto()
    CLOSING = auto()


class Wire(asyncio.Protocol):
    """Frames are written to the transport, whose buffer is looked at first: there is no queue and no task."""

    __slots__ = ("deadline", "deflates", "drained", "hub", "listed_in", "paused", "proto", "stage", "transport")

    transport: asyncio.Transport

    def __init__(self, hub: "Hub", listed_in: set[object]) -> None:
        self.hub = hub
        self.listed_in = listed_in  # uvicorn's own set: it calls shutdown() on what is in there
        self.proto = Protocol(Side.SERVER, max_size=hub.limits.max_frame_bytes, logger=websockets_log)
        """Of what follows the upgrade."""
        self.stage = Stage.UPGRADE
        self.deadline = hub.now() + hub.limits.hello_timeout_seconds
        self.deflates = False
        """permessage-deflate was agreed on."""
        self.paused = False
        self.drained: asyncio.Future[None] | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What a stream server makes; uvloop's is a transport without being derived from one.
        self.transport = cast("asyncio.Transport", transport)
        self.listed_in.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the peer is gone either way
        self.stage = Stage.CLOSING
        self.release()
        self.listed_in.discard(self)
        self._wake()
        # It and the protocol refer to each other: else their memory waits for the collector.
        self.proto.parser.close()

    def eof_received(self) -> None:
        """None: the transport closes itself."""

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._wake()

    # What the hub and the session call.

    @property
    def open(self) -> bool:
        return self.stage is not Stage.CLOSING

    def release(self) -> None:
        """Give up what is kept for this peer: no frame reaches it any more."""

    def write(self, frame: Outgoing) -> bool:
        """Write one frame; False where the reader is too slow and was cut off."""
        hub, transport = self.hub, self.transport
        if transport.get_write_buffer_size() > hub.limits.max_buffered_bytes:
            self.cut(slow=True)
            return False
        transport.write(frame.deflated if self.deflates else frame.data)
        hub.written += 1
        return True

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Begin the closing handshake; out of the hub's set first: no frame follows the close frame."""
        if not self.open:
            return
        upgraded = self.stage is not Stage.UPGRADE
        self._end(code)
        if self.transport.get_write_buffer_size() > self.hub.limits.max_buffered_bytes:
            self.transport.abort()
        elif upgraded and self.proto.state is State.OPEN:
            self.proto.send_close(code, reason)
            self._flush()
        else:
            self.transport.close()

    def cut(self, *, slow: bool) -> None:
        """End without a word: ``close()`` would wait for a buffer that nobody empties."""
        if self.open:
            (metrics.SLOW_CLOSES if slow else metrics.DEAD_CLOSES).inc()
            self._end(0)
            self.transport.abort()

    async def drain(self) -> None:
        """Wait until the peer has read most of what was written; one that takes too long is cut off."""
        try:
            async with asyncio.timeout(self.hub.limits.ping_timeout_seconds):
                while self.paused and self.open:
                    self.drained = asyncio.get_running_loop().create_future()
                    await self.drained
        except TimeoutError:
            self.cut(slow=True)

    # Inside.

    def _flush(self) -> None:
        """Write what the protocol has made: pongs, close frames, and the end of the stream."""
        for data in self.proto.data_to_send():
            if data:
                self.transport.write(data)
            elif self.proto.close_rcvd is not None:
                self._end(0)
                self.transport.close()
            else:
                # The protocol has failed the connection. What still comes is read and thrown away: closing a
                # socket with unread data resets it, and the peer would not see the close frame.
                code = self.proto.close_sent.code if self.proto.close_sent else 0
                self._end(code)
                if self.transport.can_write_eof():
                    self.transport.write_eof()

    def _end(self, code: int) -> None:
        self.stage = Stage.CLOSING
        self.release()
        self.deadline = self.hub.now() + CLOSE_SECONDS
        if code:
            metrics.CLOSES.labels(str(int(code))).inc()
        self._wake()

    def _wake(self) -> None:
        if self.drained is not None and not self.drained.done():
            self.drained.set_result(None)
        self.drained = None
