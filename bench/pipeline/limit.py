"""The limit: the same rows moved by SQL alone, by two connections at once, as the daemon uses two."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import psycopg

from bench import shop
from bench.pipeline.ours import DELIVERIES, look

CHANGES = 500
"""In a transaction: ``[capture] batch_size``."""
OUTCOMES = 1_000
"""In a transaction: the ledger's."""


def run(url: str, deliveries: int, warm_up: int) -> float:
    """Seconds from the commit of so many deliveries' orders until all their rows have been written and moved."""
    with psycopg.connect(url, autocommit=True) as application:
        if warm_up:
            shop.place_orders(application, -(-warm_up // DELIVERIES))
            _drain(url)
        shop.place_orders(application, deliveries // DELIVERIES)
        began = time.monotonic()
        _drain(url)
        seconds = time.monotonic() - began
        look(url, -(-warm_up // DELIVERIES) + deliveries // DELIVERIES)
    return seconds


def _drain(url: str) -> None:
    planned = Event()
    with ThreadPoolExecutor(2) as threads:
        planning = threads.submit(_plan, url, planned)
        finishing = threads.submit(_finish, url, planned)
        try:
            planning.result()
        finally:
            planned.set()
        finishing.result()


def _plan(url: str, planned: Event) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(SQL["plan"], {"changes": CHANGES}).rowcount:
            pass
    planned.set()


def _finish(url: str, planned: Event) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            no_more = planned.is_set()
            if not connection.execute(SQL["finish"], {"deliveries": OUTCOMES}).rowcount:
                if no_more:
                    return
                time.sleep(0.001)


def _statements() -> dict[str, bytes]:
    text = (Path(__file__).parent / "limit.sql").read_text(encoding="utf-8")
    parts = (part.partition("\n") for part in text.split("-- name: ")[1:])
    return {name.strip(): body.encode() for name, _, body in parts}


SQL = _statements()
