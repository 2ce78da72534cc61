"""Announcements: shown to everybody who is there, or to an audience, from a moment on and until another."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from daemon.api.admin.cursors import cursor_of, id_in
from daemon.api.admin.desk import SQL, Change, Desk, refused
from daemon.api.admin.pages import Page

ENDS_FIRST = "must be after its start"
IS_OVER = "is over already; to take an announcement away, withdraw it"


class Level(StrEnum):
    """How loud it is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Stage(StrEnum):
    """Whether it is shown."""

    CURRENT = "current"
    COMING = "coming"
    OVER = "over"


class Announcement(BaseModel):
    """One announcement."""

    id: int
    audience: str | None = Field(description="null: everybody")
    level: Level
    title: str
    body: str
    url: str | None
    action: str | None
    starts_at: datetime
    ends_at: datetime | None = Field(description="null: until it is withdrawn")
    withdrawn_at: datetime | None
    created_by: str | None
    created_at: datetime
    state: Stage


class Over(RuntimeError):
    """It is over: nobody sees it any more."""


class Announcements:
    """Writes rows; every daemon looks at them when it is rung."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def page(self, cursor: str | None, limit: int, state: Stage | None) -> Page[Announcement]:
        """The newest first."""
        rows = await self._desk.rows(SQL["announcements"], before=id_in(cursor), state=state, limit=limit + 1)
        items = [Announcement.model_validate(row) for row in rows[:limit]]
        return Page(items=items, next=cursor_of(items[-1].id) if len(rows) > limit else None)

    async def one(self, id_: int) -> Announcement | None:
        """None where there is none."""
        rows = await self._desk.rows(SQL["announcement"], id=id_)
        return Announcement.model_validate(rows[0]) if rows else None

    async def create(self, actor: str, values: Mapping[str, Any]) -> Announcement:
        """``values`` has every column that staff writes. Raises RequestValidationError for an end that is no end."""
        _in_order(values["starts_at"] or datetime.now(UTC), values["ends_at"])
        async with self._desk.change(actor) as change:
            (made,) = await change.rows(SQL["announce"], **values, created_by=actor)
            said = {name: values[name] for name in ("audience", "level", "title", "starts_at", "ends_at")}
            return await _rung(change, made["id"], "create", **said)

    async def change(self, actor: str, id_: int, values: Mapping[str, Any]) -> Announcement | None:
        """With these columns instead. None where there is none; raises Over, and RequestValidationError as above."""
        async with self._desk.change(actor) as change:
            before = await _locked(change, id_)
            if before is None:
                return None
            if before.state is Stage.OVER:
                raise Over
            changed = {name: value for name, value in values.items() if getattr(before, name) != value}
            if not changed:
                return before
            after = before.model_copy(update=changed)
            _in_order(after.starts_at, after.ends_at)
            await change.rows(SQL["announce_otherwise"], **after.model_dump())
            return await _rung(change, id_, "change", changed=sorted(changed))

    async def withdraw(self, actor: str, id_: int) -> Announcement | None:
        """Take it away from every screen. None where there is none; a second time changes nothing."""
        async with self._desk.change(actor) as change:
            before = await _locked(change, id_)
            if before is None or before.withdrawn_at is not None:
                return before
            await change.rows(SQL["withdraw_announcement"], id=id_)
            return await _rung(change, id_, "withdraw")


async def _locked(change: Change, id_: int) -> Announcement | None:
    await change.rows(SQL["lock_announcement"], id=id_)
    rows = await change.rows(SQL["announcement"], id=id_)
    return Announcement.model_validate(rows[0]) if rows else None


async def _rung(change: Change, id_: int, what: str, **detail: Any) -> Announcement:
    """It as it is now, after the bell and the audit."""
    await change.rows(SQL["ring_announcements"])
    await change.audit(f"announcement.{what}", f"announcement:{id_}", **detail)
    rows = await change.rows(SQL["announcement"], id=id_)
    return Announcement.model_validate(rows[0])


def _in_order(starts_at: datetime, ends_at: datetime | None) -> None:
    if ends_at is not None and ends_at <= starts_at:
        raise refused(ENDS_FIRST, "body", "ends_at")
    if ends_at is not None and ends_at <= datetime.now(UTC):
        raise refused(IS_OVER, "body", "ends_at")
