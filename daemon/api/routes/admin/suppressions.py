"""Addresses that nothing is sent to any more."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from config.check import known_channels
from config.names import INBOX, Closed
from config.suggestions import did_you_mean
from daemon.api.admin import Admin
from daemon.api.admin.desk import refused
from daemon.api.admin.pages import Page
from daemon.api.admin.suppressions import Suppression
from daemon.api.problems import NotFound, documented
from daemon.api.routes.admin.fields import NO_NUL, Cursor, Limit, Narrow, Short, Text
from daemon.api.routes.admin.staff import Staff, WithAdmin, staff_router
from dispatchers.canonical import canonical

router = staff_router("/suppressions")


class Address(BaseModel):
    """As the application has it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"channel": "email", "address": "ada@example.com"}]}
    )

    channel: Short = Field(examples=["email"])
    address: Annotated[Text, Field(min_length=1, max_length=2048, examples=["ada@example.com"])]


class NewSuppression(Address):
    """An address to close."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"channel": "sms", "address": "+12025550123", "detail": "asked by phone"}]}
    )

    detail: Annotated[Text, Field(max_length=1000)] | None = Field(default=None, description="why, for who looks later")


class Closing(BaseModel):
    """What came of it."""

    channel: str
    address: str = Field(description="as it is compared")
    added: bool = Field(description="false: somebody had closed it already")


@router.get("")
async def list_suppressions(
    _: Staff,
    admin: WithAdmin,
    cursor: Cursor = None,
    limit: Limit = 20,
    channel: Annotated[Narrow, Query(description="on this one only", examples=["email"])] = None,
    reason: Annotated[Closed | None, Query(description="closed for this reason only")] = None,
    address: Annotated[
        str | None, Query(max_length=2048, pattern=NO_NUL, description="exactly this one; needs `channel`")
    ] = None,
) -> Page[Suppression]:
    """The newest first."""
    if channel is not None:
        _check(channel, "query")
    if address is not None and channel is None:
        raise refused("needs channel: the same text may be an address on several", "query", "address")
    spelled = None if address is None else _spelled(admin, channel or "", address, "query")
    return await admin.suppressions.page(cursor, limit, channel=channel, reason=reason, address=spelled)


@router.post("")
async def suppress(staff: Staff, admin: WithAdmin, wanted: NewSuppression) -> Closing:
    """Send nothing to this address any more, what waits included."""
    spelled = _spelled(admin, wanted.channel, wanted.address, "body")
    added = await admin.suppressions.close(staff.user_id, wanted.channel, spelled, wanted.detail or None)
    return Closing(channel=wanted.channel, address=spelled, added=added)


@router.delete("", status_code=204, responses=documented(404))
async def unsuppress(staff: Staff, admin: WithAdmin, wanted: Address) -> None:
    """Send to this address again, whatever had closed it. Of numbers whose owners said STOP, Twilio keeps a list of its
    own, until they say START.
    """
    spelled = _spelled(admin, wanted.channel, wanted.address, "body")
    if not await admin.suppressions.open(staff.user_id, wanted.channel, spelled):
        raise NotFound("This address is not closed.")


def _check(channel: str, where: str) -> None:
    known = [name for name in known_channels() if name != INBOX]
    if channel not in known:
        problem = f'there is no channel "{channel}"{did_you_mean(channel, known)}; there is {", ".join(known)}'
        raise refused(problem, where, "channel")


def _spelled(admin: Admin, channel: str, address: str, where: str) -> str:
    _check(channel, where)
    spelled = canonical(channel, address, admin.settings.sms.default_region)
    if not spelled:
        raise refused("is empty", where, "address")
    return spelled
