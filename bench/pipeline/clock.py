"""When everything is done, as the database says."""

import time

import psycopg

REST = 20.0
"""Times what a question takes: asking must cost nobody anything."""
REST_MIN_SECONDS = 0.01


def until(url: str, query: str, seconds: float = 120.0) -> float:
    """When ``query`` first answered true, on the monotonic clock. Raises TimeoutError after ``seconds``."""
    with psycopg.connect(url, autocommit=True) as connection:
        limit = time.monotonic() + seconds
        while True:
            asked = time.monotonic()
            row = connection.execute(query.encode()).fetchone()
            now = time.monotonic()
            if row is not None and row[0] is True:
                return now
            if now > limit:
                raise TimeoutError(f"not done after {seconds:.0f} seconds: {query}")
            time.sleep(max(REST_MIN_SECONDS, (now - asked) * REST))
