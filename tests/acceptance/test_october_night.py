"""The night in which Berlin's clocks go back, lived through by a whole daemon: 25 October 2026, an hour longer.

The daemon's one clock is the database's (design, 5.4), and PostgreSQL looks a name up along the search path: with a
schema before ``pg_catalog`` whose ``now()`` is ours, its every statement lives at the moment that the test says.
"""

import asyncio
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from config import Settings
from tests.acceptance.conftest import App, Providers, configured, running, until
from tests.acceptance.test_night import STATUSES, sections, set_status, subscribed

SHOP = """
CREATE TABLE people (id int PRIMARY KEY, name text, email text, time_zone text);
INSERT INTO people VALUES (1, 'Cora', 'cora@example.com', 'Europe/Berlin'), (2, 'Vic', 'vic@example.com', NULL);
CREATE TABLE orders (id int PRIMARY KEY, status text, customer_id int, vendor_id int, driver_id int);
CREATE SCHEMA pretended;
CREATE TABLE pretended.ahead (by interval NOT NULL);
INSERT INTO pretended.ahead VALUES ('0');
CREATE FUNCTION pretended.now() RETURNS timestamptz LANGUAGE sql STABLE
AS 'SELECT pg_catalog.now() + by FROM pretended.ahead';
GRANT USAGE ON SCHEMA pretended TO PUBLIC;
GRANT SELECT ON pretended.ahead TO PUBLIC;
"""
PATH = "-c search_path=pretended,pg_catalog,public"
NIGHT = {"time_zone": "UTC", "window": [{"start": "22:00", "end": "07:00"}]}


@pytest.fixture
def installed(app: App, providers: Providers, tmp_path: Path) -> tuple[Path, Settings]:
    values: dict[str, Any] = {**sections(), **providers.settings(), "quiet_hours": NIGHT}
    return configured(tmp_path, make_conninfo(app.url, options=PATH), **values)


def it_is(app: App, moment: str) -> None:
    """For the daemon, from now on."""
    app.sql("UPDATE pretended.ahead SET by = %s::timestamptz - pg_catalog.now()", moment)


async def nothing_is_sent(providers: Providers) -> None:
    """Not within many looks of the daemon's, each of which would find what is due."""
    await asyncio.sleep(1.5)  # 15 times delivery.poll_seconds
    assert providers.push.pushes == []


async def test_five_statuses_of_the_night_are_one_push_at_seven_in_berlin(
    app: App, providers: Providers, installed: tuple[Path, Settings]
) -> None:
    file, settings = installed
    it_is(app, "2026-10-24 22:30+02:00")
    async with running(file) as daemon, subscribed(daemon, settings, providers, "1") as browser:
        for status in STATUSES[:3]:
            set_status(app, status, 1)
        await until(lambda: len(app.sql("SELECT id FROM orderbell.notification")) == 3)
        it_is(app, "2026-10-25 02:30+01:00")  # for the second time
        for status in STATUSES[3:]:
            set_status(app, status, 1)
        await until(lambda: len(app.sql("SELECT id FROM orderbell.notification")) == 5)
        (waits,) = app.sql("SELECT due_at FROM orderbell.delivery")
        assert waits["due_at"] == datetime.fromisoformat("2026-10-25T07:00:00+01:00")

        it_is(app, "2026-10-25 06:00+01:00")  # 07:00, had the clocks not gone back
        await nothing_is_sent(providers)
        it_is(app, "2026-10-25 06:59+01:00")
        await nothing_is_sent(providers)
        it_is(app, "2026-10-25 07:00+01:00")
        await until(lambda: len(providers.push.pushes) == 1 and not app.sql("SELECT id FROM orderbell.delivery"))
        inbox = (await browser.get("/api/notifications")).json()["items"]
        said = await asyncio.to_thread(explained, file)
    assert [push.payload["event"] for push in providers.push.pushes] == ["order.delivered"]
    assert [one["event"] for one in inbox] == [f"order.{status}" for status in reversed(STATUSES)]
    assert said.count("superseded") >= 4, said
    assert "sent" in said
    assert "07:00:00" in said, said


def explained(file: Path) -> str:
    """What ``orderbell explain`` prints about the order, in Berlin's time."""
    done = subprocess.run(
        [Path(sys.executable).parent / "orderbell", "explain", "order:1", "--config", str(file)],
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "TZ": "Europe/Berlin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout
