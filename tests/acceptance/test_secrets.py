"""Whatever goes wrong, no secret is in the log, in `ps`, in the metrics, in an answer, or in what a command prints."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier, Literal

from config import Settings
from demo.sinks.smtp import SmtpSink
from demo.sinks.twilio import TwilioSink
from dispatchers.webpush import generate_vapid_key
from tests.acceptance.cable import Cable
from tests.acceptance.conftest import App, Daemon, configured, running, until
from tests.acceptance.shops import INTEGERS, integer_settings
from tests.integration.systemd.test_unit import secrets_of
from tests.roles import names_of

SHOP = INTEGERS

MARK = "xyzzy"
"""In every secret, so that any part of one is found that is long enough to be of use."""


TAKEN = "taken from the store"


def of(name: str) -> str:
    return f"{MARK}-{name}-0123456789-0123456789-0123456789"


@dataclass
class Store:
    """Every secret, as systemd hands it to the daemon, and what must not be seen of it."""

    folder: Path
    values: dict[str, str]

    @property
    def hidden(self) -> list[str]:
        keys = [self.values["webpush.vapid_private_key"], self.values["email.dkim.private_key"].splitlines()[1]]
        return [MARK, *keys]


@pytest.fixture
def store(app: App, cable: Cable, tmp_path: Path, closed_port: int) -> Store:
    pem = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True).stdout
    parts = conninfo_to_dict(cable.url) | {"password": of("database")}
    values = {
        "database.url": " ".join(f"{key}='{value}'" for key, value in parts.items()),
        "hub.broker_url": f"redis://:{of('redis')}@127.0.0.1:{closed_port}/0",
        "auth.secret": of("auth"),
        "email.link_secret": of("link"),
        "email.dkim.private_key": pem,
        "email.provider.0.password": of("smtp"),
        "sms.provider.0.auth_token": of("twilio"),
        "webpush.vapid_private_key": generate_vapid_key()[0],
        "metrics.password": of("metrics"),
    }
    assert values.keys() == set(secrets_of(Settings)), "all that there are"
    folder = tmp_path / "credentials"
    folder.mkdir()
    for name, value in values.items():
        (folder / name).write_text(value)
    return Store(folder, values)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Of the mail server, and its key: a password is never sent in the clear."""
    made, key = tmp_path / "server.pem", tmp_path / "server.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


@pytest.fixture
async def mail(certificate: tuple[Path, Path]) -> AsyncIterator[SmtpSink]:
    """A mail server that wants another password."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    sink = SmtpSink(tls=context, login=("orders", "another"))
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioSink]:
    """One that knows another token."""
    sink = TwilioSink(auth_token="another token")
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
def file(
    app: App, mail: SmtpSink, certificate: tuple[Path, Path], twilio: TwilioSink, store: Store, tmp_path: Path
) -> Path:
    provider = {
        "host": "127.0.0.1",
        "port": mail.port,
        "security": "starttls",
        "ca_file": str(certificate[0]),
        "username": "orders",
        "password": TAKEN,
    }
    sections = integer_settings() | {
        "email": {
            "sender": "Shop <shop@example.com>",
            "provider": [provider],
            "dkim": {"selector": "mail2026", "private_key": store.values["email.dkim.private_key"]},
        },
        "sms": {
            "provider": [
                {
                    "account_sid": twilio.account_sid,
                    "auth_token": TAKEN,
                    "from_number": "+442079460000",
                    "base_url": twilio.url,
                }
            ]
        },
        "webpush": {"vapid_subject": "mailto:ops@example.com", "allow_private_endpoints": True},
        "metrics": {"port": 0, "username": "prometheus", "password": TAKEN},
        "log": {"level": "debug"},
        "rule": [{"event": "order.created", "audience": "customer", "steps": [{"channels": ["email", "sms"]}]}],
    }
    made, _ = configured(tmp_path, app.url, **sections)
    with psycopg.connect(app.url, autocommit=True) as connection:
        role = Identifier(names_of(app.url)[1])
        connection.execute(SQL("ALTER ROLE {} PASSWORD {}").format(role, Literal(of("database"))))
    return made


def seen_by_others(daemon: Daemon) -> str:
    """What every user of the machine can read of a process."""
    folder = Path(f"/proc/{daemon.process.pid}")
    threads = ""
    for path in folder.glob("task/*/comm"):
        with suppress(OSError):  # it has ended meanwhile
            threads += path.read_text()
    return (folder / "cmdline").read_text() + (folder / "comm").read_text() + threads


async def test_no_secret_is_seen_whatever_goes_wrong(
    app: App, mail: SmtpSink, store: Store, file: Path, cable: Cable
) -> None:
    await cable.join()
    seen: list[str] = []
    async with running(file, CREDENTIALS_DIRECTORY=str(store.folder)) as daemon:
        app.sql("INSERT INTO logistics.shipment (phase, ordered_by) SELECT 10, 1 FROM generate_series(1, 3)")
        await until(lambda: len(app.sql("SELECT FROM orderbell.attempt")) >= 2)
        seen.append(seen_by_others(daemon))
        daemon.process.send_signal(signal.SIGHUP)
        await until(lambda: bool(daemon.logged("reload.done")))
        (store.folder / "auth.secret").write_text(MARK)
        daemon.process.send_signal(signal.SIGHUP)
        await until(lambda: bool(daemon.logged("reload.refused")))
        await cable.cut()
        async with httpx.AsyncClient(timeout=30) as client:
            login = ("prometheus", of("metrics"))
            for url in (
                daemon.metrics,
                daemon.http + "/readyz",
                daemon.http + "/healthz",
                daemon.http + "/openapi.json",
            ):
                answered = await client.get(url, auth=login)
                seen += [answered.text, str(answered.headers)]
            wrong = await client.get(daemon.metrics, auth=("prometheus", of("wrong")))
            seen += [wrong.text, str(wrong.headers)]
            for token in (of("token"), "a.b.c"):
                headers = {"Authorization": f"Bearer {token}"}
                refused = await client.get(daemon.http + "/api/notifications", headers=headers)
                assert refused.status_code == 401
                seen.append(refused.text)
        await until(lambda: bool(daemon.logged("planner.connection_lost")))
        await cable.join()
    seen.append(daemon.text)
    assert len(daemon.log) > 20
    everything = "\n".join(seen)
    assert [secret for secret in store.hidden if secret in everything] == []
    kept = app.sql("SELECT a.detail, h.error FROM orderbell.attempt a LEFT JOIN orderbell.delivery h ON true")
    assert kept


NOWHERE = "host=127.0.0.1 port=1 connect_timeout=2"

WRONG: dict[str, dict[str, str]] = {
    "url-at": {"database.url": f"postgresql://orderbell:p@ss:{MARK}@127.0.0.1:1/shop"},
    "url-slash": {"database.url": f"postgresql://orderbell:{MARK}/x@127.0.0.1:1/shop"},
    "url-port": {"database.url": f"postgresql://orderbell:{MARK}@127.0.0.1:port/shop"},
    "url-none": {"database.url": MARK},
    "away": {"database.url": f"{NOWHERE} password={MARK}"},
    "short": {
        "auth.secret": MARK,
        "email.link_secret": MARK,
        "hub.broker_url": f"http://:{MARK}@redis/0",
        "email.dkim.private_key": MARK,
        "webpush.vapid_private_key": MARK,
    },
    "broker": {"hub.broker_url": f"redis://:{MARK}@[/0"},
    "dkim": {"email.dkim.private_key": f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----"},
    "vapid": {"webpush.vapid_private_key": f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----"},
}
"""What is wrong, and what the store then says in place of what it should."""


@pytest.mark.parametrize("case", WRONG)
async def test_a_secret_that_is_wrong_is_not_repeated(store: Store, file: Path, case: str) -> None:
    for name, value in ({"database.url": NOWHERE} | WRONG[case]).items():
        (store.folder / name).write_text(value)
    said = await asyncio.gather(*(said_by(command, file, store.folder) for command in ("check", "run")))
    assert all(said)
    assert MARK not in "".join(said)


async def said_by(command: str, file: Path, credentials: Path) -> str:
    """What it prints until it ends; or first, where it waits for a database that is not there."""
    own = {key: text for key, text in os.environ.items() if not key.startswith("ORDERBELL_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon.cli", command, "--config", str(file),
        env=own | {"CREDENTIALS_DIRECTORY": str(credentials)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(90):
        said = await process.stdout.read(1) if command == "run" else b""
        if b"{" in said:
            said += await process.stdout.readline()
            with suppress(ProcessLookupError):
                process.terminate()
        said += await process.stdout.read()
        await process.wait()
    return said.decode()
