"""What quiet hours may be, whether a file says them or a row of the database."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from config import quiet
from config.explain import explain
from config.quiet import WEEK, QuietWindow, ZoneName
from config.section import Section

ZONE: TypeAdapter[str] = TypeAdapter(ZoneName)


class Place(Section):
    zone: ZoneName = "UTC"


def lines(model: type[Section], given_values: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as wrong:
        model.model_validate(given_values)
    return [str(mistake) for _, mistake in explain(wrong.value, model)]


def test_a_window_is_every_night_unless_it_says_otherwise() -> None:
    night = QuietWindow.model_validate({})
    assert (night.days, night.start, night.end) == (WEEK, "22:00", "07:00")


@pytest.mark.parametrize("end", ["00:00", "23:59", "24:00", "21:59"])
def test_any_time_of_day_may_be_the_end(end: str) -> None:
    assert QuietWindow(end=end).end == end


@pytest.mark.parametrize(
    ("given_values", "line"),
    [
        ({"start": "24:00"}, "start: must be a time of day: HH:MM, from 00:00 to 23:59"),
        ({"start": "7:00"}, "start: must be a time of day: HH:MM, from 00:00 to 23:59"),
        ({"start": "\u0662\u0662:00"}, "start: must be a time of day: HH:MM, from 00:00 to 23:59"),
        ({"start": 22}, "start: must be text in quotes, not 22"),
        ({"end": "24:01"}, "end: must be a time of day: HH:MM, from 00:00 to 24:00"),
        ({"end": "7 am"}, "end: must be a time of day: HH:MM, from 00:00 to 24:00"),
        ({"end": "07:00:00"}, "end: must be a time of day: HH:MM, from 00:00 to 24:00"),
        ({"days": []}, "days: must not be empty; every day is the default"),
        ({"days": "mon"}, "days: must be a list: [...]"),
        ({"days": ["mon", "tue", "mon"]}, "days: mon is named twice"),
        (
            {"days": ["Mon"]},
            'days[0]: must be one of mon, tue, wed, thu, fri, sat, sun, not "Mon" (did you mean "mon"?)',
        ),
        (
            {"start": "07:00", "end": "07:00"},
            "07:00 to 07:00 is no time or a whole day: a whole day is 00:00 to 24:00",
        ),
        (
            {"start": "00:00", "end": "24:00"},
            "would never end: name the days, or leave the channels out of the rules",
        ),
        ({"day": ["sun"]}, 'day: unknown key (did you mean "days"?)'),
    ],
)
def test_a_window_that_is_none_is_said(given_values: dict[str, Any], line: str) -> None:
    assert lines(QuietWindow, given_values) == [line]


def test_a_whole_day_is_quiet_on_some_days() -> None:
    assert QuietWindow(days=("sun",), start="00:00", end="24:00").end == "24:00"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["mon", "07:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["days", "start", "end", "x"]), inner),
    max_leaves=8,
)


@given(anything)
def test_any_json_is_a_window_or_a_validation_error(value: Any) -> None:
    try:
        QuietWindow.model_validate(value)
    except ValidationError as error:
        assert error.error_count()  # noqa: PT017 - one of two right answers


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Asia/Kathmandu"])
def test_a_zone_of_the_database_is_taken(name: str) -> None:
    assert ZONE.validate_python(name) == name


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("Europe/Berln", ' (did you mean "Europe/Berlin"?)'),
        ("europe/berlin", ' (did you mean "Europe/Berlin"?)'),
        ("Kolkata", ' (did you mean "Asia/Kolkata"?)'),
        ("../../etc/passwd", ": write its IANA name, such as Europe/Berlin"),
        ("localtime", ": write its IANA name, such as Europe/Berlin"),
        ("", ": write its IANA name, such as Europe/Berlin"),
        ("x" * 1_000_000, ": write its IANA name, such as Europe/Berlin"),
    ],
    ids=lambda text: text[:20],
)
def test_another_zone_is_said_with_the_one_that_was_meant(name: str, end: str) -> None:
    assert lines(Place, {"zone": name}) == [f"zone: is not a time zone that this machine knows{end}"]


def test_a_machine_without_a_database_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "known_zones", frozenset)
    assert lines(Place, {"zone": "UTC"}) == ["zone: this machine has no time zone database: install the package tzdata"]
