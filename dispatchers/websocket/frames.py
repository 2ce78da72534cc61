"""What the server says, as bytes: each frame is made once, unmasked, and written as it is to everybody."""

import json
import struct
import zlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any

from websockets.frames import Frame, Opcode

from dispatchers.base import Delivery
from dispatchers.websocket.codes import ErrorCode
from dispatchers.websocket.values import Announcement, Location, Notification, Status, moment, moment_or_none

LEAST_DEFLATED_BYTES = 128
"""Shorter frames gain nothing."""
TEXT = 0x80 | Opcode.TEXT
_SHORT, _MIDDLE, _LONG = struct.Struct("!BB"), struct.Struct("!BBH"), struct.Struct("!BBQ")
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
RSV1 = 0x40
"""Of the first byte: this message is compressed (RFC 7692, 7.2.1)."""
EMPTY_BLOCK = b"\x00\x00\xff\xff"
"""What a sync flush ends with and RFC 7692, 7.2.1 leaves out."""


class Outgoing:
    """A frame on its way."""

    __slots__ = ("_deflated", "data", "id")

    def __init__(self, notification_id: int, data: bytes) -> None:
        self.id = notification_id
        """The notification's id, by which a replay knows what it has sent already; 0 for everything else."""
        self.data = data
        self._deflated: bytes | None = None

    @property
    def deflated(self) -> bytes:
        """The same for connections that have agreed on permessage-deflate: made when the first one asks."""
        if self._deflated is None:
            self._deflated = _deflate(self.data) if len(self.data) >= LEAST_DEFLATED_BYTES else self.data
        return self._deflated


class Together(Outgoing):
    """Several frames, none of them a notification's, that go out in one write."""

    __slots__ = ("frames",)

    def __init__(self, frames: Sequence[Outgoing]) -> None:
        super().__init__(0, b"".join(frame.data for frame in frames))
        self.frames = frames

    @property
    def deflated(self) -> bytes:
        if self._deflated is None:
            self._deflated = b"".join(frame.deflated for frame in self.frames)
        return self._deflated


def text_frame(message: dict[str, Any]) -> bytes:
    """One unmasked text frame (RFC 6455, 5.2) with ``message`` as JSON."""
    return _framed(_json(message))


def _framed(text: str) -> bytes:
    # A lone surrogate, which UTF-8 cannot hold, becomes a question mark: a bad frame would end connections.
    data = text.encode("utf-8", "replace")
    length = len(data)
    if length < 126:
        return _SHORT.pack(TEXT, length) + data
    if length < 65_536:
        return _MIDDLE.pack(TEXT, 126, length) + data
    return _LONG.pack(TEXT, 127, length) + data


def payload(frame: bytes) -> bytes:
    """What is in one whole unmasked text frame of ours. Raises ValueError where ``frame`` is anything else."""
    if len(frame) < 2 or frame[0] != 0x80 | Opcode.TEXT or frame[1] & 0x80:
        raise ValueError("no unmasked text frame")
    length = frame[1]
    start = {126: 4, 127: 10}.get(length, 2)
    if start > 2:
        length = int.from_bytes(frame[2:start], "big")
    if len(frame) != start + length:
        raise ValueError("not one whole frame")
    return frame[start:]


def new_notification(made: Notification | Delivery) -> Outgoing:
    """The JSON that the REST API gives of it, written out: that halves what a frame costs.

    What is delivered to the hub is new, so it is unread.
    """
    if isinstance(made, Delivery):
        number = made.notification_id
        standing = '"read_at":null,"seen_at":null,"archived_at":null'
    else:
        number = made.id
        standing = f'"read_at":{_at(made.read_at)},"seen_at":{_at(made.seen_at)},"archived_at":{_at(made.archived_at)}'
    url = "null" if made.url is None else quoted(made.url)
    action = "null" if made.action is None else quoted(made.action)
    return Outgoing(
        number,
        _framed(
            f'{{"type":"new_notification","id":{number},"notification":{{"id":{number},"event":{quoted(made.event)},'
            f'"subject":{quoted(made.subject)},"audience":{quoted(made.audience)},"category":{quoted(made.category)},'
            f'"priority":{quoted(made.priority)},"title":{quoted(made.title)},"body":{quoted(made.body)},'
            f'"url":{url},"action":{action},"created_at":{_at(made.created_at)},'
            f'{standing},"expires_at":{_at(made.expires_at)}}}}}'
        ),
    )


@lru_cache(maxsize=1024)
def _at(value: datetime | None) -> str:
    """Notifications of one batch have a few moments between them, and to write one takes longer than to find it."""
    return "null" if value is None else f'"{moment(value)}"'


def welcome(user_id: str, last_id: int, unread_count: int, replayed: int) -> Outgoing:
    return Outgoing(
        0,
        _framed(
            f'{{"type":"welcome","user_id":{quoted(user_id)},"last_id":{last_id},"unread_count":{unread_count},'
            f'"replayed":{replayed}}}'
        ),
    )


def caught_up(since: str) -> Outgoing:
    """Everything up to this moment was told on this connection."""
    return Outgoing(0, _framed(f'{{"type":"caught_up","since":{quoted(since)}}}'))


def renewed(expires_at: datetime) -> Outgoing:
    """The connection may stay until then."""
    return _say("renewed", expires_at=moment(expires_at))


def update(
    notification_id: int, read_at: datetime | None, seen_at: datetime | None, archived_at: datetime | None
) -> Outgoing:
    """How one notification stands now, whichever device has changed it."""
    return _say(
        "notification_update",
        id=notification_id,
        read_at=moment_or_none(read_at),
        seen_at=moment_or_none(seen_at),
        archived_at=moment_or_none(archived_at),
    )


def update_up_to(last_id: int, field: str, at: datetime) -> Outgoing:
    """``field`` (``read_at``, ``seen_at`` or ``archived_at``) is set for everything up to ``last_id``."""
    return _say("notification_update", **{"up_to": last_id, field: moment(at)})


def withdrawn(notification_id: int, *, unread: bool) -> Outgoing:
    """One notification is taken back or deleted; ``unread`` says whether it had counted as that."""
    return _say("notification_withdrawn", id=notification_id, unread=unread)


def unread_count(count: int, last_id: int) -> Outgoing:
    """``last_id`` says as of which notification the count is: one that came later is not in it."""
    return _say("unread_count", unread_count=count, last_id=last_id)


def subscribed(room: str, status: Status | None, location: Location | None) -> Outgoing:
    return _say(
        "subscribed",
        room=room,
        status=None if status is None else status.as_json(),
        location=None if location is None else location.as_json(),
    )


def unsubscribed(room: str, reason: str | None = None) -> Outgoing:
    """Without a reason it is the answer to who asked for it."""
    return _say("unsubscribed", room=room) if reason is None else _say("unsubscribed", room=room, reason=reason)


def order_status_update(status: Status) -> Outgoing:
    return _say("order_status_update", room=status.room, **status.as_json())


def location_update(location: Location) -> Outgoing:
    return _say("location_update", room=location.room, **location.as_json())


def announcement(made: Announcement) -> Outgoing:
    return _say("announcement", announcement=made.as_json())


def announcement_ended(announcement_id: int) -> Outgoing:
    return _say("announcement", id=announcement_id, ended=True)


def error(code: ErrorCode, message: str, room: str | None = None) -> Outgoing:
    """``room``: the one that the message was about."""
    about = {} if room is None else {"room": room}
    return _say("error", code=code.value, message=message, **about)


def missing(ids: Sequence[int]) -> str:
    """The message of an error about notifications that are not in this inbox."""
    which = ", ".join(map(str, ids))
    return f"there is no notification {which}" if len(ids) == 1 else f"there are no notifications {which}"


def _say(kind: str, **fields: Any) -> Outgoing:
    return Outgoing(0, text_frame({"type": kind} | fields))


def _deflate(frame: bytes) -> bytes:
    """The same frame as RFC 7692 has it, without context takeover; or as it is, where that is not shorter."""
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = squeeze.compress(payload(frame)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    made = Frame(Opcode.TEXT, data.removesuffix(EMPTY_BLOCK)).serialize(mask=False)
    return bytes((made[0] | RSV1,)) + made[1:] if len(made) < len(frame) else frame


RELOAD = _say("reload")
PONG = _say("pong")
PING = Outgoing(0, Frame(Opcode.PING, b"").serialize(mask=False))
"""RFC 6455, 5.5.2; without a payload, so that one frame serves everybody."""

__all__ = [
    "PING",
    "PONG",
    "RELOAD",
    "Announcement",
    "Location",
    "Notification",
    "Outgoing",
    "Status",
    "announcement",
    "announcement_ended",
    "caught_up",
    "error",
    "location_update",
    "missing",
    "moment",
    "new_notification",
    "order_status_update",
    "payload",
    "renewed",
    "subscribed",
    "text_frame",
    "unread_count",
    "unsubscribed",
    "update",
    "update_up_to",
    "welcome",
    "withdrawn",
]
