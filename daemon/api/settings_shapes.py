"""The JSON of a person's settings."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, model_validator

from config.names import NOT_DECLINED, Category, Name
from config.quiet import QuietWindow, ZoneName
from daemon.planning.catalogue.locales import LONGEST_TAG, is_tag, tag_of
from daemon.planning.quiet import NEVER, quiet_until
from daemon.store.person import AT_MOST_WINDOWS

LONGEST_SNOOZE = timedelta(days=366)
A_MOMENT = "2026-05-04T11:42:07Z"


def _locale(written: str) -> str:
    if not is_tag(written):
        raise ValueError("is no locale: write a tag (BCP 47), such as de or pt-BR")
    return tag_of(written)


def _once_open(windows: list[QuietWindow]) -> list[QuietWindow]:
    if quiet_until(windows, ZoneInfo("UTC"), datetime.now(UTC)) == NEVER:
        raise ValueError("would never end: leave some hour open, or switch the channels off")
    return windows


class Personal(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"locale": "de-AT", "time_zone": "Europe/Vienna"}]}
    )

    locale: Annotated[str, Field(max_length=LONGEST_TAG), AfterValidator(_locale)] | None = Field(
        default=None, description="a language tag (BCP 47); null: as the application says"
    )
    time_zone: Annotated[ZoneName, Field(max_length=64)] | None = Field(
        default=None, description="a name of the IANA database; null: as the application says"
    )
    do_not_disturb: StrictBool | None = Field(
        default=None, description="true: only the inbox, and what is critical; null: as false"
    )


class QuietIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"windows": [{"days": ["sat", "sun"], "start": "22:00", "end": "09:00"}]}]},
    )

    windows: Annotated[list[QuietWindow], Field(max_length=AT_MOST_WINDOWS), AfterValidator(_once_open)] | None = Field(
        description="in the person's time zone; an empty list: no quiet hours; null: those of the configuration"
    )


class PreferenceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    category: Category
    channel: Name | None = Field(default=None, description="null: every channel", examples=["email"])
    enabled: StrictBool | None = Field(description="null: as the configuration says")

    @model_validator(mode="after")
    def _may_be_declined(self) -> Self:
        if self.category in NOT_DECLINED and self.enabled is False:
            raise ValueError(f"{self.category.value} cannot be switched off")
        return self


class Switch(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"enabled": False}]})

    enabled: StrictBool | None = Field(description="null: takes an own choice back")


class Snooze(BaseModel):
    """One of the two."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"minutes": 60}]})

    minutes: Annotated[int, Field(strict=True, ge=1, le=10_080)] | None = Field(default=None, description="from now on")
    until: AwareDatetime | None = Field(default=None, description="with a time zone, within a year")

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.minutes is None) == (self.until is None):
            raise ValueError("give minutes, or until")
        now = datetime.now(UTC)
        if self.until is not None and not now < self.until <= now + LONGEST_SNOOZE:
            raise ValueError("until must be in the future, within a year")
        return self


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class TextOut(Out):
    value: str
    own: bool = Field(description="this person chose it; false: the application or the configuration says it")


class LocaleOut(TextOut):
    value: str = Field(examples=["de-AT"])


class ZoneOut(TextOut):
    value: str = Field(examples=["Europe/Vienna"])


class QuietOut(Out):
    windows: list[QuietWindow] = Field(description="in the person's time zone")
    own: bool


class OwnChannelOut(Out):
    channel: str = Field(examples=["email"])
    enabled: bool = Field(description="not switched off as a whole")
    own: bool = Field(description="this person switched it")
    waits: bool = Field(description="for the end of quiet hours and of a snooze")
    reachable: bool = Field(description="there is an address for it that may be sent to")


class PreferenceOut(Out):
    category: Category
    channel: str = Field(examples=["email"])
    enabled: bool = Field(
        description="whether such a message would be sent, with every other switch taken into account"
    )
    own: bool = Field(description="a choice of this person decides it")


class CriticalOut(Out):
    event: str = Field(examples=["order.recalled"])
    channels: list[str] = Field(examples=[["inbox", "email", "sms"]])


class SettingsOut(Out):
    """What the daemon goes by."""

    locale: LocaleOut
    time_zone: ZoneOut
    do_not_disturb: bool = Field(description="only the inbox, and what is critical")
    snoozed_until: datetime | None = Field(description="null: not now", examples=[A_MOMENT])
    quiet_hours: QuietOut
    quiet_until: datetime | None = Field(
        description="channels that wait are silent until then; null: not silent now", examples=[A_MOMENT]
    )
    channels: list[OwnChannelOut]
    preferences: list[PreferenceOut] = Field(description="each category on each channel")
    not_declined: list[Category] = Field(description="categories that cannot be switched off by themselves")
    critical: list[CriticalOut] = Field(description="what is told about things of this person whatever is chosen here")
