"""What may be asked of an inbox: the query of ``GET /api/notifications``."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from config.names import Category, EventName, Priority
from daemon.api.inbox.listing import Filter
from daemon.api.routing import LARGEST_ID, Written

AT_MOST = 20
"""Values of one filter."""

Key = Annotated[Written, StringConstraints(min_length=1, max_length=256)]


class Asked(BaseModel):
    """All of it at once: a notification must meet every one."""

    model_config = ConfigDict(extra="forbid")

    before: int | None = Field(None, ge=1, le=LARGEST_ID, description="ids less than this: `next` of the page before")
    limit: int = Field(20, ge=1, le=100, description="notifications on a page")
    unread: bool | None = Field(None, description="only unread ones, or only read ones")
    type: list[Annotated[EventName, Field(max_length=200)]] = Field(
        [], max_length=AT_MOST, description="only of these events", examples=[["order.ready"]]
    )
    category: list[Category] = Field([], max_length=AT_MOST, description="only of these categories")
    priority: list[Priority] = Field([], max_length=AT_MOST, description="only of these priorities")
    urgent: bool | None = Field(None, description="only urgent ones, or only others")
    archived: bool = Field(default=False, description="the archive instead of the inbox")
    scheduled: bool | None = Field(
        None, description="only those of which something is still to be sent on another channel, or only others"
    )
    expired: bool | None = Field(None, description="only those whose time is over, or only others")
    order: Key | None = Field(None, description="only about the order with this key", examples=["4711"])
    subject: Key | None = Field(None, description="only about this", examples=["order:4711"])
    q: Annotated[Written, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="only those with this in the title or the body", examples=["pizza"]
    )

    @property
    def costly(self) -> bool:
        """Whether the whole inbox may have to be looked through, with what is said in it."""
        return self.q is not None

    @property
    def which(self) -> Filter:
        order = [] if self.order is None else [f"order:{self.order}"]
        return Filter(
            unread=self.unread,
            archived=self.archived,
            events=self.type,
            categories=self.category,
            priorities=self.priority,
            urgent=self.urgent,
            waiting=self.scheduled,
            expired=self.expired,
            subjects=[*order, *([] if self.subject is None else [self.subject])],
            text=self.q,
        )


class AskedStats(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days: int = Field(30, ge=1, le=365, description="the last so many (UTC), today included; as far as is kept")
