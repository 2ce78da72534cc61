"""What is certain and what is not when the line to a push service breaks, and where pushes never go."""

import asyncio
import datetime as dt
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from demo.sinks.push import PushSink
from demo.sinks.server import Reply
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown
from dispatchers.webpush import WebPushDispatcher
from tests.clocks import MoveOn

Another = Callable[..., Delivery]
DispatcherFor = Callable[..., Awaitable[WebPushDispatcher]]


async def send(dispatcher: WebPushDispatcher, delivery: Delivery) -> Outcome:
    (outcome,) = await dispatcher.send([delivery])
    return outcome


class Rebinding(AbstractResolver):
    """Leads every name to this machine, as a name in an attacker's hands may from one day to the next."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in ("127.0.0.1", "10.0.0.1")
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def visits() -> AsyncIterator[list[int]]:
    """The port of a listener on loopback, and one entry more for each connection that it got."""
    seen: list[int] = []

    async def visited(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(0)
        writer.close()

    server = await asyncio.start_server(visited, "127.0.0.1", 0)
    async with server:
        seen.append(server.sockets[0].getsockname()[1])
        yield seen


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """A server's side of TLS with a certificate for localhost that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def moved(delivery: Delivery, endpoint: str) -> str:
    """The delivery's address with another endpoint."""
    return json.dumps({**json.loads(delivery.address), "endpoint": endpoint})


async def test_a_name_that_leads_to_this_machine_is_not_connected_to(
    dispatcher_for: DispatcherFor, delivery: Delivery, another: Another, visits: list[int]
) -> None:
    resolver = Rebinding()
    dispatcher = await dispatcher_for(allow_private_endpoints=False, resolver=lambda: resolver)
    outcome = await send(dispatcher, another(address=moved(delivery, f"https://push.example:{visits[0]}/x")))
    assert outcome == Rejected("the endpoint is not at a public address", provider="webpush")
    assert resolver.asked == ["push.example"]
    assert len(visits) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"])
async def test_an_address_of_this_machine_is_not_connected_to(
    dispatcher_for: DispatcherFor, delivery: Delivery, another: Another, visits: list[int], host: str
) -> None:
    dispatcher = await dispatcher_for(allow_private_endpoints=False)
    outcome = await send(dispatcher, another(address=moved(delivery, f"https://{host}:{visits[0]}/x")))
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address
    assert len(visits) == 1


async def test_localhost_is_not_connected_to(
    dispatcher_for: DispatcherFor, delivery: Delivery, another: Another, visits: list[int]
) -> None:
    dispatcher = await dispatcher_for(allow_private_endpoints=False)
    outcome = await send(dispatcher, another(address=moved(delivery, f"https://localhost:{visits[0]}/x")))
    assert isinstance(outcome, Rejected)
    assert len(visits) == 1


async def test_a_redirect_is_not_followed(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery, visits: list[int]
) -> None:
    sink.reply = lambda _: Reply(307, headers={"Location": f"http://127.0.0.1:{visits[0]}/"})
    assert isinstance(await send(dispatcher, delivery), Retry)
    assert len(visits) == 1


async def test_a_refused_connection_was_not_sent(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery
) -> None:
    await sink.stop()
    assert isinstance(await send(dispatcher, delivery), Retry)


async def test_a_service_without_a_trusted_certificate_gets_nothing(
    dispatcher: WebPushDispatcher, delivery: Delivery, another: Another, self_signed: ssl.SSLContext
) -> None:
    received: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=self_signed)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await send(dispatcher, another(address=moved(delivery, f"https://localhost:{port}/x")))
    assert isinstance(outcome, Retry)
    assert "Certificate" in outcome.error
    assert not any(received)


async def test_a_service_with_a_trusted_certificate_gets_the_push_over_tls(
    dispatcher: WebPushDispatcher,
    delivery: Delivery,
    another: Another,
    self_signed: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    received: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        await reader.read()
        writer.close()

    trusting = ssl.create_default_context(cafile=tmp_path / "server.pem")
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=self_signed)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await send(dispatcher, another(address=moved(delivery, f"https://localhost:{port}/x")))
        await dispatcher.stop()
    assert isinstance(outcome, Sent)
    assert received[0].startswith(b"POST /x HTTP/1.1\r\nHost: localhost:%d\r\n" % port)


async def test_an_error_names_no_endpoint(sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery) -> None:
    token = json.loads(delivery.address)["endpoint"].rpartition("/")[2]
    sink.reply = lambda _: Reply(drop=True)
    unknown = await send(dispatcher, delivery)
    await sink.stop()
    refused = await send(dispatcher, delivery)
    assert isinstance(unknown, Unknown)
    assert isinstance(refused, Retry)
    assert token not in unknown.error + refused.error


async def test_a_service_that_hangs_leaves_the_outcome_open(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery, move_on: MoveOn
) -> None:
    sink.on_push = lambda _: move_on(31.0)
    sink.reply = lambda _: Reply(hang=True)
    assert isinstance(await send(dispatcher, delivery), Unknown)
    assert len(sink.pushes) == 1


async def test_a_service_that_hangs_holds_up_nobody_else(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery, another: Another
) -> None:
    arrived = asyncio.Event()
    sink.on_push = lambda _: arrived.set()
    sink.reply = lambda push: Reply(hang=True) if push.payload["title"] == "Hung" else None
    hung = asyncio.create_task(send(dispatcher, another(title="Hung")))
    await arrived.wait()
    assert isinstance(await send(dispatcher, delivery), Sent)
    assert not hung.done()
    hung.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hung


async def test_a_cancelled_send_leaves_the_dispatcher_usable(
    sink: PushSink, dispatcher_for: DispatcherFor, delivery: Delivery
) -> None:
    arrived = asyncio.Event()
    sink.on_push = lambda _: arrived.set()
    sink.reply = lambda _: Reply(hang=True)
    dispatcher = await dispatcher_for(concurrency=1)
    task = asyncio.create_task(send(dispatcher, delivery))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sink.reply = None
    assert isinstance(await send(dispatcher, delivery), Sent)
