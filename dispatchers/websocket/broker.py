"""Between daemons: what one hub shows, the others show as well.

An :class:`Envelope` holds what originated at one hub; :meth:`Hub.receive` delivers it at another. A :class:`Broker`
carries them, in order for each daemon that sends, and says when some may be missing. With one daemon there is none.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dispatchers.websocket.frames import Outgoing, payload
from dispatchers.websocket.values import Location, Status, moment

VERSION = 1
MOST_SECONDS = 86_400.0
_HEAD = struct.Struct(">BB")
_ITEM = struct.Struct(">HqI")
"""Length of the user id, the notification's id, length of the frame."""


@dataclass(frozen=True, slots=True)
class ToPeople:
    """Frames and who they are for, in order."""

    items: tuple[tuple[str, Outgoing], ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """There was more in the last so many seconds than is told one by one: each reads what concerns its people."""

    seconds: float


Content = ToPeople | Status | Location | Missed
KINDS: tuple[type[Content], ...] = (ToPeople, Status, Location, Missed)
"""By the number that stands for each in an encoded envelope; only ever added to."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What one hub tells the others."""

    content: Content

    def encode(self) -> bytes:
        return _HEAD.pack(VERSION, KINDS.index(type(self.content))) + _body(self.content)

    @staticmethod
    def decode(data: bytes) -> "Envelope":
        """Raises ValueError where ``data`` is no envelope of this version."""
        try:
            version, kind = _HEAD.unpack_from(data)
            content = _content(KINDS[kind], data[_HEAD.size :]) if version == VERSION else None
        except ValueError:
            raise
        except (struct.error, LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise ValueError(f"not an envelope: {type(error).__name__}") from None
        if content is None:
            raise ValueError(f"an envelope of version {version}")
        return Envelope(content)


class Broker(Protocol):
    """Carries envelopes between daemons."""

    async def start(self) -> None:
        """Be ready to receive, if that is possible now. Raises nothing where the other side is away."""

    async def run(self) -> None:
        """Receive and send for ever, until cancelled."""

    async def stop(self) -> None:
        """Send what waits, if that is quick, and close."""

    def publish(self, envelope: Envelope) -> None:
        """Send it soon. Never waits and never raises: what cannot be sent, the others are told they have missed."""


Receive = Callable[[Envelope], None]
OnGap = Callable[[float], None]
"""Is given how many seconds back frames may be missing."""


def redis_broker(url: str, *, installation: str, receive: Receive, on_gap: OnGap) -> Broker:
    """Over Redis at ``url`` (``redis://`` or ``rediss://``); daemons hear each other that name the same installation.

    Raises:
        ImportError: the package ``redis`` is not there.
        ValueError: ``url`` is none of Redis.
    """
    from dispatchers.websocket.redis_broker import RedisBroker, channel_of  # noqa: PLC0415 - redis is only needed here

    return RedisBroker(url, receive=receive, on_gap=on_gap, channel=channel_of(url, installation))


def _body(content: Content) -> bytes:
    match content:
        case ToPeople(items):
            parts = []
            for user_id, frame in items:
                name = user_id.encode()
                parts += [_ITEM.pack(len(name), frame.id, len(frame.data)), name, frame.data]
            return b"".join(parts)
        case Status() | Location():
            return _json({"room": content.room} | content.as_json())
        case Missed(seconds):
            return _json({"seconds": seconds})


def _content(kind: type[Content], body: bytes) -> Content:
    if kind is ToPeople:
        return ToPeople(tuple(_items(body)))
    values = json.loads(body)
    if kind is Status:
        return Status(_text(values["room"]), _text(values["event"]), _text(values["status"]), _at(values["at"]))
    if kind is Location:
        numbers = {name: _number(values[name]) for name in ("heading", "speed", "accuracy")}
        lat, lng = _number(values["lat"]), _number(values["lng"])
        if lat is None or lng is None:
            raise ValueError("a location without a place")
        return Location(_text(values["room"]), lat, lng, **numbers, at=_at(values["at"]))
    seconds = _number(values["seconds"])
    if seconds is None or not 0 <= seconds <= MOST_SECONDS:
        raise ValueError("no time that anything took")
    return Missed(seconds)


def _items(body: bytes) -> list[tuple[str, Outgoing]]:
    items, at = [], 0
    while at < len(body):
        name_length, notification_id, frame_length = _ITEM.unpack_from(body, at)
        at += _ITEM.size
        name, frame = body[at : at + name_length], body[at + name_length : at + name_length + frame_length]
        at += name_length + frame_length
        if at > len(body) or notification_id < 0:
            raise ValueError("a cut envelope")
        # It goes to browsers as it is: what is no frame of ours would end their connections.
        payload(frame).decode()
        items.append((name.decode(), Outgoing(notification_id, frame)))
    return items


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - malformed, whatever it is
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("not a whole number")  # noqa: TRY004 - malformed, whatever it is
    return value


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - malformed, whatever it is
    return float(value)


def _at(value: Any) -> datetime:
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError("a moment without a time zone")
    moment(at)  # at the end of the calendar, another zone is no moment
    return at
