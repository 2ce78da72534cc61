"""What staff did."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from daemon.api.admin.cursors import cursor_of, id_in
from daemon.api.admin.desk import SQL, Desk
from daemon.api.admin.pages import Page


class Entry(BaseModel):
    """One change that somebody made."""

    id: int
    at: datetime
    actor: str = Field(description="the user id in the token", examples=["ada"])
    action: str = Field(examples=["announcement.create"])
    target: str | None = Field(description="what was changed", examples=["announcement:7"])
    detail: dict[str, Any] | None = Field(description="never a secret, never a whole address")


class Audit:
    """Reads what :meth:`daemon.api.admin.desk.Change.audit` has written."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def page(
        self,
        cursor: str | None,
        limit: int,
        *,
        actor: str | None = None,
        action: str | None = None,
        target: str | None = None,
        since: datetime | None = None,
    ) -> Page[Entry]:
        """The newest first."""
        rows = await self._desk.rows(
            SQL["audits"],
            before=id_in(cursor),
            limit=limit + 1,
            actor=actor,
            action=action,
            target=target,
            since=since,
        )
        items = [Entry.model_validate(row) for row in rows[:limit]]
        return Page(items=items, next=cursor_of(items[-1].id) if len(rows) > limit else None)
