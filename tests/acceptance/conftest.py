"""``orderbell run`` as a process, against applications that are not the demo's, with providers on real sockets."""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import tomlkit
from psycopg.rows import dict_row

from config import Settings, load
from demo.sinks.push import PushSink
from demo.sinks.smtp import SmtpSink
from demo.sinks.twilio import TwilioSink
from dispatchers.webpush import generate_vapid_key
from schema.install import install
from tests import roles
from tests.acceptance.cable import Cable

SECRET = "a secret for tests that is long enough"


class Daemon:
    """A running ``orderbell run``."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, ear: "_Ear") -> None:
        self.process = process
        self._log = log
        self._ear = ear
        self._kept: str | None = None

    @property
    def notices(self) -> list[bytes]:
        """What it has told its service manager up to now."""
        return self._ear.hear()

    def keep_log(self) -> None:
        """Its file is about to go."""
        self._kept = self.text

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log, as events; without a line that is being written."""
        lines = self.text.rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    @property
    def text(self) -> str:
        return self._log.read_text() if self._kept is None else self._kept

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.logged('daemon.started')[0]['http_port']}"

    @property
    def metrics(self) -> str:
        return f"http://127.0.0.1:{self.logged('daemon.started')[0]['metrics_port']}/metrics"

    async def stop(self) -> int:
        """SIGTERM, and the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            return await self.process.wait()


class _Ear:
    """The service manager's end of sd_notify. Whatever was sent before somebody asks is heard, whether the loop came
    round to it or not: it is compared with log lines and with the process' end.
    """

    def __init__(self, path: Path) -> None:
        self._heard: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))
        # Also where nobody asks: the queue is short, and what finds it full is lost.
        asyncio.get_running_loop().add_reader(self._socket, self.hear)

    def hear(self) -> list[bytes]:
        while self._socket.fileno() >= 0:
            try:
                self._heard.append(self._socket.recv(4096))
            except BlockingIOError:
                break
        return self._heard

    def close(self) -> None:
        self.hear()
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


@asynccontextmanager
async def running(
    configuration: Path,
    wait_for: bytes | None = b"READY=1",
    program: Sequence[str] = ("-m", "daemon.cli"),
    **environment: str,
) -> AsyncIterator[Daemon]:
    """Start the daemon and wait until it says that it is ready; end it afterwards. ``program``: what Python runs."""
    with tempfile.TemporaryDirectory(prefix="orderbell-test-") as name:
        folder = Path(name)
        ear = _Ear(folder / "notify")
        own = {k: v for k, v in os.environ.items() if not k.startswith("ORDERBELL_")}
        own |= {"NOTIFY_SOCKET": str(folder / "notify"), **environment}
        with (folder / "log").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *program, "run", "--config", str(configuration),
                env=own, stdout=output, stderr=output,
            )  # fmt: skip
        daemon = Daemon(process, folder / "log", ear)
        try:
            if wait_for is not None:
                await until(lambda: wait_for in daemon.notices or process.returncode is not None, 60)
                assert process.returncode is None, daemon.text
            yield daemon
        finally:
            try:
                await daemon.stop()
            except TimeoutError:
                process.kill()
                await process.wait()
                raise
            finally:
                daemon.keep_log()
                ear.close()


async def until(condition: Callable[[], bool], seconds: float = 40) -> None:
    """Look until it holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@dataclass
class Providers:
    smtp: SmtpSink
    twilio: TwilioSink
    push: PushSink

    def settings(self) -> dict[str, Any]:
        """What the configuration says of them."""
        private, _ = generate_vapid_key()
        return {
            "email": {
                "sender": "Shop <shop@example.com>",
                "provider": [{"host": "127.0.0.1", "port": self.smtp.port, "security": "none"}],
            },
            "sms": {
                "provider": [
                    {
                        "account_sid": self.twilio.account_sid,
                        "auth_token": self.twilio.auth_token,
                        "from_number": "+442079460000",
                        "base_url": self.twilio.url,
                    }
                ]
            },
            "webpush": {
                "vapid_private_key": private,
                "vapid_subject": "mailto:ops@example.com",
                "allow_private_endpoints": True,
            },
        }


@asynccontextmanager
async def sandbox() -> AsyncIterator[Providers]:
    async with AsyncExitStack() as stack:
        made = Providers(SmtpSink(), TwilioSink(), PushSink())
        for sink in (made.smtp, made.twilio, made.push):
            await sink.start()
            stack.push_async_callback(sink.stop)
        yield made


class App:
    """The application: it writes its own tables, and knows nothing of Orderbell."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)

    def sql(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description is not None else []

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def empty_database(empty_database: str) -> Iterator[str]:
    """As everywhere; the roles that :func:`configured` makes for it are forgotten with it."""
    yield empty_database
    roles.drop(empty_database)


@pytest.fixture
def app(empty_database: str, request: pytest.FixtureRequest) -> Iterator[App]:
    """An application with the tables of the test module's ``SHOP``."""
    made = App(empty_database)
    made.sql(request.module.SHOP)
    yield made
    made.close()


@pytest.fixture
async def cable(app: App) -> AsyncIterator[Cable]:
    made = Cable(roles.as_daemon(app.url))
    yield made
    await made.remove()


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpSink]:
    sink = SmtpSink()
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
async def providers() -> AsyncIterator[Providers]:
    async with sandbox() as made:
        yield made


def configured(folder: Path, url: str, **sections: Any) -> tuple[Path, Settings]:
    """Write ``orderbell.toml`` for this application and install it; the file and what it says. A section that is None
    is left out. One role installs, and the daemon runs as another, that may do no more than it must.
    """
    values: dict[str, Any] = {
        "preset": "delivery",
        "database": {"url": roles.as_daemon(url)},
        "auth": {"secret": SECRET},
        "http": {"port": 0},
        "metrics": {"port": 0},
        "delivery": {"poll_seconds": 0.1, "retry_base_seconds": 0.1, "retry_max_seconds": 0.5},
        **sections,
    }
    file = folder / "orderbell.toml"
    file.write_text(tomlkit.dumps({name: section for name, section in values.items() if section is not None}))
    settings = load(file, {})
    roles.prepare(url, settings)
    install(load(file, {"ORDERBELL_DATABASE__URL": roles.as_owner(url)}))
    roles.grant(url)
    return file, settings
