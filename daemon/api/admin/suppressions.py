"""Addresses that nothing is sent to any more."""

from datetime import datetime

from pydantic import BaseModel, Field

from config.names import Closed
from daemon.api.admin.cursors import cursor_of, moment_and_digest_in
from daemon.api.admin.desk import SQL, Desk
from daemon.api.admin.pages import Page
from daemon.explain.addresses import masked
from schema.queries import statements

FEEDBACK = statements("feedback")


class Suppression(BaseModel):
    """An address that is closed."""

    channel: str = Field(examples=["email"])
    address: str = Field(description="as it is compared: lower case, E.164", examples=["ada@example.com"])
    reason: Closed
    detail: str
    since: datetime


class Suppressions:
    """Addresses are canonical here: see :func:`dispatchers.canonical.canonical`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def page(
        self, cursor: str | None, limit: int, *, channel: str | None, reason: Closed | None, address: str | None
    ) -> Page[Suppression]:
        """The newest first."""
        at, digest = moment_and_digest_in(cursor)
        rows = await self._desk.rows(
            SQL["suppressions"],
            channel=channel,
            reason=reason,
            address=address,
            at=at,
            digest=digest,
            limit=limit + 1,
        )
        items = [Suppression.model_validate(row) for row in rows[:limit]]
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(items=items, next=cursor_of(last["since"], last["digest"]) if last else None)

    async def close(self, actor: str, channel: str, address: str, detail: str | None) -> bool:
        """Send nothing there any more; False where a person had closed it already."""
        async with self._desk.change(actor) as change:
            added = await change.rows(
                FEEDBACK["suppress"], channel=channel, address=address, reason=Closed.MANUAL, detail=detail
            )
            if added:
                await change.audit("suppression.add", f"{channel}:{masked(channel, address)}")
        return bool(added)

    async def open(self, actor: str, channel: str, address: str) -> bool:
        """Send there again, whatever had closed it; False where nothing had."""
        async with self._desk.change(actor) as change:
            lifted = await change.rows(FEEDBACK["lift"], channel=channel, address=address, reasons=None)
            if lifted:
                target = f"{channel}:{masked(channel, address)}"
                await change.audit("suppression.remove", target, reason=lifted[0]["reason"])
        return bool(lifted)
