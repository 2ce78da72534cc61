"""What capture costs those who write orders: ``python -m bench.writers``.

Orders a second of 1, 8 and 32 writers, each order in a commit of its own, while the daemon is awake and drains: without
capture, with the outbox, with the change log, and with the outbox and a plain NOTIFY in every transaction. Beside them
an application in Django, without and with a post_save signal and ``transaction.on_commit``: the ratio is to Django
itself.
"""

import json
import subprocess
from itertools import product

from psycopg.conninfo import conninfo_to_dict

from bench.capture.entrants import Entrant
from bench.capture.server import Server, server
from bench.capture.writers import ORDERS, measured
from bench.frame import (
    PEERS,
    ROOT,
    Found,
    Plot,
    Report,
    Row,
    Table,
    alternating,
    arguments,
    at_least,
    medians,
    peer_versions,
    say,
    versions,
)  # fmt: skip

CLIENTS = (1, 8, 32)
DJANGO, SIGNALS = "django", "django, signals and on_commit"
NAMES = {
    "no capture": Entrant.NONE,
    "outbox": Entrant.OUTBOX,
    "wal": Entrant.WAL,
    "plain NOTIFY": Entrant.NOTIFY,
}
BASE = dict.fromkeys(NAMES, "no capture") | {DJANGO: DJANGO, SIGNALS: DJANGO}
"""What each is a ratio to."""


def rate(running: Server, name: str, clients: int, seconds: float) -> float:
    """Orders a second. Raises RuntimeError, subprocess.CalledProcessError."""
    entrant = NAMES.get(name)
    found = (
        _django(running, name, clients, seconds)
        if entrant is None
        else measured(running, entrant, clients, seconds).tps
    )
    say(f"{name}, {clients} writers: {found:,.0f} orders/s")
    return found


def _django(running: Server, name: str, clients: int, seconds: float) -> float:
    how = "signals" if name == SIGNALS else "plain"
    with running.shop(ORDERS) as url:
        parts = conninfo_to_dict(url)
        said = subprocess.run(
            [
                PEERS / "bin" / "python", "bench/peers/django_writers.py", how,
                json.dumps({key: str(parts[key]) for key in ("host", "user", "dbname")}),
                str(clients), str(max(1, round(seconds))), str(ORDERS),
            ],
            cwd=ROOT, check=False, capture_output=True, text=True,
        )  # fmt: skip
    if said.returncode:
        raise RuntimeError(said.stderr[-2000:])
    return float(said.stdout)


def goals(ratio: dict[str, dict[int, float]], rates: dict[str, dict[int, float]]) -> list[Row]:
    """At 8 and 32 writers; a plain NOTIFY is compared at the most."""
    most = max(CLIENTS)
    return [
        *(
            at_least(f"writers: {name}, {clients}", ratio[name][clients], least, "{:.2f} of no capture")
            for (name, least), clients in product((("outbox", 0.70), ("wal", 0.80)), (8, 32))
        ),
        at_least(
            f"writers: outbox, {most}",
            rates["outbox"][most] / rates["plain NOTIFY"][most],
            4,
            "{:.1f} times plain NOTIFY",
        ),
    ]


def report(found: dict[int, Found], seconds: float) -> Report:
    """What it comes to."""
    rates = {name: {clients: medians(each)[name] for clients, each in found.items()} for name in BASE}
    # Of each round by itself: what else the machine did then, it did to both.
    ratio = {
        name: {
            clients: medians({"": [a / b for a, b in zip(each[name], each[BASE[name]], strict=True)]})[""]
            for clients, each in found.items()
        }
        for name in BASE
        if name != BASE[name]
    }
    heads = [f"{clients} writer{'s' if clients > 1 else ''}" for clients in found]
    return Report(
        "writers",
        rows=goals(ratio, rates),
        medians=rates,
        ratios=ratio,
        tables=[
            Table(
                "Orders a second", ["", *heads], [[name, *map(round, each.values())] for name, each in rates.items()]
            ),
            Table(
                "As a share of the same without", ["", *heads], [[name, *each.values()] for name, each in ratio.items()]
            ),
        ],
        plots=[
            Plot(
                "Orders a second, as a share of the same without capture",
                bars={
                    head: {_ours(name): ratio[name][clients] for name in ratio}
                    for head, clients in zip(heads, found, strict=True)
                },
            )
        ],
        versions=versions("orderbell", "psycopg") | peer_versions("django", "psycopg"),
        settings={"seconds": seconds, "rounds": len(next(iter(found[1].values())))},
    )


def _ours(name: str) -> str:
    return f"Orderbell, {name}" if name in {"outbox", "wal"} else name


def main() -> None:
    """Run it and print the line."""
    parser = arguments("writers", __doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds = 1, 1.0
    found: dict[int, Found] = {clients: {} for clients in CLIENTS}
    with server(18) as running:
        for name in alternating(list(BASE), given.rounds):
            for clients in CLIENTS:
                found[clients].setdefault(name, []).append(rate(running, name, clients, given.seconds))
    report(found, given.seconds).print()


if __name__ == "__main__":
    main()
