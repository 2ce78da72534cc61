"""How fast one event is planned for many people, and how much memory that takes: ``make bench-plan``.

One order becomes ready, and every available driver is told by e-mail, SMS and Web Push. A third of them have
preferences and quiet hours of their own. Each size is planned by a process of its own, on a database of its own, so
that each has its own peak of memory. The line that it prints has all sizes, and the cost of a person at the largest
size as a ratio to the smallest.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

from config import Settings
from config.load import preset_rules
from daemon.capture.doorbell import Doorbell
from daemon.connections import Connections
from daemon.policy import planning_of
from daemon.store.live import Nobody
from daemon.store.planner import Planner
from demo.postgres import postgres
from dispatchers.base import Delivery
from schema.install import install

SHOP = """
CREATE TABLE people (id int PRIMARY KEY, name text, email text, phone text, locale text, time_zone text);
INSERT INTO people
SELECT n, 'Driver ' || n, 'driver' || n || '@example.com', '+1212555' || lpad((n %% 10000)::text, 4, '0'), 'en',
       (ARRAY['Europe/Berlin', 'America/New_York', 'Asia/Tokyo', 'Australia/Sydney'])[n %% 4 + 1]
FROM generate_series(1, %(people)s) n;
CREATE TABLE orders (id int PRIMARY KEY, status text);
INSERT INTO orders VALUES (1, 'preparing');
ANALYZE
"""

OWN = """
INSERT INTO orderbell.preference (user_id, category, channel, enabled)
SELECT n, 'delivery', 'sms', n %% 2 = 0 FROM generate_series(1, %(people)s, 3) n;
INSERT INTO orderbell.push_subscription (user_id, endpoint, p256dh, auth)
SELECT n, 'https://push.example/send/' || n, 'key', 'secret' FROM generate_series(1, %(people)s) n;
INSERT INTO orderbell.person (user_id, quiet)
SELECT n, json_build_array(json_build_object('start', '22:00', 'end', '07:00'),
                           json_build_object('days', json_build_array('sun'), 'start', '12:00', 'end', '15:00'))
FROM generate_series(1, %(people)s, 3) n;
ANALYZE
"""


class NoRoom:
    """Workers that take nothing: every delivery waits in the database."""

    def reserve(self, channel: str, wanted: int) -> int:  # noqa: ARG002
        return 0

    def release(self, channel: str, count: int) -> None: ...

    def accept(self, deliveries: Sequence[Delivery]) -> None: ...


def settings_for(url: str) -> Settings:
    """The preset's rules; every driver is available, and quiet hours count for their offers too."""
    offer = {
        "event": "order.ready",
        "audience": "available_drivers",
        "channels": ["inbox", "email", "sms", "webpush"],
        "category": "delivery",
    }
    rules = [rule for rule in preset_rules("delivery")["rule"] if rule["event"] != "order.ready"]
    return Settings.model_validate(
        {
            "database": {"url": url},
            "watch": [{"table": "orders"}],
            "people": {
                "query": "SELECT id AS user_id, name, email, phone, locale, time_zone FROM people"
                " WHERE id = ANY(CAST(:ids AS int[]))"
            },
            "audience": {"available_drivers": {"query": "SELECT id FROM people"}},
            "rule": [offer, *(rule for rule in rules if rule["audience"] == "available_drivers")],
        }
    )


async def plan_one(url: str) -> dict[str, float]:
    """Plan what is captured in this database; seconds, and this process's peak of memory in MiB."""
    settings = settings_for(url)
    connections = Connections(settings.database)
    planning = planning_of(settings, ("email", "sms", "webpush"), "bench")
    planner = Planner(
        connections.open,
        Doorbell(connections.open, settings.capture),
        planning,
        NoRoom(),
        Nobody(),
    )
    before = _peak()
    task = asyncio.create_task(planner.run())
    await planner.live.wait()
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as shop:
        shop.execute("UPDATE orders SET status = 'ready'")
        async with asyncio.timeout(600):
            # The database is asked, as an operator would.
            while shop.execute("SELECT EXISTS (SELECT FROM orderbell.change)").fetchone() != (False,):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        seconds = time.monotonic() - began
        failed = shop.execute("SELECT error FROM orderbell.change_failed").fetchone()
        if failed is not None:
            raise RuntimeError(f"it was not planned: {failed[0]}")
        people = shop.execute("SELECT count(*) FROM orderbell.notification").fetchone()
        deliveries = shop.execute("SELECT count(*), count(hold) FROM orderbell.delivery").fetchone()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return {
        "people": people[0] if people else 0,
        "deliveries": deliveries[0] if deliveries else 0,
        "held": deliveries[1] if deliveries else 0,
        "seconds": round(seconds, 3),
        "people_per_second": round(people[0] / seconds) if people else 0,
        "peak_mib_before": before,
        "peak_mib": _peak(),
    }


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


async def measured(people: int) -> dict[str, float]:
    """One size, planned by a process of its own."""
    with tempfile.TemporaryDirectory(prefix="orderbell-bench-") as folder:
        async with postgres(Path(folder) / "postgres") as url:
            with psycopg.connect(url, autocommit=True) as shop:
                for statement in SHOP.split(";\n"):
                    shop.execute(statement.encode(), {"people": people} if "%(" in statement else None)
            await asyncio.to_thread(install, settings_for(url))
            with psycopg.connect(url, autocommit=True) as shop:
                for statement in OWN.split(";\n"):
                    shop.execute(statement.encode(), {"people": people} if "%(" in statement else None)
            child = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "bench.broadcast", "--plan", url],
                capture_output=True,
                text=True,
                check=False,
            )
    if child.returncode:
        raise RuntimeError(child.stderr[-2000:])
    found: dict[str, float] = json.loads(child.stdout.splitlines()[-1])
    print(json.dumps(found), file=sys.stderr)
    return found


async def run(sizes: Sequence[int]) -> dict[str, object]:
    """All sizes, the smallest first."""
    found = [await measured(people) for people in sorted(sizes)]
    each = [one["seconds"] / one["people"] for one in found]
    return {"benchmark": "broadcast", "sizes": found, "cost_ratio": round(each[-1] / each[0], 2)}


def main() -> None:
    """Run it and print the line."""
    parser = argparse.ArgumentParser(prog="python -m bench.broadcast", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[1_000, 10_000, 100_000])
    parser.add_argument("--plan", metavar="URL", help="plan what is in this database, and say how long it took")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(plan_one(given.plan) if given.plan else run(given.sizes))))


if __name__ == "__main__":
    main()
