"""Who is told what, and how."""

from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from config.names import INBOX, Category, EventName, Name, Priority
from config.section import Section
from config.telling import Digest, Step


class Rule(Section):
    """Event + audience -> how that audience is told."""

    event: EventName = Field(description="prefix.what, as the watch makes it: order.ready")
    audience: Name = Field(description="the [audience.NAME] that is told")
    channels: tuple[Name, ...] = Field(
        default=(INBOX,),
        min_length=1,
        description="at once: inbox, email, sms, webpush; everything is in the inbox anyway",
    )
    steps: tuple[Step, ...] = Field(
        default=(), max_length=20, description="instead of channels: one way of telling after another"
    )
    priority: Priority = Field(default=Priority.NORMAL, description="urgent passes quiet hours")
    category: Category = Field(default=Category.ORDER, description="what people choose by in their preferences")
    critical: bool = Field(default=False, description="nobody can switch it off: no preference, no unsubscribe link")
    digest: Digest | None = Field(default=None, description="several of these in one message")
    sms_segments: Annotated[int, Field(ge=1, le=10)] | None = Field(
        default=None, description="of a text at most; default: [sms] segments"
    )
    withdraw_on: tuple[EventName, ...] = Field(
        default=(), description="events of the same row that take it back everywhere: an offer that somebody has taken"
    )
    expires_after_seconds: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="a delivery older than this is not sent; default: [delivery] expires_after_seconds"
    )

    @field_validator("channels")
    @classmethod
    def _each_once(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(channels)) != len(channels):
            raise ValueError("a channel is named twice")
        return channels

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if self.steps and "channels" in self.model_fields_set:
            raise ValueError("has channels and steps: put the channels into the first step")
        if self.event in self.withdraw_on:
            raise ValueError(f"{self.event} would withdraw itself")
        return self

    @cached_property
    def all_steps(self) -> tuple[Step, ...]:
        """Its steps; ``channels`` alone are one."""
        return self.steps or (Step(channels=self.channels),)

    @cached_property
    def all_channels(self) -> tuple[str, ...]:
        """Every channel that it names, each once."""
        return tuple(dict.fromkeys(channel for step in self.all_steps for channel in step.channels))
