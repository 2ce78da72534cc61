"""Orders at a steady pace. Also in the peers' own environment: standard library only."""

import time
from collections.abc import Callable

FIRST_CUSTOMER = 201
CUSTOMERS = 20
"""Each with a browser."""
WARM_UP_SECONDS = 0.5


def keep_ordering(place: Callable[[int], tuple[int, float]], per_second: float, seconds: float) -> None:
    """``place`` commits an order of the customer that it is given; returns its id, and when the commit had returned.

    Whoever is late goes on at once: what is measured begins at each order's own commit. Prints id and time of each.
    """
    said: list[tuple[int, float]] = []
    began, turn = time.monotonic(), 0
    while (at := turn / per_second) < WARM_UP_SECONDS + seconds:
        time.sleep(max(0.0, began + at - time.monotonic()))
        placed = place(FIRST_CUSTOMER + turn % CUSTOMERS)
        if at >= WARM_UP_SECONDS:
            said.append(placed)
        turn += 1
    for order, committed_at in said:
        print(order, f"{committed_at:.6f}")
