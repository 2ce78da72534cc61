"""Lists arrive in the database as they were sent."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from daemon.arrays import CONTEXT

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
FEW = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


@pytest.fixture
def connection(empty_database: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(empty_database, autocommit=True, context=CONTEXT) as connection:
        yield connection


def sent(connection: Connection[TupleRow], kind: str, values: list[Any]) -> list[Any]:
    row = connection.execute(f"SELECT %s::{kind}[]".encode(), [values]).fetchone()
    return list(row[0]) if row else []


@FEW
@given(values=st.lists(st.none() | TEXT))
def test_texts_arrive_as_they_are(connection: Connection[TupleRow], values: list[str | None]) -> None:
    assert sent(connection, "text", values) == values


@FEW
@given(values=st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_numbers_arrive_as_they_are(connection: Connection[TupleRow], values: list[int]) -> None:
    assert sent(connection, "bigint", values) == values


@FEW
@given(values=st.lists(st.datetimes(timezones=st.timezones(), min_value=datetime(1900, 1, 1))))  # noqa: DTZ001 - a bound
def test_times_arrive_as_they_are(connection: Connection[TupleRow], values: list[datetime]) -> None:
    assert sent(connection, "timestamptz", values * 2) == [each.astimezone(UTC) for each in values * 2]


def test_the_second_of_two_equal_hours_stays_the_second(connection: Connection[TupleRow]) -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    second = first.replace(fold=1)
    assert first == second
    one, two = sent(connection, "timestamptz", [first, second])
    assert two - one == timedelta(hours=1)


@pytest.mark.parametrize(
    ("kind", "values", "arrives"),
    [
        ("text", ["NULL", "null", "", "{}", ",", '"', "\\", "a\nb"], None),
        ("text", [None, None], None),
        ("text", [Colour.RED, None], ["red", None]),
        ("integer", [Size.BIG, 1], [3, 1]),
        ("integer", [None, 1], None),
        ("boolean", [True, False, None], None),
        ("double precision", [1.5, 2.0], None),
        ("text", [["a", None], ['b"', "c"]], None),
    ],
)  # fmt: skip
def test_so_does_what_is_special(
    connection: Connection[TupleRow], kind: str, values: list[Any], arrives: list[Any] | None
) -> None:
    assert sent(connection, kind, values) == (values if arrives is None else arrives)


def test_a_text_with_a_nul_is_refused(connection: Connection[TupleRow]) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        sent(connection, "text", ["fine", "not\0fine"])
