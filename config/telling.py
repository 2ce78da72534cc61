"""When and how often people are told: steps of a rule, digests, throttles, quiet hours, what they may choose."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from config.durations import Duration
from config.names import INBOX, Category, Name
from config.quiet import QuietWindow, ZoneName
from config.section import Section

WAITING_CHANNELS = ("email", "sms", "webpush")
"""What wakes people up; the inbox and the hub never wait."""


class QuietHours(Section):
    """Hours in which nobody is disturbed; people may choose their own. What is urgent passes."""

    time_zone: ZoneName = Field(default="UTC", description="of people whose own is not known, nor their audience's")
    channels: tuple[Name, ...] = Field(default=WAITING_CHANNELS, description="that wait for the end of the window")
    window: tuple[QuietWindow, ...] = Field(default=(), description="for everybody who has not chosen their own")

    @field_validator("channels")
    @classmethod
    def _not_the_inbox(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if INBOX in channels:
            raise ValueError("the inbox never waits")
        return channels


class Throttle(Section):
    """At most so many messages to one person on a channel in a time; the rest stay in the inbox."""

    channel: Name = Field(description="email, sms, webpush")
    category: Category | None = Field(default=None, description="only of this category; default: of all together")
    at_most: int = Field(ge=1, le=10_000, description="messages to one person")
    per: Duration = Field(description='of time: "1h"')

    @property
    def name(self) -> str:
        """What its count is kept under: a limit that changes goes on counting."""
        return f"{self.channel}:{self.category or 'all'}:{self.per.total_seconds():.0f}"


class Digest(Section):
    """Several events in one message: the window opens with the first and closes on time."""

    every: Duration = Field(description='how long the window is open: "10m"')
    by: Literal["audience", "event", "subject"] = Field(
        default="audience",
        description="what comes together: all of an audience's digests, those of one event, or of one order",
    )


class Step(Section):
    """One way of telling an audience, at once or after a while."""

    channels: tuple[Name, ...] = Field(min_length=1, description="inbox, email, sms, webpush")
    after: Duration | None = Field(default=None, description='so long after the event: "2m"; default: at once')
    unless: Literal["read", "seen", "online"] | None = Field(
        default=None, description="not where the person has read or seen the notification, or is online, by then"
    )
    where: str | None = Field(
        default=None, min_length=1, description="SQL over the row as it is by then, true or not: total > 100"
    )

    @field_validator("channels")
    @classmethod
    def _each_once(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(channels)) != len(channels):
            raise ValueError("a channel is named twice")
        return channels

    @model_validator(mode="after")
    def _something_to_wait_for(self) -> Self:
        if self.unless is not None and self.after is None and self.unless != "online":
            raise ValueError(f'nobody has {self.unless} it at once: unless = "{self.unless}" needs an after')
        return self


Preferences = dict[Category, tuple[Name, ...]]
"""Category -> the channels that it is sent on until a person chooses otherwise."""
