"""Telling people something in one's own words, and sending events that the rules are for."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from config.names import INBOX, Category, EventName, Priority
from config.suggestions import did_you_mean
from daemon.api.admin import Admin
from daemon.api.admin.desk import refused, refused_all
from daemon.api.admin.sending import (
    ADMINS,
    EVERYONE,
    When,
    audiences_of,
    channels_of,
    events_of,
    not_a_channel,
    not_an_audience,
)
from daemon.api.routes.admin.fields import Data, Moment, Short, Text
from daemon.api.routes.admin.staff import Staff, WithAdmin, staff_router
from daemon.planning.direct import MOST_PEOPLE, Message

router = staff_router("")

A_MESSAGE: dict[str, JsonValue] = {
    "to": {"people": ["42"]},
    "title": "Your card was found",
    "channels": ["inbox", "email"],
}
A_LATER_MESSAGE: dict[str, JsonValue] = {
    "to": {"audience": "admins"},
    "title": "Lunch is at one",
    "idempotency_key": "lunch",
    "scheduled_for": "2096-11-21T12:00:00+01:00",
    "expires_at": "2096-11-21T13:00:00+01:00",
}
AN_EVENT: dict[str, JsonValue] = {"event": "order.delayed", "key": "4711", "data": {"customer_id": "42", "minutes": 20}}


class Timed(BaseModel):
    """What can be sent later, and found again."""

    model_config = ConfigDict(extra="forbid")

    idempotency_key: Short | None = Field(
        default=None, description="the same twice is told once; it names what was sent. Default: a new UUID"
    )
    scheduled_for: Moment | None = Field(default=None, description="default: now")
    expires_at: Moment | None = Field(default=None, description="not to be sent after this; default: as the rules say")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Timed":
        if self.expires_at is not None and self.expires_at <= (self.scheduled_for or datetime.now(UTC)):
            raise ValueError("expires_at must be after scheduled_for, and to come")
        return self

    @property
    def when(self) -> When:
        return When(self.idempotency_key or str(uuid4()), self.scheduled_for, self.expires_at)


class Words(Timed):
    """A message."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "The oven is cold", "url": "https://shop.example/kitchen"}]}
    )

    title: Annotated[Text, Field(min_length=1, max_length=200, examples=["We close early today"])]
    body: Annotated[Text, Field(max_length=5000)] = ""
    url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\s\x00]+$")] | None = None
    action: Annotated[Text, Field(max_length=100)] | None = Field(default=None, description="the label of the button")
    critical: bool = Field(default=False, description="no preference counts")


class To(BaseModel):
    """Whom: one of the three."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"people": ["42"]}, {"audience": "admins"}, {"everyone": True}]},
    )

    people: list[Short] | None = Field(default=None, min_length=1, max_length=MOST_PEOPLE, description="user ids")
    audience: Short | None = Field(default=None, description="one whose query takes no parameter", examples=["admins"])
    everyone: bool = Field(default=False, description="the audience `everyone` of the configuration")

    @model_validator(mode="after")
    def _to_one(self) -> "To":
        if [self.people is not None, self.audience is not None, self.everyone].count(True) != 1:
            raise ValueError("needs one of people, audience and everyone")
        return self


class NewMessage(Words):
    """A message, and to whom."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_MESSAGE, A_LATER_MESSAGE]})

    to: To
    category: Category = Category.SYSTEM
    priority: Priority = Priority.NORMAL
    channels: list[Short] = Field(
        default=[INBOX], min_length=1, max_length=20, description="everything is in the inbox anyway"
    )


class NewEvent(Timed):
    """An event that no watched table makes."""

    model_config = ConfigDict(json_schema_extra={"examples": [AN_EVENT]})

    event: EventName = Field(max_length=256, description="one that a rule is for", examples=["order.delayed"])
    key: Short = Field(description="the key of what it is about", examples=["4711"])
    data: Data = Field(default={}, description="its row, as templates and audiences read it")


class Accepted(BaseModel):
    """It is on its way to the planner."""

    key: str = Field(description="names it: for cancel, reschedule and extend", examples=["lunch"])
    new: bool = Field(description="false: something was sent with this key already, and that is what holds")


KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"model": Accepted, "description": "Something was sent with this key already: nothing was done."}
}


def _accepted(response: Response, when: When, *, new: bool) -> Accepted:
    if not new:
        response.status_code = 200
    return Accepted(key=when.key, new=new)


@router.post("/messages", status_code=202, responses=KNOWN)
async def send_message(staff: Staff, admin: WithAdmin, message: NewMessage, response: Response) -> Accepted:
    """Tell people something in your own words. Who has no address on a channel, or does not want it there, has the
    message in the inbox.
    """
    audience = EVERYONE if message.to.everyone else message.to.audience
    at = "everyone" if message.to.everyone else "audience"
    problems = [*_not_to(admin, audience, at), *_not_on(admin, message.channels)]
    if problems:
        raise refused_all(problems)
    told = _message(
        message,
        audience=audience,
        people=message.to.people or (),
        category=message.category,
        priority=message.priority,
        channels=message.channels,
    )
    when = message.when
    return _accepted(response, when, new=await admin.sending.tell(staff.user_id, "message.send", told, when))


@router.post("/alerts", status_code=202, responses=KNOWN)
async def alert_admins(staff: Staff, admin: WithAdmin, alert: Words, response: Response) -> Accepted:
    """Tell the audience `admins` at once, on every channel that they can be reached on; quiet hours do not count."""
    problem = not_an_audience(ADMINS, admin.settings, audiences_of(admin.settings))
    if problem is not None:
        raise refused(problem, "body")
    told = _message(
        alert,
        audience=ADMINS,
        category=Category.SYSTEM,
        priority=Priority.URGENT,
        channels=channels_of(admin.policy),
    )
    when = alert.when
    return _accepted(response, when, new=await admin.sending.tell(staff.user_id, "alert.send", told, when))


@router.post("/events", status_code=202, responses=KNOWN)
async def send_event(staff: Staff, admin: WithAdmin, event: NewEvent, response: Response) -> Accepted:
    """Send an event: who is told, and how, is for the rules to say."""
    known = events_of(admin.settings)
    if event.event not in known:
        there = f"there is {', '.join(known)}" if known else "there is none"
        raise refused(f'no rule is for "{event.event}"{did_you_mean(event.event, known)}; {there}', "body", "event")
    when = event.when
    new = await admin.sending.send(staff.user_id, event.event, event.key, event.data, when)
    return _accepted(response, when, new=new)


def _not_to(admin: Admin, audience: str | None, field: str) -> Iterator[tuple[tuple[str, ...], str]]:
    problem = not_an_audience(audience, admin.settings, audiences_of(admin.settings)) if audience is not None else None
    if problem is not None:
        yield ("body", "to", field), problem


def _not_on(admin: Admin, channels: list[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, channel in enumerate(channels):
        problem = not_a_channel(channel, admin.policy)
        if problem is not None:
            yield ("body", "channels", index), problem


def _message(words: Words, **more: Any) -> Message:
    """As the planner reads it. Raises RequestValidationError for what it would not take."""
    given = {name: getattr(words, name) for name in ("title", "body", "url", "action", "critical")}
    try:
        return Message.model_validate({**given, **more})
    except ValidationError as error:
        raise refused_all([(("body", *each["loc"]), each["msg"]) for each in error.errors()]) from None
