"""The application, which knows of nobody: ``URL PER_SECOND SECONDS``."""

import sys
import time

import psycopg

from bench.frame_latency.pace import keep_ordering

ORDER = "INSERT INTO orders (status, customer_id, vendor_id, total) VALUES ('picked_up', %s, 1, 12.50) RETURNING id"


def main(url: str, per_second: float, seconds: float) -> None:
    """Write orders."""
    with psycopg.connect(url) as connection:

        def place(customer: int) -> tuple[int, float]:
            row = connection.execute(ORDER, (customer,)).fetchone()
            connection.commit()
            return (row[0] if row else 0), time.monotonic()

        keep_ordering(place, per_second, seconds)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
