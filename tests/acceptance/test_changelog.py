"""Capture from the change log, from the outside: the daemon as a role that owns nothing, with no trigger anywhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config import Settings, load
from schema.errors import Refused
from schema.install import install
from tests import roles
from tests.acceptance.conftest import App, Providers, configured, running, until
from tests.acceptance.shops import INTEGER_CODES, INTEGERS, integer_settings
from tests.sources import READERS

SHOP = INTEGERS + "ALTER TABLE logistics.shipment REPLICA IDENTITY FULL;"

STATUSES = [f"order.{name}" for name in INTEGER_CODES.values()]


@pytest.fixture
def log_app(any_empty_database: str) -> Iterator[App]:
    made = App(any_empty_database)
    made.sql(SHOP)
    yield made
    made.close()
    roles.drop(any_empty_database)


def configured_for_log(folder: Path, app: App, **sections: Any) -> tuple[Path, Settings]:
    """An administrator runs what ``orderbell install`` says that somebody else has to run, and installs again."""
    for _ in range(2):
        try:
            return configured(folder, app.url, **integer_settings(), capture={"source": "wal", **FAST}, **sections)
        except Refused as error:
            (line,) = error.reasons
            app.sql(re.findall(r"run: (CREATE .*)$", line)[0])
    raise AssertionError("it is refused still")


FAST = {"heartbeat_seconds": 0.5}


def events(app: App, key: int) -> list[str]:
    return [row["name"] for row in app.sql("SELECT name FROM orderbell.event WHERE key = %s ORDER BY id", str(key))]


async def drop_slot(app: App) -> None:
    # Who read it has ended; the server's end of that may need a moment more.
    await until(lambda: app.sql(READERS) == [{"count": 0}])
    app.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()")


async def test_an_order_is_told_through_its_life_and_through_a_kill(
    log_app: App, providers: Providers, tmp_path: Path
) -> None:
    app = log_app
    # What the killed daemon was sending is waited for until its lease ends.
    file, _ = configured_for_log(tmp_path, app, delivery={"lease_seconds": 2}, **providers.settings())
    assert app.sql("SELECT tgname FROM pg_trigger WHERE tgname ~ 'orderbell'") == []
    async with running(file) as daemon:
        app.sql("INSERT INTO logistics.shipment (phase, ordered_by, cooked_by) VALUES (10, 1, 2)")
        await until(lambda: events(app, 1) == STATUSES[:1])
        daemon.process.kill()
        await daemon.process.wait()
    app.sql("UPDATE logistics.shipment SET phase = 20")
    async with running(file) as daemon:
        for code in (30, 40, 50, 60, 70):
            app.sql(f"UPDATE logistics.shipment SET phase = {code}, carried_by = 3")
        await until(lambda: events(app, 1) == STATUSES)
        await until(lambda: any(mail.to == ("cora@example.com",) for mail in providers.smtp.mails))
        assert await daemon.stop() == 0
    assert [line for line in daemon.log if line["level"] in {"error", "critical"}] == []


async def test_a_slot_that_is_gone_is_made_anew_by_the_daemons_own_role(
    log_app: App, providers: Providers, tmp_path: Path
) -> None:
    app = log_app
    file, _ = configured_for_log(tmp_path, app, **providers.settings())
    async with running(file):
        app.sql("INSERT INTO logistics.shipment (phase, ordered_by, cooked_by) VALUES (10, 1, 2), (10, 1, 2)")
        await until(lambda: events(app, 2) == STATUSES[:1])
    await drop_slot(app)
    app.sql("UPDATE logistics.shipment SET phase = 20 WHERE shipment_no = 1")
    app.sql("UPDATE logistics.shipment SET phase = 30 WHERE shipment_no = 1")
    async with running(file) as daemon:
        await until(lambda: events(app, 1) == [STATUSES[0], STATUSES[2]])
        app.sql("UPDATE logistics.shipment SET phase = 20 WHERE shipment_no = 2")
        await until(lambda: events(app, 2) == STATUSES[:2])
    assert "changelog.slot_lost" in {line["event"] for line in daemon.log}


async def test_back_to_triggers_the_daemon_reads_to_the_end_and_the_slot_is_gone(
    log_app: App, providers: Providers, tmp_path: Path
) -> None:
    app = log_app
    file, _ = configured_for_log(tmp_path, app, **providers.settings())
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by, cooked_by) VALUES (10, 1, 2)")
    file.write_text(file.read_text().replace('source = "wal"', 'source = "outbox"'))
    install(load(file, {"ORDERBELL_DATABASE__URL": roles.as_owner(app.url)}))
    roles.grant(app.url)
    app.sql("UPDATE logistics.shipment SET phase = 20")
    async with running(file):
        await until(lambda: events(app, 1) == STATUSES[:2])
        await until(lambda: app.sql("SELECT FROM pg_replication_slots WHERE database = current_database()") == [])
        app.sql("UPDATE logistics.shipment SET phase = 30")
        await until(lambda: events(app, 1) == STATUSES[:3])
