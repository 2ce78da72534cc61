"""The inboxes: every query that the REST API and the hub ask of them. Each names the person in its WHERE."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from dispatchers.websocket import Notification, ReadMark, Summary
from schema.tables import message, notification

_OF_NOTIFICATION = ("id", "event", "subject", "audience", "category", "priority", "created_at", "read_at")
_OF_MESSAGE = ("title", "body", "url", "action")

_listed = notification.c.withdrawn_at.is_(None)
_unread = notification.c.read_at.is_(None)


@dataclass(frozen=True, slots=True)
class Count:
    total: int
    unread: int


class Inbox:
    """Implements ``dispatchers.websocket.Inbox``, and what the REST API lists and counts."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def summary(self, user_id: str) -> Summary:
        """In one statement, so that the count is as of that id."""
        query = select(
            func.coalesce(func.max(notification.c.id), 0),
            func.count().filter(_listed, _unread),
        ).where(notification.c.user_id == user_id)
        async with self._engine.connect() as connection:
            last_id, unread = (await connection.execute(query)).one()
        return Summary(last_id, unread)

    async def count(self, user_id: str) -> Count:
        query = select(func.count(), func.count().filter(_unread)).where(notification.c.user_id == user_id, _listed)
        async with self._engine.connect() as connection:
            total, unread = (await connection.execute(query)).one()
        return Count(total, unread)

    async def replay(self, user_id: str, after: int, limit: int) -> Sequence[Notification]:
        query = _of(user_id).where(notification.c.id > after).order_by(notification.c.id).limit(limit)
        return await self._notifications(query)

    async def newest(
        self, user_id: str, *, before: int | None, limit: int, unread: bool | None = None
    ) -> Sequence[Notification]:
        """Newest first, with ids less than ``before``; ``unread`` None for both kinds."""
        query = _of(user_id).order_by(notification.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(notification.c.id < before)
        if unread is not None:
            query = query.where(_unread if unread else ~_unread)
        return await self._notifications(query)

    async def mark_read(self, user_id: str, notification_id: int) -> ReadMark | None:
        mine = (notification.c.id == notification_id, notification.c.user_id == user_id, _listed)
        mark = update(notification).where(*mine, _unread).values(read_at=func.now())
        async with self._engine.begin() as connection:
            # Forward only: the moment of the first reading stays.
            await connection.execute(mark)
            read_at = (await connection.execute(select(notification.c.read_at).where(*mine))).scalar()
        return None if read_at is None else ReadMark(notification_id, read_at.astimezone(UTC))

    async def mark_all_read(self, user_id: str) -> ReadMark:
        newest = select(func.coalesce(func.max(notification.c.id), 0), func.now()).where(
            notification.c.user_id == user_id
        )
        async with self._engine.begin() as connection:
            # A bound first: what comes meanwhile was not on the screen of whoever asked for this.
            last_id, now = (await connection.execute(newest)).one()
            await connection.execute(
                update(notification)
                .where(notification.c.user_id == user_id, notification.c.id <= last_id, _listed, _unread)
                .values(read_at=now)
            )
        return ReadMark(last_id, now.astimezone(UTC))

    async def _notifications(self, query: Select[Any]) -> list[Notification]:
        async with self._engine.connect() as connection:
            return [_notification(row) for row in await connection.execute(query)]


def _of(user_id: str) -> Select[Any]:
    columns = [notification.c[name] for name in _OF_NOTIFICATION] + [message.c[name] for name in _OF_MESSAGE]
    return (
        select(*columns)
        .join(message, message.c.id == notification.c.message_id)
        .where(notification.c.user_id == user_id, _listed)
    )


def _notification(row: Row[Any]) -> Notification:
    values = dict(row._mapping)  # noqa: SLF001 - public by its documentation
    # The server's session may have any time zone.
    values["created_at"] = values["created_at"].astimezone(UTC)
    if values["read_at"] is not None:
        values["read_at"] = values["read_at"].astimezone(UTC)
    return Notification(**values)
