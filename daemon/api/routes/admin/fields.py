"""What requests may hold: texts that a database takes, moments that a program can read, pages."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, Field

NO_NUL = r"^[^\x00]*$"
"""A database's text takes everything else; a lone surrogate is refused with the same check."""

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)

MOST_DEPTH = 32


def _within(at: datetime) -> datetime:
    if not EARLIEST.year <= at.year <= LATEST.year:
        raise ValueError(f"must be between {EARLIEST.year} and {LATEST.year}")
    return at.astimezone(UTC)


def _storable(data: dict[str, Any]) -> dict[str, Any]:
    for each in _within_depth(data):
        if isinstance(each, str):
            _check_text(each)
        elif isinstance(each, float) and not math.isfinite(each):
            raise ValueError("has a number that is none in JSON")
    return data


def _within_depth(data: Any) -> Iterator[Any]:
    """Every key and value in it, without recursion."""
    waiting = [(data, 1)]
    while waiting:
        value, depth = waiting.pop()
        inside: list[Any] = []
        if isinstance(value, dict):
            inside = [*value.keys(), *value.values()]
        elif isinstance(value, list):
            inside = value
        else:
            yield value
        if inside and depth > MOST_DEPTH:
            raise ValueError(f"is nested more than {MOST_DEPTH} levels deep")
        waiting += [(each, depth + 1) for each in inside]


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("has half a character (a lone surrogate)") from None
    if "\0" in text:
        raise ValueError("has a NUL character")


Text = Annotated[str, Field(pattern=NO_NUL)]
Short = Annotated[Text, Field(min_length=1, max_length=256)]
"""A name, an id, a key."""
Moment = Annotated[AwareDatetime, AfterValidator(_within)]
"""With its offset from UTC."""
Data = Annotated[dict[str, Any], AfterValidator(_storable)]
"""What JSON can hold and PostgreSQL can, too."""

LARGEST_ID = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
IdInPath = Annotated[int, Path(ge=1, le=LARGEST_ID, description="as the list gives it")]
KeyInPath = Annotated[
    str, Path(min_length=1, max_length=256, pattern=NO_NUL, description="the idempotency key", examples=["lunch-2026"])
]

Cursor = Annotated[
    str | None, Query(max_length=500, pattern=r"^[A-Za-z0-9_-]*$", description="the `next` of the page before")
]
Limit = Annotated[int, Query(ge=1, le=100, description="of one page, at most")]
Since = Annotated[Moment | None, Query(description="from then on", examples=["2026-11-21T00:00:00Z"])]
Narrow = Annotated[str | None, Query(max_length=256, pattern=NO_NUL)]
"""A filter: only what has exactly this."""
