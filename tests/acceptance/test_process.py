"""The daemon as its service manager sees it: when it is ready, when it is alive, how it ends, and what it says then."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import tomlkit

from config import load
from demo.sinks.smtp import SmtpSink, Step, Visit
from schema.install import uninstall
from tests.acceptance.cable import Cable
from tests.acceptance.conftest import App, Daemon, configured, running, until
from tests.acceptance.shops import INTEGERS, integer_settings

READY, STOPPING, WATCHDOG = b"READY=1", b"STOPPING=1", b"WATCHDOG=1"
WATCHDOG_USEC = "3000000"
"""So long that a machine which stands still for a moment does not starve it, and a test can wait for it to starve."""


SHOP = INTEGERS


@pytest.fixture
def file(app: App, tmp_path: Path) -> Path:
    """A configuration without providers, and Orderbell installed."""
    made, _ = configured(tmp_path, app.url, **integer_settings())
    return made


def with_mail(smtp: SmtpSink) -> dict[str, Any]:
    return integer_settings() | {
        "email": {
            "sender": "Shop <shop@example.com>",
            "provider": [{"host": "127.0.0.1", "port": smtp.port, "security": "none"}],
        }
    }


async def ended(daemon: Daemon) -> int:
    """Its exit status, when it has ended by itself."""
    async with asyncio.timeout(60):
        return await daemon.process.wait()


def errors(daemon: Daemon) -> list[str]:
    return [line["error"] for line in daemon.log if line["level"] == "error"]


async def answer(url: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.get(url)


async def answered(url: str, status: int) -> httpx.Response:
    """The first answer with this status."""
    async with asyncio.timeout(40):
        while (given := await answer(url)).status_code != status:
            await asyncio.sleep(0.05)
    return given


# --- it starts ----------------------------------------------------------------------------------------------------


async def test_without_the_schema_it_ends_and_says_what_to_run(app: App, tmp_path: Path) -> None:
    file, _ = configured(tmp_path, app.url, **integer_settings())
    uninstall(load(file, {"ORDERBELL_DATABASE__URL": app.url}))
    async with running(file, wait_for=None) as daemon:
        assert await ended(daemon) == 1
    assert errors(daemon) == ["Orderbell is not installed in this database: run `orderbell install`"]
    assert READY not in daemon.notices


async def test_it_waits_for_a_database_that_is_not_there_yet(file: Path, cable: Cable) -> None:
    async with running(file, wait_for=None, ORDERBELL_DATABASE__URL=cable.url) as daemon:
        await until(lambda: b"STATUS=waiting for the database" in daemon.notices)
        assert READY not in daemon.notices
        await cable.join()
        await until(lambda: READY in daemon.notices and b"STATUS=planning" in daemon.notices)


async def test_it_can_be_stopped_while_it_waits_for_the_database(file: Path, cable: Cable) -> None:
    async with running(file, wait_for=None, ORDERBELL_DATABASE__URL=cable.url) as daemon:
        await until(lambda: b"STATUS=waiting for the database" in daemon.notices)
        assert await daemon.stop() == 0
    assert READY not in daemon.notices


async def test_it_is_ready_once_every_commit_is_heard(app: App, file: Path) -> None:
    async with running(file) as daemon:
        assert app.sql(
            "SELECT FROM pg_stat_activity"
            " WHERE application_name = 'orderbell listener' AND datname = current_database()"
        )
        assert daemon.notices.count(READY) == 1
        app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
        await until(lambda: bool(app.sql("SELECT FROM orderbell.notification")))


async def test_a_port_that_is_taken_is_one_clear_line(app: App, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file, _ = configured(tmp_path, app.url, **integer_settings() | {"http": {"port": port}})
        async with running(file, wait_for=None) as daemon:
            assert await ended(daemon) == 1
    (error,) = errors(daemon)
    assert f"http.port: cannot listen on 127.0.0.1 port {port}: Address already in use" in error
    assert "Traceback" not in daemon.text
    assert READY not in daemon.notices


async def test_each_mistake_in_the_configuration_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "orderbell.toml"
    broken = {
        "databse": {"url": "postgresql:///"},
        "http": {"port": 70_000},
        "watch": [{"table": "orders", "event_column": "status", "colums": ["customer_id"]}],
    }
    file.write_text(tomlkit.dumps(broken))
    async with running(file, wait_for=None) as daemon:
        assert await ended(daemon) == 2
    lines = daemon.text.splitlines()
    assert all(line.startswith(f"{file}: ") for line in lines), lines
    for path in ("databse", "http.port", "watch[0].colums"):
        assert len([line for line in lines if line.startswith(f"{file}: {path}: ")]) == 1, lines


# --- it is alive --------------------------------------------------------------------------------------------------


async def test_the_watchdog_is_fed_while_nothing_happens(file: Path) -> None:
    async with running(file, WATCHDOG_USEC=WATCHDOG_USEC) as daemon:
        fed = daemon.notices.count(WATCHDOG)
        await until(lambda: daemon.notices.count(WATCHDOG) >= fed + 8)
        assert not daemon.logged("daemon.stuck")


async def test_a_locked_table_of_the_application_does_not_starve_the_watchdog(app: App, file: Path) -> None:
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
    async with running(file, WATCHDOG_USEC=WATCHDOG_USEC) as daemon:
        await until(lambda: len(app.sql("SELECT FROM orderbell.notification")) == 1)
        with psycopg.connect(app.url) as other:
            # What the query of [people] reads. The application's own write touches no such row, and goes through.
            other.execute("LOCK TABLE logistics.account IN ACCESS EXCLUSIVE MODE")
            app.sql("UPDATE logistics.shipment SET phase = 20")
            await until(lambda: len(daemon.logged("planner.waits")) >= 1)
            fed = daemon.notices.count(WATCHDOG)
            # Twice the time after which systemd would have ended a daemon that had not fed it.
            await until(lambda: daemon.notices.count(WATCHDOG) >= fed + 8)
            assert len(app.sql("SELECT FROM orderbell.notification")) == 1
        await until(lambda: len(app.sql("SELECT FROM orderbell.notification")) == 2)
        assert not daemon.logged("daemon.stuck")
        waits = re.search(r"^orderbell_planner_waits_total (\S+)$", (await answer(daemon.metrics)).text, re.MULTILINE)
        assert waits is not None
        assert float(waits[1]) >= 1


PLANNERS_BACKEND = """
SELECT pid, state = 'idle' AND clock_timestamp() - state_change > interval '0.5 s' AS rests
FROM pg_stat_activity WHERE application_name = 'orderbell planner' AND datname = current_database()
"""


@pytest.fixture
def planners_backend(app: App) -> Iterator[Callable[[], int]]:
    """Finds the server's process of the planner's connection; wakes it up at the end, whatever happened."""
    found: list[int] = []

    def find() -> int:
        (row,) = app.sql(PLANNERS_BACKEND)
        pid = int(row["pid"])
        try:
            is_ours = "postgres" in Path(f"/proc/{pid}/cmdline").read_text()
            os.kill(pid, 0)
        except (OSError, UnicodeDecodeError):
            is_ours = False
        if not is_ours:
            absent = "the server's processes are not on this machine, or not ours to stop"
            pytest.fail(absent) if os.environ.get("CI") == "true" else pytest.skip(absent)
        found.append(pid)
        return pid

    yield find
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def test_the_watchdog_goes_hungry_while_the_planner_is_stuck(
    app: App, file: Path, planners_backend: Callable[[], int]
) -> None:
    async with running(file, WATCHDOG_USEC=WATCHDOG_USEC) as daemon:
        app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
        await until(lambda: len(app.sql("SELECT FROM orderbell.notification")) == 1)
        # Stopped amid a statement, it might hold what the whole server needs.
        await until(lambda: app.sql(PLANNERS_BACKEND)[0]["rests"])
        backend = planners_backend()
        before = len(daemon.logged("daemon.stuck"))
        os.kill(backend, signal.SIGSTOP)
        # The planner's next statement never returns.
        app.sql("UPDATE logistics.shipment SET phase = 20")
        await until(lambda: len(daemon.logged("daemon.stuck")) >= before + 1)
        fed = daemon.notices.count(WATCHDOG)
        await until(lambda: len(daemon.logged("daemon.stuck")) >= before + 5)
        assert daemon.notices.count(WATCHDOG) == fed
        os.kill(backend, signal.SIGCONT)
        await until(lambda: daemon.notices.count(WATCHDOG) > fed)
        await until(lambda: len(app.sql("SELECT FROM orderbell.notification")) == 2)
    assert [row["name"] for row in app.sql("SELECT name FROM orderbell.event ORDER BY id")] == [
        "order.created", "order.confirmed",
    ]  # fmt: skip


async def test_it_is_not_ready_while_nothing_is_captured(app: App, file: Path, cable: Cable) -> None:
    await cable.join()
    async with running(file, ORDERBELL_DATABASE__URL=cable.url) as daemon:
        await cable.cut()

        async def capture() -> tuple[int, str | None]:
            ready = await answer(f"{daemon.http}/readyz")
            return ready.status_code, ready.json()["checks"]["capture"]

        async with asyncio.timeout(40):
            while (found := await capture())[1] is None:
                assert found[0] == 503, "the database does not answer, and that is known at once"
                await asyncio.sleep(0.05)
        assert found == (503, "not live: no connection to the database yet, or none any more")
        app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
        await cable.join()
        async with asyncio.timeout(40):
            while await capture() != (200, None):
                assert daemon.process.returncode is None
                await asyncio.sleep(0.05)
        await until(lambda: len(app.sql("SELECT FROM orderbell.notification")) == 1)
        assert daemon.notices.count(READY) == 1, "systemd is told once"


async def test_it_says_how_it_is(file: Path, cable: Cable) -> None:
    await cable.join()
    async with running(file, ORDERBELL_DATABASE__URL=cable.url) as daemon:
        assert (await answer(f"{daemon.http}/healthz")).json() == {"status": "alive"}
        ready = await answered(f"{daemon.http}/readyz", 200)
        assert ready.json()["checks"] == {"database": None, "capture": None, "planner": None}
        metrics = (await answer(daemon.metrics)).text
        assert "orderbell_planner_active 1.0" in metrics
        assert "process_resident_memory_bytes" in metrics

        await cable.cut()
        unready = await answer(f"{daemon.http}/readyz")
        assert unready.status_code == 503
        assert "does not answer" in unready.json()["checks"]["database"]
        assert (await answer(f"{daemon.http}/livez")).status_code == 200, "restarting it would not help"

        await cable.join()
        await answered(f"{daemon.http}/readyz", 200)


# --- it ends ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_when_it_is_told_to(file: Path, number: signal.Signals) -> None:
    async with running(file) as daemon:
        daemon.process.send_signal(number)
        assert await ended(daemon) == 0
    assert daemon.notices.count(STOPPING) == 1
    assert daemon.notices.index(STOPPING) > daemon.notices.index(READY)
    assert daemon.log[-1]["event"] == "daemon.stopped"
    assert errors(daemon) == []


async def test_sends_in_flight_finish_and_the_rest_is_given_back(app: App, smtp: SmtpSink, tmp_path: Path) -> None:
    orders = 60
    answered = asyncio.Event()
    waiting: list[Visit] = []

    async def hang(step: Step, visit: Visit) -> None:
        if step is Step.CONTENT:
            waiting.append(visit)
            await answered.wait()

    smtp.script = hang
    file, _ = configured(tmp_path, app.url, **with_mail(smtp))
    async with running(file) as daemon:
        app.sql(f"INSERT INTO logistics.shipment (phase, ordered_by) SELECT 10, 1 FROM generate_series(1, {orders})")
        await until(lambda: len(waiting) == 4)
        await until(lambda: len(app.sql("SELECT FROM orderbell.delivery WHERE state = 'sending'")) == orders)
        daemon.process.send_signal(signal.SIGTERM)
        await until(lambda: STOPPING in daemon.notices)
        await until(lambda: bool(app.sql("SELECT FROM orderbell.delivery WHERE state = 'pending'")))
        answered.set()
        assert await ended(daemon) == 0
    sent = app.sql("SELECT state, attempt FROM orderbell.delivery_history")
    assert len(sent) == len(smtp.mails) > 0
    assert all(row == {"state": "sent", "attempt": 1} for row in sent)
    left = app.sql("SELECT state, leased_by, attempt, due_at <= now() AS due FROM orderbell.delivery")
    assert len(left) == orders - len(sent)
    assert all(row == {"state": "pending", "leased_by": None, "attempt": 0, "due": True} for row in left)

    async with running(file):
        await until(lambda: len(smtp.mails) == orders)
    assert len({mail.message_id for mail in smtp.mails}) == orders, "each once"


async def test_a_provider_that_never_answers_does_not_hold_it_up(app: App, smtp: SmtpSink, tmp_path: Path) -> None:
    waiting: list[Visit] = []

    async def never(step: Step, visit: Visit) -> None:
        if step is Step.CONTENT:
            waiting.append(visit)
            await asyncio.get_running_loop().create_future()

    smtp.script = never
    file, _ = configured(tmp_path, app.url, **with_mail(smtp) | {"shutdown": {"drain_seconds": 0.3}})
    async with running(file) as daemon:
        app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
        await until(lambda: len(waiting) == 1)
        asked_at = asyncio.get_running_loop().time()
        assert await daemon.stop() == 0
        assert asyncio.get_running_loop().time() - asked_at < 20, "it would have waited 30 s for that answer"
    (left,) = app.sql("SELECT state, attempt FROM orderbell.delivery")
    assert left == {"state": "sending", "attempt": 1}, "its outcome is not known: another attempt when the lease ends"
