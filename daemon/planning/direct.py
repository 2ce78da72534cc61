"""A message in somebody's own words, to whom they named: an event that brings its rule and its words along."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from config.names import INBOX, Category, Name, Priority
from config.rules import Rule
from daemon.planning.values import Event, Words

EVENT = "message.sent"
PEOPLE = "people"
"""Stands for the audience of who was named one by one."""
MOST_PEOPLE = 1000

_Text = StringConstraints(strip_whitespace=True)
# What a database's text does not take.
_NO_NUL = r"^[^\x00]*$"
_UserId = Annotated[str, Field(min_length=1, max_length=256, pattern=_NO_NUL)]


class Message(BaseModel):
    """The JSON that ``orderbell.tell`` takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audience: Name | None = None
    people: Annotated[tuple[_UserId, ...], Field(max_length=MOST_PEOPLE)] = ()
    title: Annotated[str, _Text, Field(min_length=1, max_length=200, pattern=_NO_NUL)]
    body: Annotated[str, _Text, Field(max_length=5000, pattern=_NO_NUL)] = ""
    url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\s\x00]+$")] | None = None
    action: Annotated[str, _Text, Field(max_length=100, pattern=_NO_NUL)] | None = None
    category: Category = Category.SYSTEM
    priority: Priority = Priority.NORMAL
    critical: bool = False
    channels: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)] = (INBOX,)

    @model_validator(mode="after")
    def _to_somebody(self) -> Self:
        if (self.audience is None) == (not self.people):
            raise ValueError("needs an audience or people, and not both")
        return self


@dataclass(frozen=True, slots=True)
class Direct:
    """How an event is told that no rule of the configuration is for."""

    rule: Rule
    people: tuple[str, ...]
    """Empty where the rule's audience is looked up."""
    words: Words


def direct_event(
    message: Mapping[str, Any], key: str, at: datetime, *, idempotency_key: str | None, expires_at: datetime | None
) -> Event:
    """The event that ``message`` is. Raises ValueError that says what is wrong with it."""
    try:
        read = Message.model_validate(message)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors(include_url=False)
        )
        raise ValueError(f"orderbell.tell cannot use this message: {wrong}") from None
    rule = Rule(
        event=EVENT,
        audience=read.audience or PEOPLE,
        channels=tuple(dict.fromkeys(read.channels)),
        category=read.category,
        priority=read.priority,
        critical=read.critical,
    )
    text = read.title if not read.body else f"{read.title}: {read.body}"
    words = Words(title=read.title, body=read.body, text=text, url=read.url, action=read.action)
    return Event(
        name=EVENT,
        subject=f"message:{key}",
        watch="",
        key=key,
        label="",
        row={"title": read.title, "body": read.body},
        captured_at=at,
        idempotency_key=idempotency_key,
        expires_at=expires_at,
        direct=Direct(rule, read.people, words),
    )
