"""How late: from the moment at which a commit returns to its writer, to the moment at which others can see the planned
event. Both are looked at from outside, by one process and one clock; looking takes some 0.1 ms, which is part of it.
"""

import time
from dataclasses import dataclass
from statistics import quantiles

import psycopg

from bench.capture.entrants import Entrant, daemon, put_on
from bench.capture.server import Server

PACES = {"awake": 50.0, "asleep": 5.0}
"""Orders a second: at the first the daemon lingers from one to the next, at the second it sleeps between them."""

WAIT_SECONDS = 10.0
PLACE = """
INSERT INTO orders (status, customer_id, vendor_id, total) VALUES ('pending', 1, 1, 12.50) RETURNING 'order:' || id
"""
PLANNED = "SELECT EXISTS (SELECT FROM orderbell.event WHERE subject = %s)"


@dataclass(frozen=True, slots=True)
class Late:
    """One measurement: seconds, of each order."""

    entrant: Entrant
    pace: str
    seconds: list[float]


def measured(server: Server, entrant: Entrant, seconds: float) -> list[Late]:
    """One entrant at every pace, so many seconds each. Raises TimeoutError where an order is not planned."""
    with server.shop(1000) as url:
        put_on(url, entrant)
        with (
            daemon(url, entrant),
            psycopg.connect(url, autocommit=True) as shop,
            psycopg.connect(url, autocommit=True) as looks,
        ):
            for _ in range(20):
                _one(shop, looks)  # statements are prepared, caches filled
            return [Late(entrant, pace, _paced(shop, looks, seconds, rate)) for pace, rate in PACES.items()]


def _paced(
    shop: psycopg.Connection[tuple[object, ...]],
    looks: psycopg.Connection[tuple[object, ...]],
    seconds: float,
    per_second: float,
) -> list[float]:
    began = time.monotonic()
    found: list[float] = []
    while (due := began + len(found) / per_second) < began + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        found.append(_one(shop, looks))
    return found


def _one(shop: psycopg.Connection[tuple[object, ...]], looks: psycopg.Connection[tuple[object, ...]]) -> float:
    row = shop.execute(PLACE, prepare=True).fetchone()
    committed = time.monotonic()
    while looks.execute(PLANNED, row, prepare=True).fetchone() != (True,):
        if time.monotonic() - committed > WAIT_SECONDS:
            raise TimeoutError("an order was not planned")
    return time.monotonic() - committed


def milliseconds(seconds: list[float]) -> dict[str, float]:
    """The median and the 99th percentile."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {"p50": round(cuts[49] * 1000, 2), "p99": round(cuts[98] * 1000, 2)}
