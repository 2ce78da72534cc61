"""Where somebody is, from the rows of a watch that is ``live``: shown in rooms, never an event, never kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from config.mapping import LiveLocation
from daemon.planning.values import Change


@dataclass(frozen=True, slots=True)
class Sighting:
    """Somebody (a row of ``watch``) was there at that moment."""

    watch: str
    key: str
    latitude: float
    """Degrees north."""
    longitude: float
    """Degrees east."""
    heading: float | None
    """Degrees clockwise from north."""
    speed: float | None
    """Metres a second."""
    at: datetime


def sighting_of(change: Change, live: LiveLocation) -> Sighting | None:
    """Where ``change`` says that somebody is; None where it says nowhere, or nowhere on this planet."""
    row = change.new
    latitude, longitude = _number(row, live.latitude, -90, 90), _number(row, live.longitude, -180, 180)
    if latitude is None or longitude is None:
        return None
    return Sighting(
        watch=change.watch,
        key=change.key,
        latitude=latitude,
        longitude=longitude,
        heading=_number(row, live.heading, 0, 360),
        speed=_number(row, live.speed, 0, 100_000),
        at=change.captured_at,
    )


def newest(sightings: Sequence[Sighting]) -> list[Sighting]:
    """The last of each."""
    return list({(each.watch, each.key): each for each in sightings}.values())


def _number(row: Mapping[str, Any], column: str | None, least: float, most: float) -> float | None:
    value = row.get(column) if column is not None else None
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(Decimal(str(value).strip()))
    except (InvalidOperation, OverflowError):
        return None
    return number if least <= number <= most else None
