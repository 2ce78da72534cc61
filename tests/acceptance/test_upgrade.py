"""A daemon beside another version of itself: it says clearly what is wrong, and one hands over to the other."""

import asyncio
from pathlib import Path

import pytest

from demo.sinks.smtp import SmtpSink
from schema.install import expected_version
from tests.acceptance.conftest import App, configured, running, until
from tests.acceptance.shops import INTEGERS, integer_settings

SHOP = INTEGERS


@pytest.fixture
def file(app: App, smtp: SmtpSink, tmp_path: Path) -> Path:
    provider = {"host": "127.0.0.1", "port": smtp.port, "security": "none"}
    mail = {"email": {"sender": "Shop <shop@example.com>", "provider": [provider]}}
    made, _ = configured(tmp_path, app.url, **integer_settings(), **mail)
    return made


@pytest.mark.parametrize("version", ["0001", "9999"])
async def test_a_schema_of_another_version_is_refused_and_left_alone(app: App, file: Path, version: str) -> None:
    app.sql("UPDATE orderbell.schema_version SET version_num = %s", version)
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
    async with running(file, wait_for=None) as daemon:
        async with asyncio.timeout(60):
            # Not 2, which systemd takes for the last word: it tries again, and the upgrade may be done by then.
            assert await daemon.process.wait() == 1
    (refused,) = daemon.logged("daemon.cannot_run")
    assert f"the schema is at version {version}" in refused["error"]
    assert expected_version() in refused["error"]
    assert b"READY=1" not in daemon.notices
    assert len(app.sql("SELECT FROM orderbell.change")) == 1
    app.sql("UPDATE orderbell.schema_version SET version_num = %s", expected_version())
    async with running(file):
        await until(lambda: bool(app.sql("SELECT FROM orderbell.notification")))


async def test_a_daemon_hands_over_to_the_one_that_was_started_beside_it(app: App, smtp: SmtpSink, file: Path) -> None:
    stop = asyncio.Event()
    written = 0

    async def application() -> None:
        nonlocal written
        while not stop.is_set():
            app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
            written += 1
            await asyncio.sleep(0.05)

    writing = asyncio.create_task(application())
    async with running(file) as old:
        await until(lambda: len(smtp.mails) > 3)
        async with running(file) as new:
            assert new.logged("planner.standby"), "ready, and waits for its turn"
            told = len(smtp.mails)
            assert await old.stop() == 0
            await until(lambda: bool(new.logged("planner.active")))
            await until(lambda: len(smtp.mails) > told + 10)
            assert app.sql("SELECT FROM orderbell.delivery WHERE leased_by IS NOT NULL AND due_at < now()") == []
            stop.set()
            await writing
            await until(lambda: len(smtp.mails) == written)
            assert new.logged("doorbell.missed") == []
    assert len({mail.message_id for mail in smtp.mails}) == written, "each once"
    tries = app.sql("SELECT DISTINCT attempt, state FROM orderbell.delivery_history")
    assert tries == [{"attempt": 1, "state": "sent"}]
