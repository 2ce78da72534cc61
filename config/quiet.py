"""Hours in which nobody is disturbed, and the time zones that they are told in."""

import re
from functools import cache
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, field_validator, model_validator

from config.section import Section
from config.suggestions import did_you_mean

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of ``date.weekday()``."""

_TIME_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_NO_PLACE = {"Factory", "localtime"}
"""Files of the time zone database that stand for what a machine happens to be set to."""


class QuietWindow(Section):
    """Hours in which a message waits, in the recipient's time zone.

    An ``end`` that is before ``start`` is on the next day, and the window belongs to the day it starts on. A whole day
    is 00:00 to 24:00, on some days of the week.
    """

    days: tuple[Day, ...] = Field(default=WEEK, description="the days on which it starts")
    start: str = Field(default="22:00", description="HH:MM, the first minute that is quiet")
    end: str = Field(default="07:00", description="HH:MM, the first minute that is not; 24:00 is the day's end")

    @field_validator("days")
    @classmethod
    def _some_and_each_once(cls, days: tuple[Day, ...]) -> tuple[Day, ...]:
        if not days:
            raise ValueError("must not be empty; every day is the default")
        twice = [day for day in WEEK if days.count(day) > 1]
        if twice:
            raise ValueError(f"{twice[0]} is named twice")
        return days

    @field_validator("start")
    @classmethod
    def _starts_in_a_day(cls, time: str) -> str:
        if not _TIME_OF_DAY.fullmatch(time):
            raise ValueError("must be a time of day: HH:MM, from 00:00 to 23:59")
        return time

    @field_validator("end")
    @classmethod
    def _ends_with_a_day(cls, time: str) -> str:
        if time != "24:00" and not _TIME_OF_DAY.fullmatch(time):
            raise ValueError("must be a time of day: HH:MM, from 00:00 to 24:00")
        return time

    @model_validator(mode="after")
    def _leaves_something_open(self) -> Self:
        if self.start == self.end:
            raise ValueError(f"{self.start} to {self.end} is no time or a whole day: a whole day is 00:00 to 24:00")
        if (self.start, self.end) == ("00:00", "24:00") and set(self.days) == set(WEEK):
            raise ValueError("would never end: name the days, or leave the channels out of the rules")
        return self


@cache
def known_zones() -> frozenset[str]:
    """The names in the time zone database of this machine, or else of the package ``tzdata``; read once (0.1 s)."""
    return frozenset(available_timezones() - _NO_PLACE)


def _known_zone(name: str) -> str:
    if not known_zones():
        raise ValueError("this machine has no time zone database: install the package tzdata")
    if name not in known_zones():
        near = did_you_mean(name[:64], sorted(known_zones())) or ": write its IANA name, such as Europe/Berlin"
        raise ValueError(f"is not a time zone that this machine knows{near}")
    return name


ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""The name of a time zone in the IANA database: ``Europe/Berlin``, ``UTC``."""
