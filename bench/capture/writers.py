"""What capture costs those who write: transactions a second of pgbench, beside a daemon that captures and plans."""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.capture.entrants import Entrant, daemon, put_on
from bench.capture.server import Server

ORDERS = 20_000

ADVANCE = r"""
\set id random(1, {orders})
UPDATE orders SET status = CASE status WHEN 'preparing' THEN 'ready' ELSE 'preparing' END WHERE id = :id;
"""
PLACE = r"""
\set customer random(1, 1000)
INSERT INTO orders (status, customer_id, vendor_id, total, note)
VALUES ('pending', :customer, :customer % 50, 12.50, 'no onions, please');
"""
WEIGHTS = {"advance": 4, "place": 1}
"""Each order is placed once and moves on several times."""

TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Written:
    """One measurement."""

    entrant: Entrant
    clients: int
    tps: float
    planned_share: float | None
    """Of the changes, how many were planned by the time the writers stopped."""


def measured(server: Server, entrant: Entrant, clients: int, seconds: float) -> Written:
    """One entrant, in a database of its own. Raises RuntimeError, subprocess.CalledProcessError."""
    with server.shop(ORDERS) as url:
        put_on(url, entrant)
        with daemon(url, entrant):
            tps, transactions = pgbench(server, url, clients, ["-T", str(max(1, round(seconds)))])
            planned = None if entrant is Entrant.NONE else _events(url) / transactions
    return Written(entrant, clients, tps, planned)


def pgbench(server: Server, url: str, clients: int, how_long: Sequence[str]) -> tuple[float, int]:
    """Transactions a second, and how many there were: each writes one order. ``how_long``: options of pgbench."""
    where = conninfo_to_dict(url)
    with tempfile.TemporaryDirectory(prefix="orderbell-bench-") as folder:
        scripts = {"advance": ADVANCE.format(orders=ORDERS), "place": PLACE}
        options = []
        for name, script in scripts.items():
            file = Path(folder) / f"{name}.sql"
            file.write_text(script, encoding="ascii")
            options += ["-f", f"{file}@{WEIGHTS[name]}"]
        said = subprocess.run(
            [
                server.programs / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)),
                *how_long, *options, "-h", str(where["host"]), "-U", str(where["user"]), str(where["dbname"]),
            ],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    found = TPS.search(said)
    processed = re.search(r"actually processed: (\d+)", said)
    if found is None or processed is None:
        raise RuntimeError(f"pgbench said {said!r}")
    return float(found[1]), int(processed[1])


def _events(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM orderbell.event").fetchone()
    return int(row[0]) if row else 0
