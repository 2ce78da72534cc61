"""What a backlog costs: changes that came while the daemon was down: ``python -m bench.backlog``.

Each change makes a notification and a delivery. They wait in a fresh database; then ``orderbell run`` starts, with
dispatchers that send nothing, and the time runs from READY until nothing is left. Its resident memory is looked at
all the while. A big backlog must cost as much per event as a small one, and no more memory.
"""

import itertools
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from bench import shop
from bench.capture.server import server
from bench.daemon import Daemon, orderbell
from bench.frame import Plot, Report, Table, arguments, at_most, say, versions
from bench.pipeline.clock import until
from bench.pipeline.ours import DONE

RULES = shop.rules(["customer"], ["email"])
AT_ONCE = 50_000
"""Orders in one commit."""
LOOK_SECONDS = 0.25
BIG = 1_000_000

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Drained:
    """One backlog, from READY to its end."""

    events: int
    seconds: float
    cpu_seconds: float
    """The daemon's."""
    resident: list[tuple[float, float]]
    """Seconds since READY, and MiB."""

    @property
    def peak(self) -> float:
        return max(mib for _, mib in self.resident)

    @property
    def growth(self) -> float:
        """The most in the second half of the time, to the most in its first half."""
        half = self.seconds / 2
        first = [mib for at, mib in self.resident if at <= half]
        second = [mib for at, mib in self.resident if at > half]
        return max(second, default=0.0) / max(first) if first else 1.0


@contextmanager
def fresh(server_url: str) -> Iterator[str]:
    """A database with a shop in it."""
    name = f"backlog_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE shop").format(Identifier(name)))
        try:
            yield _uri(server_url, name)
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _uri(server_url: str, name: str) -> str:
    parts = conninfo_to_dict(server_url)
    return f"postgresql://{parts['user']}@/{name}?host={parts['host']}"


def drain(server_url: str, folder: Path, events: int) -> Drained:
    """So many changes queued, and then the daemon."""
    with fresh(server_url) as url:
        with psycopg.connect(url, autocommit=True) as application:
            for start in range(0, events, AT_ONCE):
                shop.place_orders(application, min(AT_ONCE, events - start))
            application.execute("VACUUM ANALYZE orders")
            application.execute("CHECKPOINT")
        with orderbell(shop.configure(url, folder, RULES)) as daemon:
            resident: list[tuple[float, float]] = []
            began, cpu_before = time.monotonic(), daemon.cpu_seconds()
            with _looking(daemon, began, resident):
                ended = until(url, DONE, seconds=3_600)
            found = Drained(events, ended - began, daemon.cpu_seconds() - cpu_before, resident)
        _count(url, events)
    say(f"{events:,} changes: {events / found.seconds:,.0f}/s, {found.peak:.0f} MiB at most")
    return found


@contextmanager
def _looking(daemon: Daemon, began: float, resident: list[tuple[float, float]]) -> Iterator[None]:
    over = threading.Event()

    def look() -> None:
        while True:
            resident.append((time.monotonic() - began, daemon.rss_mib()))
            if over.wait(LOOK_SECONDS):
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _count(url: str, events: int) -> None:
    with psycopg.connect(url) as application:
        row = application.execute("SELECT count(*) FROM orderbell.delivery_history WHERE state = 'sent'").fetchone()
    if row != (events,):
        raise RuntimeError(f"of {events} changes, this was sent: {row}")


def report(small: list[Drained], big: Drained) -> Report:
    """What it comes to."""
    of_small = median(one.seconds / one.events for one in small)
    cpu_of_small = median(one.cpu_seconds / one.events for one in small)
    cost = big.seconds / big.events / of_small
    cpu = big.cpu_seconds / big.events / cpu_of_small
    first = small[0].events
    title = f"Resident memory of the daemon while it drains {big.events:,} changes"
    return Report(
        "backlog",
        rows=[
            at_most(f"backlog of {big.events:,}: memory", big.peak, 250, "{:.0f} MiB"),
            at_most(f"backlog of {big.events:,}: memory, second half to first", big.growth, 1.05, "{:.2f}"),
            at_most(f"backlog of {big.events:,}: cost of an event, to {first:,}", cost, 1.10, "{:.2f}"),
        ],
        medians={
            "events_per_second": {str(first): 1 / of_small, str(big.events): big.events / big.seconds},
            "cpu_microseconds_per_event": {
                str(first): cpu_of_small * 1e6,
                str(big.events): big.cpu_seconds / big.events * 1e6,
            },
            "peak_mib": {str(first): median(one.peak for one in small), str(big.events): big.peak},
        },
        ratios={"cost": cost, "cpu": cpu, "growth": big.growth},
        tables=[
            Table(
                "A backlog is drained",
                ["", "events/s", "daemon's CPU, µs an event", "most memory, MiB"],
                [
                    [f"{one.events:,}", one.events / one.seconds, one.cpu_seconds / one.events * 1e6, one.peak]
                    for one in (*small, big)
                ],
            )
        ],
        plots=[Plot(title, lines={"MiB": _thinned(big.resident)}, across="seconds since READY")],
        versions=versions("orderbell", "psycopg"),
        settings={"events": [first, big.events], "rounds": len(small)},
    )


def _thinned(points: list[tuple[float, float]], most: int = 200) -> list[tuple[float, float]]:
    return points[:: max(1, len(points) // most)]


def main() -> None:
    """Run it and print the line."""
    parser = arguments("backlog", __doc__)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--big", type=int, default=BIG)
    given = parser.parse_args()
    if given.quick:
        given.small, given.big, given.rounds = 300, 900, 1
    with tempfile.TemporaryDirectory(prefix="orderbell-bench-") as name, server(18) as running:
        with psycopg.connect(running.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE shop")
        shop.open_shop(_uri(running.url, "shop"), Path(name), RULES)
        before = [drain(running.url, Path(name), given.small) for _ in range(given.rounds - given.rounds // 2)]
        big = drain(running.url, Path(name), given.big)
        after = [drain(running.url, Path(name), given.small) for _ in range(given.rounds // 2)]
    report(before + after, big).print()


if __name__ == "__main__":
    main()
