"""What a client says: text in, a command or :class:`BadFrame` out. Pure."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dispatchers.websocket.codes import ErrorCode
from dispatchers.websocket.contract import Mark

LARGEST_ID = 2**63 - 1
"""PostgreSQL's bigint."""
MOST_IDS = 100
LONGEST_ROOM_CHARACTERS = 256
LONGEST_SINCE_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Hello:
    token: str | None
    """None: the upgrade request carried it."""
    after: int | None = None
    """The last notification that the client has; None: it wants nothing again."""
    since: str | None = None
    """Of the last ``caught_up``: what was done after it is told again. Empty where it cannot be one of ours."""


@dataclass(frozen=True, slots=True)
class Renew:
    token: str


@dataclass(frozen=True, slots=True)
class Ping:
    pass


@dataclass(frozen=True, slots=True)
class MarkSome:
    ids: tuple[int, ...]
    """Each once."""
    mark: Mark


@dataclass(frozen=True, slots=True)
class MarkAll:
    mark: Mark


@dataclass(frozen=True, slots=True)
class GetUnreadCount:
    pass


@dataclass(frozen=True, slots=True)
class Subscribe:
    room: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    room: str


@dataclass(frozen=True, slots=True)
class Locate:
    """Units as in :class:`dispatchers.websocket.values.Location`."""

    room: str
    lat: float
    lng: float
    heading: float | None = None
    speed: float | None = None
    accuracy: float | None = None


Command = Hello | Renew | Ping | MarkSome | MarkAll | GetUnreadCount | Subscribe | Unsubscribe | Locate
Understand = Callable[[dict[str, Any]], Command]


def room_of(command: Command) -> str | None:
    """The room that it is about."""
    return command.room if isinstance(command, Subscribe | Unsubscribe | Locate) else None


class BadFrame(ValueError):
    """The client's frame is no command; the text says why, in words for its programmer."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse(data: bytes) -> Command:
    """The command in ``data``, one whole text message in UTF-8.

    Raises:
        BadFrame: it is no JSON object, has no known type, or a field is not what the type asks for.
        UnicodeDecodeError: it is not UTF-8, which RFC 6455, 8.1 makes the end of the connection.
    """
    try:
        message = json.loads(data.decode())
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError):
        raise BadFrame(ErrorCode.MALFORMED, "not JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadFrame(ErrorCode.MALFORMED, 'not an object with a "type"')
    understand = COMMANDS.get(message["type"])
    if understand is None:
        raise BadFrame(ErrorCode.UNKNOWN_TYPE, "unknown type")
    return understand(message)


def _token(message: dict[str, Any]) -> str:
    token = message.get("token")
    if not isinstance(token, str) or not token:
        raise BadFrame(ErrorCode.MALFORMED, '"token" must be a string')
    return token


def _hello_token(message: dict[str, Any]) -> str | None:
    return None if message.get("token") is None else _token(message)


def _after(message: dict[str, Any]) -> int | None:
    return None if message.get("after") is None else _id(message["after"], "after", smallest=0)


def _since(message: dict[str, Any]) -> str | None:
    since = message.get("since")
    if since is None:
        return None
    if not isinstance(since, str):
        raise BadFrame(ErrorCode.MALFORMED, '"since" must be a string')
    ours = len(since) <= LONGEST_SINCE_CHARACTERS and since.isascii() and since.isprintable()
    return since if ours else ""


def _ids(message: dict[str, Any]) -> tuple[int, ...]:
    if "ids" not in message:
        return (_id(message.get("id"), "id", smallest=1),)
    ids = message["ids"]
    if "id" in message or not isinstance(ids, list) or not 1 <= len(ids) <= MOST_IDS:
        raise BadFrame(ErrorCode.MALFORMED, f'"ids" must be a list of 1 to {MOST_IDS}, in place of "id"')
    return tuple(dict.fromkeys(_id(each, "ids", smallest=1) for each in ids))


def _id(value: Any, key: str, *, smallest: int) -> int:
    # bool is an int to Python, not to a client.
    if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= LARGEST_ID:
        raise BadFrame(ErrorCode.MALFORMED, f'"{key}" must be a whole number, {smallest} or more')
    return value


def _room(message: dict[str, Any]) -> str:
    room = message.get("room")
    if not isinstance(room, str) or not 1 <= len(room) <= LONGEST_ROOM_CHARACTERS or not room.isprintable():
        raise BadFrame(ErrorCode.MALFORMED, f'"room" must be 1 to {LONGEST_ROOM_CHARACTERS} printable characters')
    return room


def _locate(message: dict[str, Any]) -> Locate:
    return Locate(
        room=_room(message),
        lat=_number(message.get("lat"), "lat", -90, 90),
        lng=_number(message.get("lng"), "lng", -180, 180),
        heading=_number_or_none(message, "heading", 360),
        speed=_number_or_none(message, "speed", math.inf),
        accuracy=_number_or_none(message, "accuracy", math.inf),
    )


def _number_or_none(message: dict[str, Any], key: str, greatest: float) -> float | None:
    return None if message.get(key) is None else _number(message[key], key, 0, greatest)


def _number(value: Any, key: str, least: float, greatest: float) -> float:
    try:
        # An integer may be too large for a float, and JSON's parser takes NaN and Infinity.
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.nan
    if not math.isfinite(number) or not least <= number <= greatest:
        upper = "" if greatest == math.inf else f" to {greatest:g}"
        raise BadFrame(ErrorCode.MALFORMED, f'"{key}" must be a number from {least:g}{upper}')
    return number


def _some(mark: Mark) -> Understand:
    return lambda message: MarkSome(_ids(message), mark)


COMMANDS: dict[str, Understand] = {
    "hello": lambda message: Hello(_hello_token(message), _after(message), _since(message)),
    "renew": lambda message: Renew(_token(message)),
    "ping": lambda _: Ping(),
    "mark_as_read": _some(Mark.READ),
    "mark_as_unread": _some(Mark.UNREAD),
    "mark_as_seen": _some(Mark.SEEN),
    "archive": _some(Mark.ARCHIVED),
    "unarchive": _some(Mark.UNARCHIVED),
    "delete": _some(Mark.DELETED),
    "mark_all_as_read": lambda _: MarkAll(Mark.READ),
    "mark_all_as_seen": lambda _: MarkAll(Mark.SEEN),
    "get_unread_count": lambda _: GetUnreadCount(),
    "subscribe": lambda message: Subscribe(_room(message)),
    "unsubscribe": lambda message: Unsubscribe(_room(message)),
    "location": _locate,
}
"""By ``type``."""
