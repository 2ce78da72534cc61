"""What became of each message on each channel, and trying again."""

from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from daemon.api.admin.deliveries import BroughtBack, Delivery, DeliveryWithAttempts, Failed, State, Which
from daemon.api.admin.desk import refused
from daemon.api.admin.pages import Page
from daemon.api.admin.sending import not_any_channel
from daemon.api.problems import NotFound, documented
from daemon.api.routes.admin.fields import Cursor, Id, IdInPath, Limit, Narrow, Short, Since, Text
from daemon.api.routes.admin.staff import Staff, WithAdmin, staff_router
from daemon.explain.values import Reason

router = staff_router("/deliveries")

NO_DELIVERY = "There is no such delivery, or no more."


class Retry(BaseModel):
    """Failed deliveries that are all of what is given."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"channel": "email", "error": "connection refused"}, {"ids": [4711]}]},
    )

    ids: list[Id] | None = Field(default=None, min_length=1, max_length=1000)
    channel: Short | None = None
    error: Annotated[Text, Field(min_length=1, max_length=1000)] | None = Field(
        default=None,
        description="the error contains this; alone, it also brings back changes that could not be planned",
        examples=["connection refused"],
    )

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if self.ids is None and self.channel is None and self.error is None:
            raise ValueError("needs ids, channel or error")
        return self


@router.get("")
async def list_deliveries(
    _: Staff,
    admin: WithAdmin,
    *,
    cursor: Cursor = None,
    limit: Limit = 20,
    state: Annotated[State | None, Query(description="where it stands")] = None,
    channel: Annotated[Narrow, Query(description="on this one only", examples=["sms"])] = None,
    reason: Annotated[Reason | None, Query(description="why it was skipped")] = None,
    user_id: Annotated[Narrow, Query(description="to this person only")] = None,
    subject: Annotated[Narrow, Query(description="what it is about", examples=["order:4711"])] = None,
    since: Since = None,
) -> Page[Delivery]:
    """The newest first. `since` is when it ended or, while it waits, is due."""
    _check(channel, "query")
    return await admin.deliveries.page(cursor, limit, Which(state, channel, reason, user_id, subject, since))


@router.get("/{delivery_id}", responses=documented(404))
async def get_delivery(_: Staff, admin: WithAdmin, delivery_id: IdInPath) -> DeliveryWithAttempts:
    """One, with every attempt."""
    found = await admin.deliveries.one(delivery_id)
    if found is None:
        raise NotFound(NO_DELIVERY)
    return found


@router.post("/retry")
async def retry_deliveries(staff: Staff, admin: WithAdmin, which: Retry) -> BroughtBack:
    """Bring back what failed, after its cause was mended. What is outdated by now is not sent for that: every delivery
    is looked at again just before. Where `left` stays above 0, ask again.
    """
    _check(which.channel, "body")
    lifetime = admin.settings.delivery.expires_after_seconds
    return await admin.deliveries.bring_back(staff.user_id, Failed(which.ids, which.channel, which.error), lifetime)


@router.post("/{delivery_id}/retry", status_code=204, responses=documented(404))
async def retry_delivery(staff: Staff, admin: WithAdmin, delivery_id: IdInPath) -> None:
    """Bring back one that failed."""
    lifetime = admin.settings.delivery.expires_after_seconds
    brought = await admin.deliveries.bring_back(staff.user_id, Failed([delivery_id]), lifetime)
    if not brought.deliveries:
        raise NotFound("There is no such delivery that has failed.")


def _check(channel: str | None, where: str) -> None:
    problem = None if channel is None else not_any_channel(channel)
    if problem is not None:
        raise refused(problem, where, "channel")
