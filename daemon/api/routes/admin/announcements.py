"""Announcements to everybody who is there, or to an audience."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException

from daemon.api.admin.announcements import Announcement, Level, Over, Stage
from daemon.api.admin.desk import refused
from daemon.api.admin.pages import Page
from daemon.api.admin.sending import audiences_of, not_an_audience
from daemon.api.problems import NotFound, documented
from daemon.api.routes.admin.fields import Cursor, IdInPath, Limit, Moment, Short, Text
from daemon.api.routes.admin.staff import Staff, WithAdmin, staff_router

router = staff_router("/announcements")

NO_ANNOUNCEMENT = "There is no such announcement."
Title = Annotated[Text, Field(min_length=1, max_length=200)]
Body = Annotated[Text, Field(max_length=2000)]
Url = Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\s\x00]+$")]
Action = Annotated[Text, Field(min_length=1, max_length=100)]


class NewAnnouncement(BaseModel):
    """What is shown, to whom, and when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "level": "warning",
                    "title": "No deliveries in the north today",
                    "url": "https://shop.example/north",
                    "action": "Which streets?",
                    "ends_at": "2096-11-22T00:00:00Z",
                },
                {"audience": "admins", "title": "The office moves on Friday"},
            ]
        },
    )

    audience: Short | None = Field(default=None, description="default: everybody")
    level: Level = Level.INFO
    title: Title = Field(examples=["No deliveries in the north today"])
    body: Body = ""
    url: Url | None = None
    action: Action | None = Field(default=None, description="the label of the link")
    starts_at: Moment | None = Field(default=None, description="default: now")
    ends_at: Moment | None = Field(default=None, description="default: until it is withdrawn")


class ChangedAnnouncement(BaseModel):
    """What is given is changed; to another audience, make another announcement."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"title": "No deliveries today"}, {"ends_at": None}]}
    )

    level: Level | None = None
    title: Title | None = None
    body: Body | None = None
    url: Url | None = Field(default=None, description="null: none")
    action: Action | None = Field(default=None, description="null: none")
    starts_at: Moment | None = None
    ends_at: Moment | None = Field(default=None, description="null: until it is withdrawn")

    @model_validator(mode="after")
    def _there(self) -> "ChangedAnnouncement":
        empty = {name for name in ("level", "title", "body", "starts_at") if getattr(self, name) is None}
        wrong = sorted(empty & self.model_fields_set)
        if wrong:
            raise ValueError(f"{', '.join(wrong)} cannot be null")
        return self

    @property
    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


@router.get("")
async def list_announcements(
    _: Staff,
    admin: WithAdmin,
    cursor: Cursor = None,
    limit: Limit = 20,
    state: Annotated[Stage | None, Query(description="only those that are shown now, will be, or were")] = None,
) -> Page[Announcement]:
    """The newest first."""
    return await admin.announcements.page(cursor, limit, state)


@router.post("", status_code=201)
async def announce(staff: Staff, admin: WithAdmin, announcement: NewAnnouncement) -> Announcement:
    """Show something on every page that is open and on those that are opened, from its start to its end. It is in
    nobody's inbox.
    """
    if announcement.audience is not None:
        known = audiences_of(admin.settings, of_any_event=False)
        problem = not_an_audience(announcement.audience, admin.settings, known)
        if problem is not None:
            raise refused(problem, "body", "audience")
    return await admin.announcements.create(staff.user_id, announcement.model_dump())


@router.get("/{announcement_id}", responses=documented(404))
async def get_announcement(_: Staff, admin: WithAdmin, announcement_id: IdInPath) -> Announcement:
    """One, also when it is over."""
    return _there(await admin.announcements.one(announcement_id))


@router.patch("/{announcement_id}", responses=documented(404, 409))
async def change_announcement(
    staff: Staff, admin: WithAdmin, announcement_id: IdInPath, changed: ChangedAnnouncement
) -> Announcement:
    """Show it otherwise, from now on. 409 for one that is over."""
    try:
        return _there(await admin.announcements.change(staff.user_id, announcement_id, changed.values))
    except Over:
        raise HTTPException(409, "This announcement is over: make another.") from None


@router.post("/{announcement_id}/withdraw", responses=documented(404))
async def withdraw_announcement(staff: Staff, admin: WithAdmin, announcement_id: IdInPath) -> Announcement:
    """Take it away from every screen. A second time changes nothing."""
    return _there(await admin.announcements.withdraw(staff.user_id, announcement_id))


def _there(announcement: Announcement | None) -> Announcement:
    if announcement is None:
        raise NotFound(NO_ANNOUNCEMENT)
    return announcement
