"""One client, as uvicorn's server sees it: a protocol over a transport.

There is no task and no queue for each connection: a task exists only while a command waits for the database.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from dispatchers.websocket import frames, metrics, session
from dispatchers.websocket.codes import CloseCode, ErrorCode
from dispatchers.websocket.commands import BadFrame, Command, Hello, Ping, parse, room_of
from dispatchers.websocket.deflate import EXTENSIONS
from dispatchers.websocket.frames import Outgoing
from dispatchers.websocket.upgrade import Answer, accept, read, refusal, refuse, token_of
from dispatchers.websocket.wire import Stage, Wire

if TYPE_CHECKING:
    from dispatchers.websocket.hub import Hub

MOST_FAULTS = 10
"""Errors in a row before a client is taken for broken or hostile. A good message takes one back."""
MOST_WAITING = 32
"""Commands that wait for the database."""
MOST_FRAGMENTS = 128
"""Of one message; browsers send one."""
NO_ROLES: frozenset[str] = frozenset()


class Connection(Wire):
    """See the module. Public methods are for the hub and :mod:`.session`."""

    __slots__ = (
        "allowance", "allowance_at", "expires_at", "floor", "heard_at", "held", "joined_at", "latest", "overflowed",
        "pinged_at", "roles", "rooms", "strikes", "text", "token", "user_id", "waiting",
    )  # fmt: skip

    def __init__(self, hub: "Hub", listed_in: set[object]) -> None:
        super().__init__(hub, listed_in)
        self.user_id = ""
        self.roles = NO_ROLES
        self.expires_at = 0.0
        self.token: str | None = None
        """Of the upgrade request, until hello."""
        self.heard_at = self.pinged_at = 0.0
        self.allowance, self.allowance_at = 2 * hub.limits.messages_per_second, hub.now()
        self.strikes = 0
        self.floor = 0
        """Notifications up to this id were sent by the replay, or were there before it."""
        self.latest = 0
        """The last notification that came live."""
        self.held: list[Outgoing] | None = None
        """Frames that came while the replay was read and written; None: they are written at once."""
        self.joined_at = 0.0
        self.overflowed = False
        self.rooms: set[str] | None = None
        """Those it is in, or waits to be let into."""
        self.text: list[bytes] | None = None
        """Fragments of a message that is not complete (RFC 6455, 5.4)."""
        self.waiting: list[Command] | None = None
        """Commands for the task that is at work; None: there is no task."""

    # What asyncio and uvicorn call.

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.hub.crowd.remove(self)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.hub.now()
        if self.stage is Stage.UPGRADE:
            self._upgrade(data)
            return
        self.proto.receive_data(data)
        for event in self.proto.events_received():
            if isinstance(event, Frame) and self.open:
                self._frame(event)
        self._flush()

    def shutdown(self) -> None:
        """Uvicorn is going to stop, and waits until all are gone: the hub closes them one after the other."""
        if self.stage is Stage.UPGRADE:
            self.close(CloseCode.SERVICE_RESTART)
        else:
            self.hub.crowd.begin_to_leave()

    # What the hub and the session call.

    def release(self) -> None:
        self.hub.leave(self)
        self.held = self.text = self.token = None

    def deliver(self, frame: Outgoing) -> None:
        """Write ``frame``, or hold it back until what was missed is written. Raises nothing."""
        if self.stage is Stage.CLOSING:
            return
        if frame.id:
            if frame.id <= self.floor:
                return
            self.latest = frame.id
        if self.held is None:
            self.write(frame)
        elif not self.overflowed and len(self.held) < self.hub.limits.replay_limit:
            self.held.append(frame)
        else:
            self.overflowed = True

    def fault(self, code: ErrorCode, message: str) -> None:
        """Tell the client what it did wrong; after too many times, close."""
        self.strikes += 1
        self.error(code, message)
        if self.strikes >= MOST_FAULTS:
            self.close(CloseCode.POLICY_VIOLATION, "too many errors")

    def error(self, code: ErrorCode, message: str, room: str | None = None) -> None:
        metrics.CLIENT_ERRORS.labels(code.value).inc()
        if self.open:
            self.write(frames.error(code, message, room))

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

    def _upgrade(self, data: bytes) -> None:
        """``data`` is the whole request: uvicorn has read it."""
        hub, found = self.hub, read(data)
        answer = self._answer(found) if isinstance(found, Request) else found
        if isinstance(found, Request) and answer.status == HTTPStatus.SWITCHING_PROTOCOLS:
            self.stage = Stage.HELLO
            self.proto.extensions = [*answer.extensions]
            self.deflates = bool(answer.extensions)
            self.token = token_of(found.headers, hub.allowed_origins, hub.cookie)
            hub.crowd.add(self)
            self.transport.write(answer.data)
            return
        if answer.data:
            metrics.REFUSED.labels(str(answer.status)).inc()
            self.transport.write(answer.data)
        self._end(0)
        self.transport.close()

    def _answer(self, request: Request) -> Answer:
        hub = self.hub
        refused = refusal(request.path, request.headers, hub.allowed_origins, hub.cookie)
        if refused is None and not hub.crowd.has_room():
            refused = HTTPStatus.SERVICE_UNAVAILABLE, "No room for more connections: come back later.\n"
        if refused is not None:
            return refuse(*refused)
        return accept(request, EXTENSIONS if hub.limits.compression else ())

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.CLOSE, Opcode.PONG):
            return
        if not self._allowed():
            self.text = None if frame.fin else self.text
            self.fault(ErrorCode.RATE_LIMITED, "too many messages: slow down")
        elif frame.opcode is Opcode.BINARY:
            self.close(CloseCode.UNSUPPORTED_DATA, "text frames only")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            if frame.fin and self.text is None:
                self._message(bytes(frame.data))
                return
            fragments = self.text = self.text or []
            fragments.append(bytes(frame.data))
            if frame.fin:
                self.text = None
                self._message(b"".join(fragments))
            elif len(fragments) >= MOST_FRAGMENTS:
                self.close(CloseCode.POLICY_VIOLATION, "too many fragments")

    def _message(self, data: bytes) -> None:
        try:
            command = parse(data)
        except BadFrame as bad:
            self.fault(bad.code, str(bad))
            return
        except UnicodeDecodeError:
            self.close(CloseCode.INVALID_DATA, "not UTF-8")
            return
        if isinstance(command, Hello):
            if self.stage is not Stage.HELLO:
                self.fault(ErrorCode.ALREADY_WELCOME, "hello was said already")
                return
            if command.token is None and self.token is None:
                self.fault(ErrorCode.MALFORMED, '"token" must be a string: the upgrade request carried none')
                return
            self.stage = Stage.OPEN
            self.expires_at = float("inf")
            self.deadline = self.hub.now() + self.hub.limits.ping_interval_seconds
        elif self.stage is Stage.HELLO:
            self.fault(ErrorCode.HELLO_FIRST, "say hello first")
            return
        self.strikes = max(0, self.strikes - 1)
        self._obey(command)

    def _obey(self, command: Command) -> None:
        if isinstance(command, Ping):
            self.write(frames.PONG)
        elif self.waiting is None:
            self.waiting = [command]
            self.hub.spawn(session.work_off(self))
        elif len(self.waiting) < MOST_WAITING:
            self.waiting.append(command)
        else:
            self.error(ErrorCode.BUSY, "earlier messages are still being worked on", room_of(command))

    def _allowed(self) -> bool:
        """A token bucket: so many messages a second on average, twice as many at once."""
        rate = self.hub.limits.messages_per_second
        self.allowance = min(2 * rate, self.allowance + (self.heard_at - self.allowance_at) * rate)
        self.allowance_at = self.heard_at
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True
