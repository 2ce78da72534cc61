"""The daemon under what systemd does by systemd/orderbell.service: readiness, watchdog, reload, stop."""

import asyncio
import random
import re
import signal
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from demo.sinks.smtp import SmtpSink, Step, Visit
from tests.acceptance.cable import Cable
from tests.acceptance.conftest import App, Daemon, configured, running, until
from tests.acceptance.shops import INTEGERS, integer_settings
from tests.roles import names_of

SHOP = INTEGERS

READY, STOPPING, WATCHDOG = b"READY=1", b"STOPPING=1", b"WATCHDOG=1"
WATCHDOG_SECONDS = 3.0
WATCHDOG_USEC = f"{WATCHDOG_SECONDS * 1e6:.0f}"

STOP_SECONDS = 60
"""TimeoutStopSec= of the unit: then systemd kills."""


def with_mail(smtp: SmtpSink, **sections: Any) -> dict[str, Any]:
    provider = {"host": "127.0.0.1", "port": smtp.port, "security": "none"}
    mail = {"sender": "Shop <shop@example.com>", "provider": [provider]}
    return integer_settings() | {"email": mail} | sections


@pytest.fixture
def file(app: App, smtp: SmtpSink, tmp_path: Path) -> Path:
    made, _ = configured(tmp_path, app.url, **with_mail(smtp))
    return made


def order(app: App, count: int = 1) -> None:
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by) SELECT 10, 1 FROM generate_series(1, %s)", count)


async def starved(daemon: Daemon) -> None:
    """Until it has not been fed for as long as systemd waits."""
    loop = asyncio.get_running_loop()
    fed, since = daemon.notices.count(WATCHDOG), loop.time()
    async with asyncio.timeout(60):
        while loop.time() - since < WATCHDOG_SECONDS:
            await asyncio.sleep(0.02)
            if daemon.notices.count(WATCHDOG) != fed:
                fed, since = daemon.notices.count(WATCHDOG), loop.time()


async def fed_for(daemon: Daemon, seconds: float) -> bool:
    """Whether systemd would have left it alone for so long."""
    try:
        async with asyncio.timeout(seconds):
            await starved(daemon)
    except TimeoutError:
        return True
    return False


# --- ready --------------------------------------------------------------------------------------------------------


async def test_it_is_not_ready_before_capture_is_live(app: App, file: Path) -> None:
    role = names_of(app.url)[1]
    # The database answers, and its schema is ours; but there is no connection for whoever listens.
    app.sql(f'ALTER ROLE "{role}" CONNECTION LIMIT 1')
    async with running(file, wait_for=None) as daemon:
        await until(lambda: bool(daemon.logged("changelog.interrupted") or daemon.logged("planner.connection_lost")))
        order(app)
        assert READY not in daemon.notices
        app.sql(f'ALTER ROLE "{role}" CONNECTION LIMIT -1')
        await until(lambda: READY in daemon.notices)
        await until(lambda: bool(app.sql("SELECT FROM orderbell.notification")))
        assert daemon.notices.count(READY) == 1


# --- alive --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["awaits", "blocks"])
async def test_a_stuck_planner_is_started_anew_and_nothing_is_lost(
    app: App, smtp: SmtpSink, file: Path, tmp_path: Path, how: str
) -> None:
    fault = tmp_path / "stuck"
    stuck = ("-m", "tests.acceptance.stuck", how, str(fault))
    async with running(file, program=stuck, WATCHDOG_USEC=WATCHDOG_USEC) as daemon:
        order(app)
        await until(lambda: len(smtp.mails) == 1)
        assert await fed_for(daemon, 2 * WATCHDOG_SECONDS)
        fault.touch()
        order(app)
        await starved(daemon)
        # What systemd does then.
        daemon.process.send_signal(signal.SIGABRT)
        async with asyncio.timeout(40):
            assert await daemon.process.wait() == -signal.SIGABRT
        assert len(app.sql("SELECT FROM orderbell.change")) == 1
    async with running(file):
        await until(lambda: len(smtp.mails) == 2)


async def test_a_provider_that_hangs_does_not_starve_the_watchdog(app: App, smtp: SmtpSink, file: Path) -> None:
    waiting: list[Visit] = []
    answers = asyncio.Event()

    async def hang(step: Step, visit: Visit) -> None:
        if step is Step.CONTENT:
            waiting.append(visit)
            await answers.wait()

    smtp.script = hang
    async with running(file, WATCHDOG_USEC=WATCHDOG_USEC) as daemon:
        order(app, 40)
        await until(lambda: len(waiting) == 4)
        assert await fed_for(daemon, 2 * WATCHDOG_SECONDS)
        order(app)
        await until(lambda: len(app.sql("SELECT FROM orderbell.notification")) == 41)
        answers.set()
        await until(lambda: len(smtp.mails) == 41)


async def test_an_open_transaction_of_the_application_does_not_starve_the_watchdog(app: App, file: Path) -> None:
    async with running(file, WATCHDOG_USEC=WATCHDOG_USEC) as daemon:
        order(app)
        await until(lambda: bool(app.sql("SELECT FROM orderbell.notification")))
        # It has rung, or holds what keeps the daemon from sleeping; either way it may last.
        app.sql("BEGIN")
        order(app)
        assert await fed_for(daemon, 2 * WATCHDOG_SECONDS)
        app.sql("COMMIT")
        await until(lambda: len(app.sql("SELECT FROM orderbell.notification")) == 2)


# --- reload -------------------------------------------------------------------------------------------------------


def write(file: Path, **sections: Any) -> None:
    """Change these sections of the configuration; one that is None goes."""
    values = tomllib.loads(file.read_text()) | sections
    file.write_text(tomlkit.dumps({name: section for name, section in values.items() if section is not None}))


def microseconds() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


async def reloaded(daemon: Daemon) -> int:
    """Send SIGHUP, as ExecReload= does, and wait until it is over; the moment that the daemon says it began."""
    heard = len(daemon.notices)
    daemon.process.send_signal(signal.SIGHUP)
    await until(lambda: READY in daemon.notices[heard:])
    (began,) = [notice for notice in daemon.notices[heard:] if notice.startswith(b"RELOADING=1")]
    assert daemon.notices.index(READY, heard) > daemon.notices.index(began, heard)
    found = re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=(\d+)", began)
    assert found is not None
    return int(found[1])


async def test_sighup_has_it_read_its_rules_again(app: App, smtp: SmtpSink, file: Path) -> None:
    async with running(file, WATCHDOG_USEC=WATCHDOG_USEC) as daemon:
        order(app)
        await until(lambda: len(smtp.mails) == 1)
        write(file, preset=None, rule=[{"event": "order.created", "audience": "customer", "category": "promotion"}])
        before = microseconds()
        assert before <= await reloaded(daemon) <= microseconds()
        assert daemon.logged("reload.done")[0]["changed"] == ["preset", "rule"]
        order(app)
        await until(lambda: len(app.sql("SELECT FROM orderbell.notification")) == 2)
        assert [row["category"] for row in app.sql("SELECT category FROM orderbell.notification ORDER BY id")] == [
            "order", "promotion",
        ]  # fmt: skip
        assert daemon.process.returncode is None


async def test_a_mistake_in_the_file_is_refused_and_the_old_rules_stay(app: App, smtp: SmtpSink, file: Path) -> None:
    async with running(file) as daemon:
        write(file, preset="dilivery")
        await reloaded(daemon)
        assert any(line["mistake"].startswith("preset: ") for line in daemon.logged("reload.refused"))
        order(app)
        await until(lambda: len(smtp.mails) == 1)
        write(file, preset="delivery")
        await reloaded(daemon)
        assert len(daemon.logged("reload.done")) == 1


async def test_sighup_while_it_waits_for_its_database_ends_nothing(file: Path, cable: Cable) -> None:
    async with running(file, wait_for=None, ORDERBELL_DATABASE__URL=cable.url) as daemon:
        await until(lambda: b"STATUS=waiting for the database" in daemon.notices)
        daemon.process.send_signal(signal.SIGHUP)
        await cable.join()
        await until(lambda: READY in daemon.notices)


# --- stop ---------------------------------------------------------------------------------------------------------


def claims(app: App) -> list[dict[str, Any]]:
    return app.sql("SELECT id, state, leased_by FROM orderbell.delivery WHERE leased_by IS NOT NULL")


async def writing(app: App, stop: asyncio.Event, written: list[int]) -> None:
    """The application, which does not wait for us."""
    while not stop.is_set():
        order(app, 3)
        written.append(3)
        await asyncio.sleep(0.1)


@pytest.mark.timeout(240)
async def test_no_stop_under_load_loses_a_claim(app: App, smtp: SmtpSink, tmp_path: Path) -> None:
    async def slow(step: Step, _: Visit) -> None:
        if step is Step.CONTENT:
            await asyncio.sleep(0.05)

    smtp.script = slow
    file, _ = configured(tmp_path, app.url, **with_mail(smtp, shutdown={"drain_seconds": 5}))
    loop, chance, stop = asyncio.get_running_loop(), random.Random(7), asyncio.Event()
    written: list[int] = []
    application = asyncio.create_task(writing(app, stop, written))
    in_work = 0
    for _ in range(5):
        async with running(file) as daemon:
            done = len(smtp.mails)
            await until(lambda least=done + 1: len(smtp.mails) >= least)  # type: ignore[misc]
            await asyncio.sleep(chance.uniform(0, 0.4))
            in_work += len(claims(app))
            asked_at = loop.time()
            assert await daemon.stop() == 0
            assert loop.time() - asked_at < 20
        assert daemon.notices.count(STOPPING) == 1
        assert daemon.log[-1]["event"] == "daemon.stopped"
        assert claims(app) == [], "what was claimed is finished or given back"
    stop.set()
    await application
    assert in_work > 0, "there was something to lose"
    async with running(file):
        await until(lambda: len(smtp.mails) >= sum(written), 90)
    states = app.sql("SELECT state, attempt, count(*) FROM orderbell.delivery_history GROUP BY 1, 2")
    assert states == [{"state": "sent", "attempt": 1, "count": sum(written)}]
    assert len({mail.message_id for mail in smtp.mails}) == len(smtp.mails) == sum(written), "each once"


async def test_it_ends_in_time_also_without_its_database(app: App, file: Path, cable: Cable) -> None:
    await cable.join()
    async with running(file, ORDERBELL_DATABASE__URL=cable.url) as daemon:
        order(app)
        await until(lambda: bool(app.sql("SELECT FROM orderbell.notification")))
        await cable.cut()
        asked_at = asyncio.get_running_loop().time()
        daemon.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_SECONDS):
            assert await daemon.process.wait() == 0
        print(f"ended after {asyncio.get_running_loop().time() - asked_at:.1f} s")


async def test_a_second_signal_does_not_cut_short_what_the_first_began(app: App, smtp: SmtpSink, file: Path) -> None:
    waiting: list[Visit] = []
    answers = asyncio.Event()

    async def hang(step: Step, visit: Visit) -> None:
        if step is Step.CONTENT:
            waiting.append(visit)
            await answers.wait()

    smtp.script = hang
    async with running(file) as daemon:
        order(app)
        await until(lambda: len(waiting) == 1)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            daemon.process.send_signal(number)
        await until(lambda: STOPPING in daemon.notices)
        answers.set()
        async with asyncio.timeout(40):
            assert await daemon.process.wait() == 0
    assert app.sql("SELECT state FROM orderbell.delivery_history") == [{"state": "sent"}]
    assert claims(app) == []


def test_the_harness_waits_as_long_as_the_unit_says() -> None:
    unit = (Path(__file__).parents[2] / "systemd" / "orderbell.service").read_text(encoding="utf-8")
    assert f"\nTimeoutStopSec={STOP_SECONDS}\n" in unit
    assert "\nExecReload=/bin/kill -HUP $MAINPID\n" in unit
