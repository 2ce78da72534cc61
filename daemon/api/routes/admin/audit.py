"""What staff did over this API."""

from typing import Annotated

from fastapi import Query

from daemon.api.admin.audit import Entry
from daemon.api.admin.pages import Page
from daemon.api.routes.admin.fields import Cursor, Limit, Narrow, Since
from daemon.api.routes.admin.staff import Staff, WithAdmin, staff_router

router = staff_router("/audit")


@router.get("")
async def list_audit(
    _: Staff,
    admin: WithAdmin,
    cursor: Cursor = None,
    limit: Limit = 20,
    actor: Annotated[Narrow, Query(description="who did it: a user id")] = None,
    action: Annotated[Narrow, Query(description="what was done", examples=["announcement.create"])] = None,
    target: Annotated[Narrow, Query(description="to what", examples=["announcement:7"])] = None,
    since: Since = None,
) -> Page[Entry]:
    """The newest first. Whatever is in here was done: the two are written in one transaction."""
    return await admin.audit.page(cursor, limit, actor=actor, action=action, target=target, since=since)
