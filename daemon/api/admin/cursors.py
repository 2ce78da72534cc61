"""Where a page ends and the next begins, as a text that callers only hand back."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any

from daemon.api.admin.desk import refused

LARGEST_ID = 2**63 - 1
_REFUSED = "is no cursor: take the `next` of the page before"


def cursor_of(*values: str | int | datetime) -> str:
    """For :func:`moment_in`, :func:`id_in`."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def id_in(cursor: str | None) -> int | None:
    """The id in a cursor made of one; None without a cursor. Raises RequestValidationError."""
    if cursor is None:
        return None
    (number,) = _values(cursor, 1)
    return _number(number)


def moment_and_id_in(cursor: str | None) -> tuple[datetime | None, int | None]:
    """What is in a cursor made of a moment and an id. Raises RequestValidationError."""
    if cursor is None:
        return None, None
    at, number = _values(cursor, 2)
    return _moment(at), _number(number)


def moment_and_digest_in(cursor: str | None) -> tuple[datetime | None, str | None]:
    """What is in a cursor made of a moment and a digest in hexadecimal. Raises RequestValidationError."""
    if cursor is None:
        return None, None
    at, digest = _values(cursor, 2)
    if not isinstance(digest, str) or not digest.isalnum():
        raise refused(_REFUSED, "query", "cursor")
    return _moment(at), digest


def _values(cursor: str, count: int) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise refused(_REFUSED, "query", "cursor") from None
    if not isinstance(values, list) or len(values) != count:
        raise refused(_REFUSED, "query", "cursor")
    return values


def _number(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= LARGEST_ID:
        raise refused(_REFUSED, "query", "cursor")
    return value


def _moment(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise refused(_REFUSED, "query", "cursor") from None
