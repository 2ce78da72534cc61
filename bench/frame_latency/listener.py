"""Browsers that note when each order's frame came."""

import re
import time
from collections.abc import Collection

from bench.frame_latency.pace import CUSTOMERS, FIRST_CUSTOMER
from bench.hub.client import Crowd, Link, Visitor

SUBJECT = re.compile(rb'"subject" ?: ?"order:(\d+)"')
WAIT_SECONDS = 20.0
"""For the last ones."""


class Browsers(Crowd):
    """One for each customer."""

    def __init__(self, port: int, visitor: Visitor) -> None:
        super().__init__(port, visitor)
        self.came_at: dict[int, float] = {}
        """By order."""

    def arrive(self) -> None:
        """All of them connect."""
        self.come(CUSTOMERS)
        self.rest(0.3)

    def await_all(self, orders: Collection[int]) -> None:
        """Until each of these was told of. Raises TimeoutError."""
        until = time.monotonic() + WAIT_SECONDS
        while missing := sum(order not in self.came_at for order in orders):
            if time.monotonic() > until:
                raise TimeoutError(f"of {len(orders)} orders, {missing} were not told of")
            self.rest(0.05)

    def _frames(self, link: Link, data: bytes) -> int:
        now = time.monotonic()
        for found in SUBJECT.finditer(data):
            self.came_at.setdefault(int(found[1]), now)
        return super()._frames(link, data)


def person(number: int) -> int:
    """Connection N is whose."""
    return FIRST_CUSTOMER + number
