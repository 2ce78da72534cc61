"""Where somebody is, from whatever a row has in its columns."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from config.mapping import LiveLocation
from daemon.planning.values import Change
from daemon.planning.whereabouts import newest, sighting_of

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIVE = LiveLocation.model_validate({"heading": "course", "speed": "v", "rooms": "SELECT 1, 2 WHERE 1 = ANY(:keys)"})


def change(key: str = "3", **row: Any) -> Change:
    return Change(1, "positions", key, None, row, AT)


def test_numbers_and_texts_of_numbers_are_a_place() -> None:
    seen = sighting_of(change(lat=Decimal("52.5200"), lng="13.405", course=359, v=4.5), LIVE)
    assert seen is not None
    assert (seen.latitude, seen.longitude, seen.heading, seen.speed, seen.at) == (52.52, 13.405, 359.0, 4.5, AT)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"lat": None, "lng": 1},
        {"lat": 1},
        {"lat": "north", "lng": 1},
        {"lat": 90.1, "lng": 1},
        {"lat": 1, "lng": -180.5},
        {"lat": True, "lng": 1},
        {"lat": "NaN", "lng": 1},
        {"lat": "Infinity", "lng": 1},
        {"lat": "1e999999999", "lng": 1},
        {"lat": [1], "lng": {}},
    ],
)
def test_what_is_no_place_is_none(row: dict[str, Any]) -> None:
    assert sighting_of(change(**row), LIVE) is None


def test_a_heading_or_a_speed_that_is_none_is_left_out() -> None:
    seen = sighting_of(change(lat=1, lng=2, course=361, v="fast"), LIVE)
    assert seen is not None
    assert (seen.heading, seen.speed) == (None, None)


def test_of_each_the_last_is_the_newest() -> None:
    seen = [sighting_of(change(key, lat=1, lng=lng), LIVE) for key, lng in (("3", 1), ("4", 2), ("3", 3))]
    assert [(each.key, each.longitude) for each in newest([s for s in seen if s])] == [("3", 3.0), ("4", 2.0)]
