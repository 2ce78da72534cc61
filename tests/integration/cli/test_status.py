"""``orderbell status`` as a process: once, for scripts, and live on a terminal."""

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from schema import locks
from tests.integration.cli.conftest import Command

METRICS = """\
# TYPE orderbell_events_total counter
orderbell_events_total{event="order.ready"} %d
# TYPE orderbell_hub_connections gauge
orderbell_hub_connections 7
# TYPE orderbell_provider_breaker_state gauge
orderbell_provider_breaker_state{channel="sms",provider="twilio"} %d
"""


class Daemon:
    """What a daemon's metrics would say; a look later, ten events more."""

    def __init__(self) -> None:
        self.events = 0
        self.breaker = 0
        said = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said.events += 10
                self.send_response(200)
                self.end_headers()
                self.wfile.write((METRICS % (said.events, said.breaker)).encode())

            def log_message(self, *_: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Answer)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    made = Daemon()
    yield made
    made.stop()


@pytest.fixture
def installed(database: str, daemon: Daemon, tmp_path: Path) -> Iterator[psycopg.Connection[Any]]:
    """A database with Orderbell in it, and somebody who holds the planner's lock."""
    (tmp_path / "orderbell.toml").write_text(
        f'[database]\nurl = "{database}"\n[metrics]\nport = {daemon.port}\n', encoding="utf-8"
    )
    with psycopg.connect(database, autocommit=True, application_name="orderbell planner") as connection:
        connection.execute("SELECT pg_advisory_lock(%s, %s)", [locks.CLASS, locks.PLANNER])
        yield connection


def found(orderbell: Command, *arguments: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(orderbell("status", "--json", *arguments).stdout)
    return said


@pytest.mark.usefixtures("installed")
def test_all_is_well(orderbell: Command) -> None:
    looked = orderbell("status")
    assert (looked.returncode, looked.stderr) == (0, "")
    assert "● all is well" in looked.stdout
    assert "\x1b" not in looked.stdout


def test_scripts_get_everything(installed: psycopg.Connection[Any], orderbell: Command) -> None:
    installed.execute("INSERT INTO orderbell.node VALUES ('web-1:1'), ('web-2:2')")
    installed.execute("INSERT INTO orderbell.online (user_id, node) VALUES ('7', 'web-1:1'), ('8', 'web-1:1')")
    installed.execute(
        "INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state, due_at,"
        " attempt, expires_at, hold) SELECT n, n, 'sms', 'x', 'x', 'en', s, now() + d, a, now() + '1 day', h"
        " FROM (VALUES (1, 'pending', interval '-5 s', 0, NULL), (2, 'sending', '1 h', 1, NULL),"
        " (3, 'pending', '1 h', 1, NULL), (4, 'pending', '1 h', 0, NULL), (5, 'pending', '8 h', 0, 'night'))"
        " AS r (n, s, d, a, h)"
    )
    said = found(orderbell)
    (queue,) = said["queues"]
    assert 4 < queue.pop("oldest_seconds") < 60
    assert queue == {"channel": "sms", "due": 1, "sending": 1, "retrying": 1, "later": 1, "held": 1}
    assert [(node["name"], node["people"]) for node in said["nodes"]] == [("web-1:1", 2), ("web-2:2", 0)]
    (planner,) = said["planners"]
    assert (planner["active"], planner["application"]) == (True, "orderbell planner")
    assert said["flow"]["connections"] == 7
    assert 0 < said["flow"]["events"] <= 10
    assert said["flow"]["providers"][0]["state"] == "well"
    assert (said["well"], said["troubles"]) == (True, [])


def test_what_is_wrong_is_named_and_the_exit_code_is_1(
    installed: psycopg.Connection[Any], daemon: Daemon, orderbell: Command
) -> None:
    daemon.breaker = 2
    installed.execute(
        "INSERT INTO orderbell.change_failed (id, watch, op, key, captured_at, error)"
        " VALUES (1, 'orders', 'insert', '7', now(), 'no')"
    )
    looked = orderbell("status", "--json")
    assert looked.returncode == 1
    assert [trouble["name"] for trouble in json.loads(looked.stdout)["troubles"]] == [
        "changes_set_aside",
        "provider_down",
    ]
    for_people = orderbell("status", "--once")
    assert for_people.returncode == 1
    assert "● 2 things are wrong" in for_people.stdout
    assert "provider_down: sms: twilio is down; the log says why" in for_people.stderr.splitlines()


def test_a_database_that_nobody_plans_in_is_not_well(installed: psycopg.Connection[Any], orderbell: Command) -> None:
    installed.execute("SELECT pg_advisory_unlock_all()")
    assert [trouble["name"] for trouble in found(orderbell)["troubles"]] == ["nobody_plans"]


@pytest.mark.usefixtures("installed")
def test_a_planner_of_another_database_does_not_count(
    installed: psycopg.Connection[Any], postgres: str, orderbell: Command
) -> None:
    installed.execute("SELECT pg_advisory_unlock_all()")
    with psycopg.connect(postgres, autocommit=True) as elsewhere:
        elsewhere.execute("SELECT pg_advisory_lock_shared(%s, %s)", [locks.CLASS, locks.PLANNER])
        assert found(orderbell)["planners"] == []


def test_without_a_daemon_here_there_are_no_rates_and_that_is_said(
    installed: psycopg.Connection[Any], orderbell: Command
) -> None:
    said = found(orderbell, "--metrics", "http://127.0.0.1:9/metrics")
    assert said["flow"] is None
    assert said["well"] is True
    assert said["notes"][0].startswith("no rates: http://127.0.0.1:9/metrics does not answer")


def test_the_change_log_is_shown_where_it_is_read(installed: psycopg.Connection[Any], orderbell: Command) -> None:
    there = installed.execute("SELECT to_regclass('orderbell.change_log') IS NOT NULL").fetchone()
    assert there == (True,)
    assert found(orderbell)["change_log"] is None
    installed.execute(
        "INSERT INTO orderbell.change_log (slot, publication, system_identifier, lsn, horizon)"
        " VALUES ('gone_slot', 'orderbell', '1', '0/1', '1')"
    )
    said = found(orderbell)
    assert said["change_log"]["slot"] == "gone_slot"
    assert [trouble["name"] for trouble in said["troubles"]] == ["slot_lost"]


def test_a_database_that_is_away_is_exit_code_3(orderbell: Command, tmp_path: Path) -> None:
    (tmp_path / "orderbell.toml").write_text('[database]\nurl = "host=127.0.0.1 port=9"\n', encoding="utf-8")
    looked = orderbell("status", "--json")
    assert looked.returncode == 3
    assert [trouble["name"] for trouble in json.loads(looked.stdout)["troubles"]] == ["database_away"]
    for_people = orderbell("status")
    assert (for_people.returncode, for_people.stdout) == (3, "")
    assert for_people.stderr.startswith("the database cannot be used: ")


@pytest.mark.usefixtures("installed")
def test_a_wrong_call_is_exit_code_2(orderbell: Command) -> None:
    looked = orderbell("status", "--metrics", "file:///etc/passwd")
    assert looked.returncode == 2
    assert looked.stderr.startswith("--metrics takes a URL")


CONTROLS = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
"""Colours and moves of the cursor."""


class Terminal:
    """``orderbell status`` on a terminal of 80 by 24."""

    def __init__(self, folder: Path) -> None:
        self._master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [Path(sys.executable).parent / "orderbell", "status"],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""

    def until(self, pattern: str, seconds: float = 50) -> None:
        began = time.monotonic()
        while not re.search(pattern, CONTROLS.sub("", self.shown)):
            assert time.monotonic() - began < seconds, self.shown
            if select.select([self._master], [], [], 0.2)[0]:
                self.shown += os.read(self._master, 65_536).decode("utf-8", "replace")

    def press(self, key: bytes) -> None:
        os.write(self._master, key)

    def end(self) -> int:
        try:
            return self.process.wait(40)
        finally:
            self.process.kill()
            os.close(self._master)


@pytest.mark.usefixtures("installed")
def test_on_a_terminal_it_keeps_itself_up_to_date_until_q(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.until(r"all is well")
    terminal.until(r"events/s +0*[1-9]")  # after a second look; how many there are depends on when that was
    terminal.press(b"q")
    assert terminal.end() == 0


def test_ctrl_c_leaves_it_too(installed: psycopg.Connection[Any], tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.until(r"all is well")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0


def test_it_goes_on_when_the_database_does_not_answer_for_a_while(
    installed: psycopg.Connection[Any], tmp_path: Path
) -> None:
    terminal = Terminal(tmp_path)
    terminal.until(r"all is well")
    terminal.shown = ""
    installed.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'orderbell status' AND datname = current_database()"
    )
    terminal.until(r"the database cannot be used")
    terminal.until(r"all is well")
    terminal.press(b"q")
    assert terminal.end() == 0
