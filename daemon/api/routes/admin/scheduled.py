"""What is to be told later; taking back, or prolonging, what was sent."""

from pydantic import BaseModel, ConfigDict, Field

from daemon.api.admin.pages import Page
from daemon.api.admin.scheduled import Scheduled
from daemon.api.problems import NotFound, documented
from daemon.api.routes.admin.fields import Cursor, KeyInPath, Limit, Moment
from daemon.api.routes.admin.staff import Staff, WithAdmin, staff_router

router = staff_router("/scheduled")

NOT_SENT = "Nothing was sent with this key."
NOT_WAITING = "Nothing with this key waits for its time."


class Rescheduled(BaseModel):
    """Another time."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"scheduled_for": "2096-11-21T12:30:00+01:00"}]}
    )

    scheduled_for: Moment = Field(description="before its expires_at; a moment that is over: now")


class Extended(BaseModel):
    """Another end."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"expires_at": "2096-11-21T14:00:00+01:00"}]}
    )

    expires_at: Moment = Field(description="to come, and after its scheduled_for")


@router.get("")
async def list_scheduled(_: Staff, admin: WithAdmin, cursor: Cursor = None, limit: Limit = 20) -> Page[Scheduled]:
    """The next first."""
    return await admin.schedule.page(cursor, limit)


@router.post("/{key:path}/cancel", status_code=204, responses=documented(404))
async def cancel(staff: Staff, admin: WithAdmin, key: KeyInPath) -> None:
    """Take it back. What was told already is withdrawn from inboxes and screens, and not sent where it still waits."""
    if not await admin.schedule.cancel(staff.user_id, key):
        raise NotFound(NOT_SENT)


@router.post("/{key:path}/reschedule", status_code=204, responses=documented(404))
async def reschedule(staff: Staff, admin: WithAdmin, key: KeyInPath, wanted: Rescheduled) -> None:
    """Another time for what was not told yet."""
    if not await admin.schedule.reschedule(staff.user_id, key, wanted.scheduled_for):
        raise NotFound(NOT_WAITING)


@router.post("/{key:path}/extend", status_code=204, responses=documented(404))
async def extend(staff: Staff, admin: WithAdmin, key: KeyInPath, wanted: Extended) -> None:
    """Another end, sooner or later, also for what waits in a queue already."""
    if not await admin.schedule.extend(staff.user_id, key, wanted.expires_at):
        raise NotFound(NOT_SENT)
