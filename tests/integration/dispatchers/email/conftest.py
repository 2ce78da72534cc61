"""A real SMTP server and real certificates for the e-mail dispatcher."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.channels import Email, EmailProvider
from config.names import Category, Priority
from demo.ports import port_of, reserved
from demo.sinks.smtp import SmtpSink, Step, Visit, _Hooks
from dispatchers.base import Delivery
from dispatchers.email import EmailDispatcher

NOW = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)

ORDER_IS_READY = Delivery(
    id=1,
    attempt=1,
    channel="email",
    address="zoe@example.com",
    notification_id=77,
    user_id="u1",
    recipient_name="Zoë Müller",
    locale="en",
    event="order.ready",
    subject="order:4711",
    audience="customer",
    category=Category.ORDER,
    priority=Priority.NORMAL,
    title="Your order is ready, grüezi",
    body="Trattoria Bella has packed it.\n.\nTotal: 34.80 €",
    text="Order #4711 is ready",
    url="https://shop.example/orders/4711",
    action="Track your order",
    created_at=NOW,
    expires_at=NOW + timedelta(hours=1),
)


@pytest.fixture(scope="session")
def delivery() -> Callable[..., Delivery]:
    """A delivery that is ordinary but for what the test says."""

    def make(**changes: Any) -> Delivery:
        return replace(ORDER_IS_READY, **changes)

    return make


@pytest.fixture(params=["one by one", "pipelined"])
async def running(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Awaitable[SmtpSink]]]:
    """Starts sinks, and stops them after the test: such that take one command at a time, and such that take more."""
    if request.param == "pipelined":
        greet = _Hooks.handle_EHLO

        async def greet_and_offer(
            hooks: Any, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
        ) -> list[str]:
            first, *others = await greet(hooks, server, session, envelope, hostname, responses)
            return [first, "250-PIPELINING", *others]

        monkeypatch.setattr(_Hooks, "handle_EHLO", greet_and_offer)
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> SmtpSink:
            sink = SmtpSink(port=port_of(stack.enter_context(reserved())), **options)
            await sink.start()
            stack.push_async_callback(sink.stop)
            return sink

        yield start


@pytest.fixture
async def sink(running: Callable[..., Awaitable[SmtpSink]]) -> SmtpSink:
    return await running()


@pytest.fixture
async def dispatcher_for() -> AsyncIterator[Callable[..., Awaitable[EmailDispatcher]]]:
    """Makes dispatchers that send to a sink, and stops them after the test."""
    async with AsyncExitStack() as stack:

        async def make(sink: SmtpSink, **options: Any) -> EmailDispatcher:
            defaults = {"host": "127.0.0.1", "port": sink.port, "security": "none", "timeout_seconds": 30.0}
            # Not validated: a password without TLS is refused by the settings, and tested here all the same.
            provider = EmailProvider.model_validate(defaults | options)
            settings = Email(sender="Bella Shop <hello@shop.example>", provider=(provider,))
            dispatcher = EmailDispatcher(settings)
            await dispatcher.start()
            stack.push_async_callback(dispatcher.stop)
            return dispatcher

        yield make


@pytest.fixture
async def dispatcher_over(hands: Any) -> AsyncIterator[Callable[..., Awaitable[EmailDispatcher]]]:
    """Makes dispatchers with several sinks as providers, ``a``, ``b``..., whose breakers go by the test's clock.

    Keyword arguments are settings of the first.
    """
    async with AsyncExitStack() as stack:

        async def make(*sinks: SmtpSink, **first: Any) -> EmailDispatcher:
            providers = [
                {"name": name, "host": "127.0.0.1", "port": sink.port, "security": "none", "timeout_seconds": 30.0}
                for name, sink in zip("abc", sinks, strict=False)
            ]
            providers[0] |= first
            settings = Email.model_validate({"sender": "Bella Shop <hello@shop.example>", "provider": providers})
            dispatcher = EmailDispatcher(settings, hands.clock)
            await dispatcher.start()
            stack.push_async_callback(dispatcher.stop)
            return dispatcher

        yield make


@pytest.fixture
async def dispatcher(sink: SmtpSink, dispatcher_for: Callable[..., Awaitable[EmailDispatcher]]) -> EmailDispatcher:
    return await dispatcher_for(sink)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own, and a server's context with a certificate that it signed."""

    ca_file: str
    server: ssl.SSLContext


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return _authority(tmp_path_factory.mktemp("authority"), ipaddress.ip_address("127.0.0.1"))


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return _authority(tmp_path_factory.mktemp("other"), ipaddress.ip_address("127.0.0.1"))


@pytest.fixture(scope="session")
def authority_of_another_host(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return _authority(tmp_path_factory.mktemp("elsewhere"), ipaddress.ip_address("127.0.0.99"))


def _authority(folder: Path, host: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Authority:
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    ca = (
        _certificate(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test server")])
    certificate = (
        _certificate(name, ca_name, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(host)]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    ca_file, chain = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(chain)
    return Authority(str(ca_file), server)


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


@pytest.fixture
def hanging() -> Callable[[Step], Callable[[Step, Visit], Awaitable[str | None]]]:
    """Makes scripts that never answer at one step."""

    def make(at: Step) -> Callable[[Step, Visit], Awaitable[str | None]]:
        async def script(step: Step, _visit: Visit) -> str | None:
            if step is at:
                await asyncio.get_running_loop().create_future()
            return None

        return script

    return make
