"""How long: ``90s``, ``2m``, ``1h30m``, ``7d``."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_PART = re.compile(r"([0-9]{1,8})(d|h|m|s)")
_WHOLE = re.compile(r"(?:[0-9]{1,8}[dhms])+")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
LONGEST = timedelta(days=366)


def duration(text: Any) -> Any:
    """``1h30m`` -> 90 minutes. Raises ValueError; what is neither text nor a number is left to pydantic."""
    if isinstance(text, timedelta):
        return text
    if isinstance(text, str) and _WHOLE.fullmatch(text):
        parts = _PART.findall(text)
        if len({unit for _, unit in parts}) == len(parts):
            length = sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
            if timedelta() < length <= LONGEST:
                return length
            raise ValueError(f"must be more than 0s and at most {LONGEST.days}d")
    raise ValueError('must be a duration such as "90s", "2m", "1h30m" or "7d"')


Duration = Annotated[timedelta, BeforeValidator(duration)]
"""More than nothing, a year at most."""
