"""What is to be told later, and what can still be done about what was told."""

import json
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from daemon.api.admin.cursors import cursor_of, moment_and_id_in
from daemon.api.admin.desk import SQL, Change, Desk, refused
from daemon.api.admin.pages import Page


class Scheduled(BaseModel):
    """An event or a message whose time has not come."""

    id: int
    key: str | None = Field(description="the idempotency key; null: it cannot be named")
    event: str = Field(examples=["message.sent"])
    row: str | None = Field(description="the key of what it is about", examples=["4711"])
    title: str | None = Field(description="of a message; null: the rules have the words")
    scheduled_for: datetime
    expires_at: datetime | None
    created_at: datetime


class Schedule:
    """Each change returns whether there was anything with that key."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def page(self, cursor: str | None, limit: int) -> Page[Scheduled]:
        """The next first."""
        at, after = moment_and_id_in(cursor)
        rows = await self._desk.rows(SQL["scheduled"], at=at, after=after, limit=limit + 1)
        items = [Scheduled.model_validate({**row, "title": _title(row["message"])}) for row in rows[:limit]]
        following = cursor_of(items[-1].scheduled_for, items[-1].id) if len(rows) > limit else None
        return Page(items=items, next=following)

    async def cancel(self, actor: str, key: str) -> bool:
        """Take it back; what was told already, everywhere it can be."""
        return await self._change(actor, "cancel", key)

    async def reschedule(self, actor: str, key: str, scheduled_for: datetime) -> bool:
        """Another time, for what was not told yet. Raises RequestValidationError for one after its end."""
        return await self._change(actor, "reschedule", key, scheduled_for=scheduled_for)

    async def extend(self, actor: str, key: str, expires_at: datetime) -> bool:
        """Another end, also of what waits in a queue. Raises RequestValidationError for one before its time."""
        return await self._change(actor, "extend", key, expires_at=expires_at)

    async def _change(self, actor: str, what: str, key: str, **given: datetime) -> bool:
        async with self._desk.change(actor) as change:
            if given:
                await _check(change, key, **given)
            (done,) = await change.rows(SQL[what], key=key, **given)
            if done["done"]:
                await change.audit(f"scheduled.{what}", f"key:{key}", **given)
        return bool(done["done"])


async def _check(
    change: Change, key: str, *, scheduled_for: datetime | None = None, expires_at: datetime | None = None
) -> None:
    field = "scheduled_for" if expires_at is None else "expires_at"
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise refused("must be to come; to take it back, cancel it", "body", field)
    (found,) = await change.rows(SQL["is_too_late"], key=key, scheduled_for=scheduled_for, expires_at=expires_at)
    if found["late"]:
        raise refused("would be over before it is sent: expires_at must be after scheduled_for", "body", field)


def _title(message: str | None) -> str | None:
    """Of JSON that anybody may have written."""
    try:
        read: Any = json.loads(message) if message is not None else None
    except (ValueError, RecursionError):
        return None
    title = read.get("title") if isinstance(read, dict) else None
    return title if isinstance(title, str) and title.isprintable() else None
