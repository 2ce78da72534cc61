"""Who may read the metrics, and over what."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry, Counter

from config import ConfigError
from config.settings import Metrics
from daemon.api import MetricsServer

Serve = Callable[..., Awaitable[MetricsServer]]
ASKS = {"username": "prometheus", "password": "pass: wörd"}


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    async with AsyncExitStack() as stack:

        async def serve(**settings: Any) -> MetricsServer:
            server = MetricsServer(Metrics(port=0, **settings), registry)
            await server.start()
            stack.push_async_callback(server.stop)
            return server

        yield serve


class Certificate:
    """A pair that signs itself, in files."""

    def __init__(self, folder: Path, name: str, password: bytes | None = None) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(key, SHA256())
        )
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self.certificate.write_bytes(made.public_bytes(Encoding.PEM))
        closed = BestAvailableEncryption(password) if password else NoEncryption()
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closed))

    @property
    def settings(self) -> dict[str, str]:
        return {"certificate_file": str(self.certificate), "key_file": str(self.key)}

    async def get(self, server: MetricsServer, **more: Any) -> httpx.Response:
        trust = ssl.create_default_context(cafile=str(self.certificate))
        async with httpx.AsyncClient(verify=trust, timeout=30) as client:
            return await client.get(f"https://127.0.0.1:{server.port}/metrics", **more)


async def get(server: MetricsServer, path: str = "/metrics", **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.get(f"http://127.0.0.1:{server.port}{path}", **more)


async def test_whoever_knows_the_password_may_read(serve: Serve) -> None:
    answer = await get(await serve(**ASKS), auth=httpx.BasicAuth("prometheus", "pass: wörd"))
    assert (answer.status_code, "things_total 3.0" in answer.text) == (200, True)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer cHJvbWV0aGV1czpwYXNz"},
        {"Authorization": "Basic cHJvbWV0aGV1czpwYXNz"},
        {"Authorization": "Basic " + "A" * 6000},
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/nothing"])
async def test_nobody_else_may(serve: Serve, headers: dict[str, str], path: str) -> None:
    answer = await get(await serve(**ASKS), path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="metrics", charset="UTF-8"'
    assert "things" not in answer.text


async def test_with_a_certificate_it_speaks_tls(serve: Serve, tmp_path: Path) -> None:
    pair = Certificate(tmp_path, "one")
    server = await serve(**pair.settings, **ASKS)
    assert (await pair.get(server)).status_code == 401
    assert (await pair.get(server, auth=httpx.BasicAuth("prometheus", "pass: wörd"))).status_code == 200
    with pytest.raises(httpx.HTTPError):
        await get(server)


async def test_a_renewed_certificate_is_used_after_a_reload_and_a_bad_one_is_not(serve: Serve, tmp_path: Path) -> None:
    old, new = Certificate(tmp_path, "old"), Certificate(tmp_path, "new")
    files = old.settings
    first = (old.certificate.read_bytes(), old.key.read_bytes())
    server = await serve(**files)
    old.certificate.write_bytes(new.certificate.read_bytes())  # not its key: half a renewal
    with pytest.raises(ConfigError, match="the key is not this certificate's"):
        server.renew_certificate()
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(first[0])
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(trusted)), timeout=30) as client:
        assert (await client.get(f"https://127.0.0.1:{server.port}/metrics")).status_code == 200
    old.key.write_bytes(new.key.read_bytes())
    server.renew_certificate()
    assert (await new.get(server)).status_code == 200


async def test_what_is_wrong_with_the_files_is_said_with_the_key(serve: Serve, tmp_path: Path) -> None:
    one, other = Certificate(tmp_path, "one"), Certificate(tmp_path, "other")
    closed, absent = Certificate(tmp_path, "closed", b"secret"), str(tmp_path / "absent.pem")
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("nothing\n")
    for files, said in (
        ((absent, str(one.key)), "metrics.certificate_file: cannot be read: No such file or directory"),
        ((str(one.certificate), absent), "metrics.key_file: cannot be read: No such file or directory"),
        ((str(one.certificate), str(other.key)), "metrics.key_file: the key is not this certificate's"),
        ((str(rubbish), str(one.key)), "metrics.certificate_file: cannot be used with metrics.key_file"),
        ((str(closed.certificate), str(closed.key)), "metrics.certificate_file: cannot be used with metrics.key_file"),
    ):
        with pytest.raises(ConfigError) as error:
            await serve(certificate_file=files[0], key_file=files[1])
        assert said in str(error.value)
