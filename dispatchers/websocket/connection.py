"""One WebSocket, as uvicorn's server sees it: a protocol over a transport.

There is no task and no queue for each connection: frames are written to the transport, whose buffer is looked
at first, and a task exists only while a command waits for the database.
"""

import asyncio
import logging
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from dispatchers.websocket import frames, metrics, session
from dispatchers.websocket.codes import CloseCode, ErrorCode
from dispatchers.websocket.commands import BadFrame, Command, Hello, Ping, parse
from dispatchers.websocket.frames import Outgoing
from dispatchers.websocket.upgrade import refusal

if TYPE_CHECKING:
    from dispatchers.websocket.hub import Hub

websockets_log = logging.getLogger("websockets.server")
websockets_log.setLevel(logging.WARNING)  # it says INFO at every connection

CLOSE_SECONDS = 3.0
"""A peer that does not answer a close frame within this is cut off."""
MOST_FAULTS = 10
"""Errors in a row before a client is taken for broken or hostile. A good message takes one back."""
MOST_WAITING = 32
"""Commands that wait for the database."""


class Stage(Enum):
    """Where a connection stands; it only moves down this list."""

    UPGRADE = auto()
    HELLO = auto()
    """Connected; nothing flows before the client has said who it is."""
    OPEN = auto()
    CLOSING = auto()


class Connection(asyncio.Protocol):
    """See the module. Public methods are for the hub and :mod:`.session`."""

    __slots__ = (
        "allowance", "allowance_at", "deadline", "drained", "expires_at", "floor", "heard_at", "held", "hub",
        "joined_at", "listed_in", "overflowed", "paused", "pinged_at", "proto", "stage", "strikes", "text", "transport",
        "user_id", "waiting",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, hub: "Hub", listed_in: set[object]) -> None:
        self.hub = hub
        self.listed_in = listed_in  # uvicorn's own set: it calls shutdown() on what is in there
        self.proto = ServerProtocol(max_size=hub.limits.max_frame_bytes, logger=websockets_log)
        self.stage = Stage.UPGRADE
        self.user_id = ""
        self.expires_at = 0.0
        self.deadline = hub.now() + hub.limits.hello_timeout_seconds
        self.heard_at = self.pinged_at = 0.0
        self.allowance, self.allowance_at = 2 * hub.limits.messages_per_second, hub.now()
        self.strikes = 0
        self.floor = 0
        """Notifications up to this id were sent by the replay, or were there before it."""
        self.held: list[Outgoing] | None = None
        self.joined_at = 0.0
        """Frames that came while the replay was read and written; None: they are written at once."""
        self.overflowed = False
        self.text: list[bytes] | None = None
        """Fragments of a message that is not complete (RFC 6455, 5.4)."""
        self.waiting: list[Command] | None = None
        """Commands for the task that is at work; None: there is no task."""
        self.paused = False
        self.drained: asyncio.Future[None] | None = None

    # What asyncio and uvicorn call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream server makes
        self.transport = transport
        self.listed_in.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the peer is gone either way
        self.stage = Stage.CLOSING
        self.hub.leave(self)
        self.hub.forget(self)
        self.listed_in.discard(self)
        self.held = self.text = None
        self._wake()
        # It and the protocol refer to each other: else their memory waits for the collector.
        self.proto.parser.close()

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.hub.now()
        self.proto.receive_data(data)
        for event in self.proto.events_received():
            if isinstance(event, Request):
                self._upgrade(event)
            elif isinstance(event, Frame) and self.open:
                self._frame(event)
        self._flush()

    def eof_received(self) -> None:
        """None: the transport closes itself."""

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._wake()

    def shutdown(self) -> None:
        """Uvicorn is going to stop."""
        self.close(CloseCode.SERVICE_RESTART, "the server restarts: come back")

    # What the hub and the session call.

    def write(self, data: bytes) -> bool:
        """Write one frame; False where the reader is too slow and was cut off."""
        if self.transport.get_write_buffer_size() > self.hub.limits.max_buffered_bytes:
            self.cut(slow=True)
            return False
        self.transport.write(data)
        self.hub.written += 1
        return True

    def deliver(self, frame: Outgoing) -> None:
        """Write ``frame``, or hold it back until what was missed is written. Raises nothing."""
        if frame.id and frame.id <= self.floor:
            return
        if self.held is None:
            self.write(frame.data)
        elif len(self.held) < self.hub.limits.replay_limit:
            self.held.append(frame)
        else:
            self.overflowed = True

    def fault(self, code: ErrorCode, message: str) -> None:
        """Tell the client what it did wrong; after too many times, close."""
        self.strikes += 1
        self.error(code, message)
        if self.strikes >= MOST_FAULTS:
            self.close(CloseCode.POLICY_VIOLATION, "too many errors")

    def error(self, code: ErrorCode, message: str) -> None:
        metrics.CLIENT_ERRORS.labels(code.value).inc()
        if self.open:
            self.write(frames.error(code, message))

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Begin the closing handshake; out of the hub's set first: no frame follows the close frame."""
        if not self.open:
            return
        self._end(code)
        if self.transport.get_write_buffer_size() > self.hub.limits.max_buffered_bytes:
            self.transport.abort()
        elif self.proto.state is State.OPEN:
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

    @property
    def open(self) -> bool:
        return self.stage is not Stage.CLOSING

    async def drain(self) -> None:
        """Wait until the peer has read most of what was written; one that takes too long is cut off."""
        try:
            async with asyncio.timeout(self.hub.limits.ping_timeout_seconds):
                while self.paused and self.open:
                    self.drained = asyncio.get_running_loop().create_future()
                    await self.drained
        except TimeoutError:
            self.cut(slow=True)

    def on_deadline(self, now: float) -> None:
        """The time that ``deadline`` named has come."""
        if self.stage is Stage.CLOSING:
            self.transport.abort()
        elif self.stage in (Stage.UPGRADE, Stage.HELLO):
            self.close(CloseCode.HELLO_TIMEOUT, "no hello in time")
        elif now >= self.expires_at:
            self.close(CloseCode.RENEW, "the token has expired: come back with a new one")
        elif self.pinged_at > self.heard_at:
            self.cut(slow=False)
        elif self.pinged_at:
            self.pinged_at = 0.0
            self.deadline = min(now + self.hub.limits.ping_interval_seconds, self.expires_at)
        elif self.write(frames.PING):
            self.pinged_at = now
            self.deadline = min(now + self.hub.limits.ping_timeout_seconds, self.expires_at)

    # What comes in.

    def _upgrade(self, request: Request) -> None:
        refused = refusal(request.path, request.headers, self.hub.allowed_origins)
        if refused is None and not self.hub.has_room():
            refused = HTTPStatus.SERVICE_UNAVAILABLE, "No room for more connections: come back later.\n"
        response = self.proto.accept(request) if refused is None else self.proto.reject(*refused)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self.stage = Stage.HELLO
            self.hub.remember(self)
        else:
            metrics.REFUSED.labels(str(response.status_code)).inc()
        self.proto.send_response(response)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.CLOSE, Opcode.PONG):
            return
        if not self._allowed():
            self.text = None if frame.fin else self.text
            self.fault(ErrorCode.RATE_LIMITED, "too many messages: slow down")
        elif frame.opcode is Opcode.BINARY:
            self.close(CloseCode.UNSUPPORTED_DATA, "text frames only")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            fragments = [*(self.text or ()), bytes(frame.data)]
            self.text = None if frame.fin else fragments
            if frame.fin:
                self._message(b"".join(fragments))

    def _message(self, data: bytes) -> None:
        try:
            command = parse(data)
        except BadFrame as bad:
            self.fault(bad.code, str(bad))
            return
        except UnicodeDecodeError:
            self.close(CloseCode.INVALID_DATA, "not UTF-8")
            return
        if self.stage is Stage.HELLO and not isinstance(command, Hello):
            self.fault(ErrorCode.HELLO_FIRST, "say hello first")
            return
        if self.stage is not Stage.HELLO and isinstance(command, Hello):
            self.fault(ErrorCode.ALREADY_WELCOME, "hello was said already")
            return
        self.strikes = max(0, self.strikes - 1)
        if isinstance(command, Hello):
            self.stage = Stage.OPEN
            self.expires_at = float("inf")
            self.deadline = self.hub.now() + self.hub.limits.ping_interval_seconds
        if isinstance(command, Ping):
            self.write(frames.PONG)
        elif self.waiting is None:
            self.waiting = [command]
            self.hub.spawn(session.work_off(self))
        elif len(self.waiting) < MOST_WAITING:
            self.waiting.append(command)
        else:
            self.error(ErrorCode.BUSY, "earlier messages are still being worked on")

    def _allowed(self) -> bool:
        """A token bucket: so many messages a second on average, twice as many at once."""
        rate = self.hub.limits.messages_per_second
        self.allowance = min(2 * rate, self.allowance + (self.heard_at - self.allowance_at) * rate)
        self.allowance_at = self.heard_at
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True

    def _flush(self) -> None:
        """Write what the protocol has made: the handshake, pongs, close frames, and the end of the stream."""
        for data in self.proto.data_to_send():
            if data:
                self.transport.write(data)
            elif self.proto.close_rcvd is not None or self.stage is Stage.UPGRADE:
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
        self.hub.leave(self)
        self.stage = Stage.CLOSING
        self.held = self.text = None
        self.deadline = self.hub.now() + CLOSE_SECONDS
        if code:
            metrics.CLOSES.labels(str(int(code))).inc()
        self._wake()

    def _wake(self) -> None:
        if self.drained is not None and not self.drained.done():
            self.drained.set_result(None)
        self.drained = None
