"""What the hub asks of the inboxes."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, LiteralString

import psycopg
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from daemon.api.inbox.rows import notification_of, standing_of
from dispatchers.websocket import Notification
from dispatchers.websocket.contract import AllMarked, Mark, Moment, Standing, Summary
from schema.queries import statements

SQL = statements("inbox")

ALL_MARKS = frozenset({Mark.READ, Mark.SEEN, Mark.ARCHIVED})
"""What can be done with a whole inbox."""

OF_MANY_SECONDS = 60
"""Statements about all people of a hub take longer than those that a person waits for, and come seldom."""

LARGEST_XID = 2**64 - 1

TRIES = 3
"""Of what may meet a plan that takes some of the same notifications back: each locks what the other wants."""


class Inbox:
    """Implements ``dispatchers.websocket.contract.Inbox``, and what a hub asks for all its people at once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def summary(self, user_id: str) -> Summary:
        ((last_id, unread, since),) = await self._rows(SQL["summary"], user_id=user_id)
        return Summary(last_id, unread, since)

    async def replay(self, user_id: str, after: int, limit: int) -> Sequence[Notification]:
        rows = await self._rows(SQL["replay"], user_id=user_id, after=after, limit=limit)
        return [notification_of(row) for row in rows]

    async def changes(self, user_id: str, since: str, up_to: int, limit: int) -> Sequence[Standing] | None:
        if not _is_moment(since):
            return None
        rows = await self._rows(SQL["changes"], user_id=user_id, since=since, up_to=up_to, limit=limit)
        return [standing_of(row) for row in rows if row[0] is not None] if rows else None

    async def mark(self, user_id: str, ids: Sequence[int], mark: Mark) -> Sequence[Standing]:
        rows = await self._written(SQL["mark"], user_id=user_id, ids=list(ids), mark=mark.value)
        return [standing_of(row) for row in rows]

    async def mark_all(self, user_id: str, mark: Mark) -> AllMarked:
        """Raises ValueError for a mark that is of single notifications only."""
        if mark not in ALL_MARKS:
            raise ValueError(f"not a whole inbox is {mark.value} at once")
        ((up_to, now),) = await self._written(SQL["mark_all"], user_id=user_id, mark=mark.value)
        return AllMarked(up_to, mark, now.astimezone(UTC))

    async def moment(self) -> Moment:
        ((last_id, since),) = await self._of_many(SQL["moment"])
        return Moment(last_id, since)

    async def missed(self, people: Sequence[str], after: int, limit: int) -> Sequence[tuple[str, Notification]]:
        """What came after ``after`` to any of ``people``, each with its person: the first ``limit``, by id."""
        rows = await self._of_many(SQL["missed"], people=list(people), after=after, limit=limit)
        return [(row[0], notification_of(row[1:])) for row in rows]

    async def missed_changes(
        self, people: Sequence[str], since: str, limit: int
    ) -> Sequence[tuple[str, Standing]] | None:
        """As :meth:`changes`, of any of ``people``, each with its person."""
        if not _is_moment(since):
            return None
        rows = await self._of_many(SQL["missed_changes"], people=list(people), since=since, limit=limit)
        return [(row[0], standing_of(row[1:])) for row in rows if row[0] is not None] if rows else None

    async def _rows(self, statement: LiteralString, **parameters: Any) -> Sequence[Sequence[Any]]:
        async with self._engine.connect() as connection:
            return (await connection.exec_driver_sql(statement, parameters)).all()

    async def _of_many(self, statement: LiteralString, **parameters: Any) -> Sequence[Sequence[Any]]:
        async with self._engine.begin() as connection:
            await connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{OF_MANY_SECONDS}s'")
            return (await connection.exec_driver_sql(statement, parameters)).all()

    async def _written(self, statement: LiteralString, **parameters: Any) -> Sequence[Sequence[Any]]:
        return await written(self._engine, statement, parameters)


async def written(
    engine: AsyncEngine, statement: LiteralString, parameters: Mapping[str, Any]
) -> Sequence[Sequence[Any]]:
    """What a statement that writes yields, in a transaction of its own; after a deadlock it is tried again."""
    for left in reversed(range(TRIES)):
        try:
            async with engine.begin() as connection:
                return (await connection.exec_driver_sql(statement, dict(parameters))).all()
        except OperationalError as error:
            if not left or not isinstance(error.orig, psycopg.errors.DeadlockDetected):
                raise
    raise AssertionError  # pragma: no cover - the last try returns or raises


def _is_moment(since: str) -> bool:
    """Whether it could be the text of an ``xid8``."""
    return since.isascii() and since.isdecimal() and len(since) <= 20 and 0 < int(since) <= LARGEST_XID
