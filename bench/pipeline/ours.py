"""Orderbell: ``orderbell run`` as it is, with dispatchers that send nothing."""

import time
from pathlib import Path

import psycopg

from bench import shop
from bench.daemon import orderbell
from bench.pipeline.clock import until

AUDIENCES = ["customer", "vendor", "driver"]
CHANNELS = ["email", "webpush"]
DELIVERIES = len(AUDIENCES) * len(CHANNELS)
"""Of an order."""

DONE = "SELECT NOT EXISTS (SELECT FROM orderbell.change) AND NOT EXISTS (SELECT FROM orderbell.delivery)"

KEPT = """
SELECT (SELECT count(*) FROM orderbell.event), (SELECT count(*) FROM orderbell.notification),
       (SELECT count(*) FROM orderbell.delivery_history WHERE state = 'sent'),
       (SELECT count(*) FROM orderbell.attempt WHERE outcome = 'sent')
"""


def open_shop(url: str, folder: Path) -> None:
    """The shop, with rules that make 3 notifications and 6 deliveries of an order."""
    shop.open_shop(url, folder, shop.rules(AUDIENCES, CHANNELS))


def run(url: str, folder: Path, deliveries: int, warm_up: int) -> float:
    """Seconds from the commit of so many deliveries' orders until all are planned, sent and kept."""
    file = shop.configure(url, folder, shop.rules(AUDIENCES, CHANNELS))
    with orderbell(file), psycopg.connect(url, autocommit=True) as application:
        if warm_up:
            shop.place_orders(application, -(-warm_up // DELIVERIES))
            until(url, DONE)
        shop.place_orders(application, deliveries // DELIVERIES)
        began = time.monotonic()
        seconds = until(url, DONE) - began
        look(url, -(-warm_up // DELIVERIES) + deliveries // DELIVERIES)
    return seconds


def look(url: str, orders: int) -> None:
    """Raises RuntimeError where not everything was sent and kept."""
    with psycopg.connect(url) as application:
        kept = application.execute(KEPT).fetchone()
    if kept != (orders, orders * len(AUDIENCES), orders * DELIVERIES, orders * DELIVERIES):
        raise RuntimeError(f"of {orders} orders, this was kept: {kept}")
