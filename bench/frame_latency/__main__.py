"""How long from the commit of an order to the frame in its customer's browser, and to its mail's DATA.

A real daemon, Django Channels (``save``, ``post_save``, ``on_commit``, Redis, a consumer) and, as the limit, a bare
LISTEN that writes each notification to a WebSocket and keeps nothing. The time runs from when the commit has returned
to the application. Orders are written at a steady pace by processes of their own.
"""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from bench import shop
from bench.capture.server import server
from bench.frame import (
    PEERS,
    ROOT,
    Plot,
    Report,
    Row,
    Table,
    alternating,
    arguments,
    at_most,
    peer_versions,
    say,
    shown,
    versions,
)  # fmt: skip
from bench.frame_latency.entrants import Running, channels, listen, orderbell, orderbell_mails, rule, stamped
from bench.frame_latency.listener import WAIT_SECONDS, Browsers
from bench.frame_latency.pace import CUSTOMERS, FIRST_CUSTOMER
from bench.hub.processes import process, redis_version

OURS, CHANNELS, LIMIT, MAILS = "orderbell", "channels", "LISTEN alone", "orderbell, to DATA"
START: dict[str, Callable[[str, Path], AbstractContextManager[Running]]] = {
    OURS: orderbell, CHANNELS: channels, LIMIT: listen, MAILS: orderbell_mails,
}  # fmt: skip
PACES: Sequence[int] = (10, 200, 1_000)
NO_CORES: frozenset[int] = frozenset()
"""Of its own: any of them is anybody's here."""
OF_A_WRITER = 250
"""Orders a second, at most: more are written by several at once."""
PEOPLE = "INSERT INTO users (name) SELECT 'Person ' || n FROM generate_series(6, %s) n"
LEAST_SECONDS = 0.000_05
"""A frame may be there before the commit has returned."""


class Late(NamedTuple):
    """Of one measurement."""

    p50: float
    """Milliseconds."""
    p99: float
    reached: float
    """Orders a second that the application wrote: who is told within its own request is slowed down by it."""


Found = dict[str, dict[int, list[Late]]]
"""By entrant and pace, of each round."""

LEAST_ORDERS = 100
"""Of a measurement: with fewer, p99 is the slowest."""

_numbers = itertools.count(1)


def session(name: str, url: str, folder: Path, seconds: float, paces: Sequence[int]) -> dict[int, Late]:
    """One entrant, freshly started, at every pace."""
    found = {}
    with START[name](url, folder) as running, Browsers(running.port, running.visitor) as browsers:
        browsers.arrive()
        for pace in paces:
            committed, took = _ordered(running, browsers, pace, max(seconds, LEAST_ORDERS / pace))
            browsers.await_all(committed)
            came = browsers.came_at if running.stamps is None else _mailed(running.stamps, committed)
            late = [1000 * max(LEAST_SECONDS, came[order] - at) for order, at in committed.items()]
            cuts = quantiles(late, n=100, method="inclusive")
            found[pace] = one = Late(cuts[49], cuts[98], (len(committed) - 1) / took)
            say(f"{name}, {pace}/s ({one.reached:,.0f} reached): p50 {one.p50:.2f} ms, p99 {one.p99:.2f} ms")
    return found


def _ordered(running: Running, browsers: Browsers, pace: int, seconds: float) -> tuple[dict[int, float], float]:
    """By order, when its commit had returned; and within how many seconds all of them were written."""
    count = -(-pace // OF_A_WRITER)
    command = [*running.writer, str(pace / count), str(seconds)]
    with ExitStack() as stack:
        # Not pipes: these hold less than a writer says at its end.
        said = [stack.enter_context(tempfile.TemporaryFile("w+", encoding="ascii")) for _ in range(count)]
        writers = [
            stack.enter_context(process(command, NO_CORES, environment=running.environment, said=file)) for file in said
        ]
        while any(each.poll() is None for each in writers):
            browsers.rest(0.05)
        if any(each.returncode for each in writers):
            raise RuntimeError("an application that writes orders has failed")
        committed: dict[int, float] = {}
        for file in said:
            file.seek(0)
            committed |= {int(order): float(at) for order, at in map(str.split, file)}
    return committed, max(committed.values()) - min(committed.values())


def _mailed(stamps: Path, committed: dict[int, float]) -> dict[int, float]:
    """When each mail's DATA came. Raises TimeoutError."""
    until = time.monotonic() + WAIT_SECONDS
    while not committed.keys() <= (came := stamped(stamps)).keys():
        if time.monotonic() > until:
            raise TimeoutError(f"of {len(committed)} mails, {len(committed.keys() - came.keys())} did not come")
        time.sleep(0.1)
    return came


@contextmanager
def database(server_url: str, template: str) -> Iterator[str]:
    """A fresh one, made like ``template``."""
    name = f"latency_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
    try:
        yield uri(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def uri(server_url: str, name: str) -> str:
    """The same server's database of that name."""
    parts = conninfo_to_dict(make_conninfo(server_url, dbname=name))
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"


def measure(server_url: str, folder: Path, rounds: int, seconds: float, paces: Sequence[int]) -> Found:
    """All, in turns."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop")
        connection.execute("CREATE DATABASE watched")
    shop.open_shop(uri(server_url, "watched"), folder, rule("inbox"))
    with psycopg.connect(uri(server_url, "shop"), autocommit=True) as connection:
        shop.run(connection, (ROOT / "demo" / "shop.sql").read_text(encoding="utf-8"))
        connection.execute(PEOPLE, (FIRST_CUSTOMER + CUSTOMERS,))
    late: Found = {}
    for number, name in enumerate(alternating(list(START), rounds)):
        own = folder / str(number)
        own.mkdir()
        with database(server_url, "watched" if name in {OURS, MAILS} else "shop") as url:
            for pace, one in session(name, url, own, seconds, paces).items():
                late.setdefault(name, {}).setdefault(pace, []).append(one)
    return late


def report(late: Found, server_version: str, rounds: int, seconds: float) -> Report:
    """What it comes to."""
    middle = {
        name: {
            pace: {part: median(getattr(one, part) for one in rounds_of) for part in Late._fields}
            for pace, rounds_of in by_pace.items()
        }
        for name, by_pace in late.items()
    }
    rows: list[Row] = []
    ratios: dict[str, dict[int, float]] = {"p99 to Channels'": {}, "p50 to the limit's": {}}
    for pace in middle[OURS]:
        ours = middle[OURS][pace]
        ratios["p99 to Channels'"][pace] = to_channels = ours["p99"] / middle[CHANNELS][pace]["p99"]
        ratios["p50 to the limit's"][pace] = to_limit = ours["p50"] / middle[LIMIT][pace]["p50"]
        rows.append(at_most(f"commit to frame, p99, {pace:,} orders/s", to_channels, 1.0, "{:.2f} of Channels'"))
        rows.append(at_most(f"commit to frame, p50, {pace:,} orders/s", to_limit, 2.0, "{:.2f} times LISTEN alone"))
        rows.append(shown(f"commit to SMTP DATA, p50, {pace:,} orders/s", middle[MAILS][pace]["p50"], "{:.1f} ms"))
    table = [
        [name, part, *(each[part] for each in by_pace.values())]
        for name, by_pace in middle.items() for part in ("p50", "p99")
    ]  # fmt: skip
    return Report(
        "frame_latency",
        rows=rows,
        medians=middle,
        ratios=ratios,
        tables=[
            Table("Milliseconds from the commit", ["", "", *(f"{p:,} orders/s" for p in middle[OURS])], table),
            Table(
                "Orders a second that the application wrote",
                ["", *(f"of {pace:,}" for pace in middle[OURS])],
                [[name, *(each["reached"] for each in by_pace.values())] for name, by_pace in middle.items()],
            ),
        ],
        plots=[
            Plot(
                f"Commit to frame, {part}, in milliseconds",
                {f"{pace:,} orders/s": {name: middle[name][pace][part] for name in START} for pace in middle[OURS]},
            )
            for part in ("p50", "p99")
        ],
        versions=versions("orderbell", "websockets", "psycopg")
        | peer_versions("django", "channels", "channels-redis", "hiredis", "uvicorn", "uvloop")
        | {"redis-server": redis_version(), "postgresql": server_version},
        settings={"rounds": rounds, "seconds": seconds},
    )


def main() -> None:
    """Run it and print the line."""
    parser = arguments("frame_latency", __doc__, rounds=1)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement; 100 orders at the least")
    given = parser.parse_args()
    if not PEERS.exists():
        parser.error(f"{PEERS.name} is not there: make bench makes it")
    paces = PACES
    if given.quick:
        given.rounds, given.seconds, paces = 1, 0.3, PACES[1:2]
    with tempfile.TemporaryDirectory(prefix="orderbell-bench-") as folder, server(18) as running:
        late = measure(running.url, Path(folder), given.rounds, given.seconds, paces)
        report(late, running.version(), given.rounds, given.seconds).print()


if __name__ == "__main__":
    main()
