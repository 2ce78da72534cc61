"""What a client says: text in, a command or :class:`BadFrame` out. Pure."""

import json
from dataclasses import dataclass
from typing import Any

from dispatchers.websocket.codes import ErrorCode

LARGEST_ID = 2**63 - 1
"""PostgreSQL's bigint."""


@dataclass(frozen=True, slots=True)
class Hello:
    token: str
    after: int | None
    """The last notification that the client has; None: it wants nothing again."""


@dataclass(frozen=True, slots=True)
class Ping:
    pass


@dataclass(frozen=True, slots=True)
class MarkAsRead:
    id: int


@dataclass(frozen=True, slots=True)
class MarkAllAsRead:
    pass


@dataclass(frozen=True, slots=True)
class GetUnreadCount:
    pass


Command = Hello | Ping | MarkAsRead | MarkAllAsRead | GetUnreadCount


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
    match message["type"]:
        case "hello":
            return Hello(_token(message), _after(message))
        case "ping":
            return Ping()
        case "mark_as_read":
            return MarkAsRead(_id(message, "id", smallest=1))
        case "mark_all_as_read":
            return MarkAllAsRead()
        case "get_unread_count":
            return GetUnreadCount()
        case _:
            raise BadFrame(ErrorCode.UNKNOWN_TYPE, "unknown type")


def _token(message: dict[str, Any]) -> str:
    token = message.get("token")
    if not isinstance(token, str) or not token:
        raise BadFrame(ErrorCode.MALFORMED, '"token" must be a string')
    return token


def _after(message: dict[str, Any]) -> int | None:
    return None if message.get("after") is None else _id(message, "after", smallest=0)


def _id(message: dict[str, Any], key: str, *, smallest: int) -> int:
    value = message.get(key)
    # bool is an int to Python, not to a client.
    if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= LARGEST_ID:
        raise BadFrame(ErrorCode.MALFORMED, f'"{key}" must be a whole number, {smallest} or more')
    return value
