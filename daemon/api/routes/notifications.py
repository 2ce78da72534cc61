"""A person's inbox."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from daemon.api.caller import Caller, WithParts
from daemon.api.problems import NotFound, documented

LARGEST_ID = 2**63 - 1

router = APIRouter(prefix="/api/notifications", tags=["inbox"], responses=documented(401, 422, 503))


class NotificationOut(BaseModel):
    """One notification: the same JSON as in the hub's ``new_notification``."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    event: str = Field(examples=["order.ready"])
    subject: str = Field(examples=["order:4711"], description="what it is about")
    audience: str = Field(examples=["customer"])
    category: str
    priority: str
    title: str
    body: str
    url: str | None = Field(description="where the action leads")
    action: str | None = Field(description="the action's label")
    created_at: datetime
    read_at: datetime | None


class Page(BaseModel):
    items: list[NotificationOut]
    next: int | None = Field(description="the `before` of the next page; null on the last")


class Counts(BaseModel):
    total: int
    unread: int


class Read(BaseModel):
    id: int
    read_at: datetime


class AllRead(BaseModel):
    up_to: int = Field(description="every notification up to this id is read")
    read_at: datetime


@router.get("")
async def list_notifications(
    caller: Caller,
    parts: WithParts,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="ids less than this")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    unread: Annotated[bool | None, Query(description="only unread ones, or only read ones")] = None,
) -> Page:
    """Newest first."""
    found = await parts.inbox.newest(caller.user_id, before=before, limit=limit + 1, unread=unread)
    items = [NotificationOut.model_validate(one) for one in found[:limit]]
    return Page(items=items, next=items[-1].id if len(found) > limit else None)


@router.get("/count")
async def count_notifications(caller: Caller, parts: WithParts) -> Counts:
    counted = await parts.inbox.count(caller.user_id)
    return Counts(total=counted.total, unread=counted.unread)


@router.post("/mark-all-read")
async def mark_all_read(caller: Caller, parts: WithParts) -> AllRead:
    """Mark everything that is there now as read, on every device."""
    mark = await parts.reading.mark_all(caller.user_id)
    return AllRead(up_to=mark.id, read_at=mark.read_at)


@router.post("/{notification_id}/read", responses=documented(404))
async def mark_read(
    caller: Caller,
    parts: WithParts,
    notification_id: Annotated[int, Path(ge=1, le=LARGEST_ID)],
) -> Read:
    """Mark one as read, on every device. A second time changes nothing."""
    mark = await parts.reading.mark(caller.user_id, notification_id)
    if mark is None:
        raise NotFound("There is no such notification.")
    return Read(id=mark.id, read_at=mark.read_at)
