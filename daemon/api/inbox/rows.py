"""Rows of the inbox as the values that the hub and the REST API give away."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dispatchers.websocket import Notification
from dispatchers.websocket.contract import Standing

COLUMNS = (
    "id",
    "event",
    "subject",
    "audience",
    "category",
    "priority",
    "title",
    "body",
    "url",
    "action",
    "created_at",
    "read_at",
    "seen_at",
    "archived_at",
    "expires_at",
)
"""Of a notification, in the order in which every statement selects them."""


def notification_of(row: Sequence[Any]) -> Notification:
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    values |= {name: utc(at) for name, at in values.items() if name.endswith("_at")}
    return Notification(**values)


def standing_of(row: Sequence[Any]) -> Standing:
    """``row`` is id, read at, seen at, archived at, gone, was unread."""
    id_, read_at, seen_at, archived_at, gone, unread = row
    return Standing(id_, utc(read_at), utc(seen_at), utc(archived_at), gone=gone, unread=unread)


def utc(at: datetime | None) -> datetime | None:
    """Whatever time zone the server's session has."""
    return None if at is None else at.astimezone(UTC)
