"""How long, as the configuration writes it."""

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from config.durations import LONGEST, Duration

DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("2m", timedelta(minutes=2)),
        ("1h30m", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("366d", LONGEST),
    ],
)
def test_a_duration_is_read(text: str, length: timedelta) -> None:
    assert DURATION.validate_python(text) == length


@pytest.mark.parametrize(
    "given_instead",
    ["", "2", "2 m", "-2m", "0s", "1h1h", "1.5h", "2M", "367d", "1m\n", "٢m", 120, 1.5, True, None, ["2m"]],
)
def test_anything_else_is_a_mistake(given_instead: Any) -> None:
    with pytest.raises(ValidationError):
        DURATION.validate_python(given_instead)


@given(st.text("0123456789dhms", max_size=60))
def test_whatever_stands_there_is_a_duration_or_a_mistake(text: str) -> None:
    with contextlib.suppress(ValidationError):
        assert timedelta() < DURATION.validate_python(text) <= LONGEST


def test_a_number_beyond_all_measure_is_a_mistake() -> None:
    with pytest.raises(ValidationError):
        DURATION.validate_python("99999999d99999999h99999999m99999999s")
