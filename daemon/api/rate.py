"""How often one person may ask: a token bucket each, in memory, for as many people as there is room for."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.exceptions import HTTPException

from dispatchers.bucket import Bucket

BURST_SECONDS = 5
"""So many seconds' worth passes at once after a rest."""

MOST_PEOPLE = 20_000
"""Who has asked longest ago is forgotten first: with so many, by then their bucket is full again."""


class TooMany(HTTPException):
    """This person asks too often."""

    def __init__(self, seconds: float) -> None:
        super().__init__(429, "Too many requests: slow down.", {"Retry-After": str(max(1, math.ceil(seconds)))})


class Rates:
    """One bucket a person."""

    def __init__(
        self, per_second: float, *, most_people: int = MOST_PEOPLE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = max(1, math.ceil(BURST_SECONDS * per_second))
        self._most_people = most_people
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, user_id: str) -> None:
        """Let one request of this person through. Raises TooMany."""
        now = self._clock()
        bucket = self._buckets.pop(user_id, None) or Bucket(self._per_second, self._burst)
        self._buckets[user_id] = bucket
        if len(self._buckets) > self._most_people:
            self._buckets.popitem(last=False)
        if not bucket.take(now):
            raise TooMany(bucket.wait(now))

    def __len__(self) -> int:
        """How many people are remembered."""
        return len(self._buckets)
