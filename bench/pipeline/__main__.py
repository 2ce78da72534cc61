"""How many deliveries a second go the whole way: ``python -m bench.pipeline``.

Orders are committed all at once, each of them 3 notifications and 6 deliveries. Orderbell is ``orderbell run`` with
dispatchers that send nothing: each delivery is planned from a captured change, written, looked at once more just
before it is sent, and its attempt and its end are kept. The job queues do one no-op job per delivery, and keep that it
is done.
The limit is what PostgreSQL needs when SQL alone moves Orderbell's rows. Everybody has one process, a database of its
own, and the same server; the time runs from the commit until the database says that nothing is left.
"""

import argparse
import itertools
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from bench.capture.server import Server, server
from bench.frame import (
    NODE_PEERS,
    PEERS,
    Found,
    Plot,
    Report,
    Table,
    alternating,
    arguments,
    at_least,
    medians,
    peer_versions,
    say,
    spread,
    versions,
)  # fmt: skip
from bench.pipeline import limit, ours
from bench.pipeline.peers import peers, python_names, server_side
from bench.pipeline.versions import node_versions

OURS, LIMIT = "orderbell", "SQL alone"

_numbers = itertools.count(1)


def entrants(server_url: str, folder: Path, given: argparse.Namespace) -> dict[str, Callable[[], float]]:
    """Each: the seconds that it takes, in a fresh database."""

    def fresh(template: str, measure: Callable[[str], float]) -> float:
        name = f"pipeline_{next(_numbers)}"
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
            try:
                connection.execute("CHECKPOINT")
                return measure(make_conninfo(server_url, dbname=name))
            finally:
                connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    def told(name: str, run: Callable[[str], float]) -> Callable[[str], float]:
        def measure(url: str) -> float:
            seconds = run(_uri(url))
            say(f"{name}: {given.deliveries / seconds:,.0f} deliveries/s")
            return seconds

        return measure

    count, warm_up = given.deliveries, given.warm_up
    found: dict[str, Callable[[], float]] = {
        OURS: partial(fresh, "shop", told(OURS, lambda url: ours.run(url, folder, count, warm_up))),
        LIMIT: partial(fresh, "shop", told(LIMIT, lambda url: limit.run(url, count, warm_up))),
    }
    for peer in peers():
        run = partial(peer.run, deliveries=count, warm_up=warm_up)
        found[peer.name] = partial(fresh, "template1", told(peer.name, run))
    return {name: each for name, each in found.items() if not given.only or name in given.only}


def _uri(conninfo: str) -> str:
    """For everybody's driver: a URI, with the socket's folder in it."""
    parts = psycopg.conninfo.conninfo_to_dict(conninfo)
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"


def measure(running: Server, folder: Path, given: argparse.Namespace) -> Found:
    """Deliveries a second, by entrant: one figure a round."""
    with psycopg.connect(running.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop")
    ours.open_shop(_uri(make_conninfo(running.url, dbname="shop")), folder)
    everybody = entrants(running.url, folder, given)
    found: Found = {}
    for name in alternating(list(everybody), given.rounds):
        found.setdefault(name, []).append(given.deliveries / everybody[name]())
    return found


def report(found: Found, given: argparse.Namespace, server_says: dict[str, str]) -> Report:
    """What it comes to."""
    rate = medians(found)
    to_each = {name: rate[OURS] / value for name, value in rate.items() if name != OURS}
    queues = {name: value for name, value in rate.items() if name not in {OURS, LIMIT}}
    in_python = {name: value for name, value in queues.items() if name in python_names()}
    best, best_python = max(queues, key=queues.__getitem__), max(in_python, key=in_python.__getitem__)
    return Report(
        "pipeline",
        rows=[
            at_least("pipeline: deliveries/s", to_each[best_python], 2.0, f"{{:.2f}} times {best_python}"),
            at_least("pipeline: deliveries/s", to_each[best], 1.0, f"{{:.2f}} times {best}"),
            at_least("pipeline: deliveries/s", to_each[LIMIT], 0.5, "{:.2f} of the same rows moved by SQL alone"),
        ],
        medians=rate,
        ratios=to_each,
        tables=[
            Table(
                "From the commit to deliveries that are sent and kept",
                ["", "deliveries/s", "lowest and highest", "Orderbell to it"],
                [
                    [name, value, spread(found[name]), to_each.get(name)]
                    for name, value in sorted(rate.items(), key=lambda each: -each[1])
                ],
            )
        ],
        plots=[Plot("Deliveries a second", bars={"": dict(sorted(rate.items(), key=lambda each: -each[1]))})],
        versions=versions("orderbell", "psycopg")
        | peer_versions("procrastinate", "pgqueuer", "asyncpg", "psycopg", "uvloop")
        | node_versions("graphile-worker", "pg-boss")
        | {"postgresql": server_says.pop("server_version")},
        settings={"deliveries": given.deliveries, "rounds": given.rounds, "server": server_says},
    )


def main() -> None:
    """Run it and print the line."""
    parser = arguments("pipeline", __doc__)
    parser.add_argument("--deliveries", type=int, default=24_000)
    parser.add_argument("--only", nargs="*", help="these entrants, without a report")
    given = parser.parse_args()
    for needed in (PEERS, NODE_PEERS):
        if not needed.exists():
            parser.error(f"{needed.name} is not there: make bench makes it")
    given.warm_up = 300
    if given.quick:
        given.deliveries, given.rounds, given.warm_up = 600, 1, 60
    given.deliveries -= given.deliveries % ours.DELIVERIES
    with tempfile.TemporaryDirectory(prefix="orderbell-bench-") as folder, server(18) as running:
        server_says = server_side(running.url)
        found = measure(running, Path(folder), given)
    if not given.only:
        report(found, given, server_says).print()


if __name__ == "__main__":
    main()
