"""Close codes and error codes of the protocol.

``docs/reference/websocket.md`` tells clients what to do about each.
"""

from enum import IntEnum, StrEnum


class CloseCode(IntEnum):
    """Why the hub closes a connection: RFC 6455, 7.4.1 and the IANA registry; 4000 and up are our own."""

    UNSUPPORTED_DATA = 1003
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    UNAUTHORIZED = 4401
    HELLO_TIMEOUT = 4408
    REPLACED = 4409
    RENEW = 4419


class ErrorCode(StrEnum):
    """What an ``error`` frame is about."""

    MALFORMED = "malformed"
    UNKNOWN_TYPE = "unknown_type"
    HELLO_FIRST = "hello_first"
    ALREADY_WELCOME = "already_welcome"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a code, not a password
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code, not a password
    NOT_LATER = "not_later"
    NOT_FOUND = "not_found"
    TOO_MANY_ROOMS = "too_many_rooms"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
