"""The JSON of the inbox."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from daemon.api.routing import LARGEST_ID
from dispatchers.websocket.contract import Mark

AN_ID = 4711
A_MOMENT = "2026-05-04T11:42:07.123456Z"
AT_MOST_IDS = 100


class NotificationOut(BaseModel):
    """One notification: the same JSON as in the hub's ``new_notification``."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[AN_ID])
    event: str = Field(description="what happened", examples=["order.ready"])
    subject: str = Field(description="what it is about", examples=["order:4711"])
    audience: str = Field(description="as whom the person is told", examples=["customer"])
    category: str = Field(examples=["order"])
    priority: str = Field(examples=["normal"])
    title: str = Field(examples=["Your order is ready"])
    body: str = Field(examples=["Order 4711 can be picked up."])
    url: str | None = Field(description="where the action leads", examples=["https://shop.example/orders/4711"])
    action: str | None = Field(description="the action's label", examples=["Show order"])
    created_at: datetime = Field(examples=[A_MOMENT])
    read_at: datetime | None = Field(description="null: unread", examples=[A_MOMENT])
    seen_at: datetime | None = Field(description="when it was on a screen", examples=[A_MOMENT])
    archived_at: datetime | None = Field(description="null: in the inbox", examples=[None])
    expires_at: datetime | None = Field(description="no longer told on other channels after this", examples=[A_MOMENT])


class Page(BaseModel):
    items: list[NotificationOut]
    next: int | None = Field(description="the `before` of the next page; null on the last", examples=[AN_ID])


class Counts(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    total: int = Field(description="in the inbox, without the archive", examples=[12])
    unread: int = Field(examples=[3])
    unseen: int = Field(description="unread, and not yet on a screen", examples=[1])
    archived: int = Field(examples=[40])


class StandingOut(BaseModel):
    """How one notification stands with its person."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[AN_ID])
    read_at: datetime | None = Field(examples=[A_MOMENT])
    seen_at: datetime | None = Field(examples=[A_MOMENT])
    archived_at: datetime | None = Field(examples=[None])


class BulkStandingOut(StandingOut):
    gone: bool = Field(description="it was deleted")


class AllRead(BaseModel):
    up_to: int = Field(description="every notification up to this id is read", examples=[AN_ID])
    read_at: datetime = Field(examples=[A_MOMENT])


class AllSeen(BaseModel):
    up_to: int = Field(description="every notification up to this id was seen", examples=[AN_ID])
    seen_at: datetime = Field(examples=[A_MOMENT])


class Archived(BaseModel):
    archived: int = Field(description="how many were", examples=[7])


class Deleted(BaseModel):
    deleted: int = Field(description="how many were", examples=[7])


class Change(BaseModel):
    """What is left out, or null, stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"read": True}, {"archived": False}]})

    read: StrictBool | None = Field(default=None, description="false: unread again")
    seen: Literal[True] | None = Field(default=None, description="it was on a screen")
    archived: StrictBool | None = Field(default=None, description="false: back into the inbox")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.read is None and self.seen is None and self.archived is None:
            raise ValueError("says nothing: give read, seen or archived")
        if self.archived and self.read is False:
            raise ValueError("what is archived is read")
        return self

    def marks(self) -> list[Mark]:
        """What to do, in order; to read or to archive is to see."""
        marks = []
        if self.archived is not None:
            marks.append(Mark.ARCHIVED if self.archived else Mark.UNARCHIVED)
        if self.read is not None and not self.archived:
            marks.append(Mark.READ if self.read else Mark.UNREAD)
        if self.seen and Mark.READ not in marks and Mark.ARCHIVED not in marks:
            marks.append(Mark.SEEN)
        return marks


class Action(StrEnum):
    """What can be done with several at once."""

    READ = "read"
    UNREAD = "unread"
    SEEN = "seen"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    DELETE = "delete"


MARKS = {
    Action.READ: Mark.READ,
    Action.UNREAD: Mark.UNREAD,
    Action.SEEN: Mark.SEEN,
    Action.ARCHIVE: Mark.ARCHIVED,
    Action.UNARCHIVE: Mark.UNARCHIVED,
    Action.DELETE: Mark.DELETED,
}


class Bulk(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"ids": [4711, 4712], "action": "read"}]})

    ids: list[Annotated[int, Field(strict=True, ge=1, le=LARGEST_ID)]] = Field(min_length=1, max_length=AT_MOST_IDS)
    action: Action


class BulkOut(BaseModel):
    items: list[BulkStandingOut] = Field(description="those of the ids that are this person's, by id")


class ToldOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    notifications: int = Field(examples=[20])
    delivered: int = Field(description="of these, on one channel at least", examples=[18])
    read: int = Field(examples=[15])
    median: float | None = Field(description="seconds until one was read; null: none was", examples=[42.5])
    p90: float | None = Field(description="seconds in which nine of ten were read", examples=[3600.0])


class EventToldOut(ToldOut):
    event: str = Field(examples=["order.ready"])


class DayToldOut(ToldOut):
    day: date = Field(description="of UTC", examples=["2026-05-04"])


class ChannelOut(BaseModel):
    """Deliveries by their state."""

    channel: str = Field(examples=["email"])
    pending: int = 0
    sending: int = 0
    sent: int = Field(default=0, description="taken by the provider, which has not said more")
    delivered: int = Field(default=0, description="the provider says that it arrived")
    failed: int = 0
    skipped: int = Field(default=0, description="not wanted, not needed any more, or told with others")


class StatsOut(BaseModel):
    """Without what was withdrawn."""

    since: date = Field(description="the first day (UTC): later where no more is kept", examples=["2026-04-05"])
    total: ToldOut
    types: list[EventToldOut] = Field(description="the most frequent first")
    channels: list[ChannelOut]
    days: list[DayToldOut] = Field(description="each day, the oldest first")
