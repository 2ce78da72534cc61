"""Answers of every kind on a real socket, byte by byte."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown
from dispatchers.webpush import WebPushDispatcher
from tests.clocks import MoveOn

Another = Callable[..., Delivery]
DispatcherFor = Callable[..., Awaitable[WebPushDispatcher]]

TAKEN = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


async def send(dispatcher: WebPushDispatcher, delivery: Delivery) -> Outcome:
    (outcome,) = await dispatcher.send([delivery])
    return outcome


class Service:
    """A push service that says what it is told to, to each request."""

    def __init__(self) -> None:
        self.says: list[bytes] = [TAKEN]
        self.after: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.said = 0
        """Pieces."""
        self.parted = 0
        """Connections that are over."""
        self.port = 0

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(length))
                for piece in self.says:
                    writer.write(piece)
                    await writer.drain()
                    self.said += 1
                    await asyncio.sleep(0.01)
                if self.after is not None:
                    await self.after(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.parted += 1


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    server = await asyncio.start_server(service.listen, "127.0.0.1", 0)
    async with server:
        service.port = server.sockets[0].getsockname()[1]
        yield service


@pytest.fixture
def there(service: Service, delivery: Delivery, another: Another) -> Delivery:
    """To a device that is at home with the service."""
    return another(address=moved(delivery, f"http://127.0.0.1:{service.port}/push/abc?d=e"))


def moved(delivery: Delivery, endpoint: str) -> str:
    return json.dumps({**json.loads(delivery.address), "endpoint": endpoint})


def dripping(piece: bytes, patience_is_over: Callable[[], None]) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """Says ``piece`` again and again."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        for number in itertools.count():
            if writer.is_closing():
                return
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
            if number == 10:
                patience_is_over()

    return drip


async def has_heard(holds: Callable[[], bool]) -> None:
    """Wait until the service has done something, and the loop has seen it arrive."""
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def test_a_push_is_one_complete_request(service: Service, dispatcher: WebPushDispatcher, there: Delivery) -> None:
    assert isinstance(await send(dispatcher, there), Sent)
    (head,), (body,) = service.heads, service.bodies
    request_line, *lines = head.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert request_line == "POST /push/abc?d=e HTTP/1.1"
    assert fields.pop("Authorization").startswith("vapid t=")
    assert fields.pop("User-Agent")
    assert int(fields.pop("TTL")) > 0
    assert len(fields.pop("Topic")) == 32
    assert fields == {
        "Host": f"127.0.0.1:{service.port}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "Urgency": "high",
        "Content-Length": str(len(body)),
    }


@pytest.mark.parametrize(
    "says",
    [
        [TAKEN],
        [b"HTTP/1.1 204 No Content\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"{}"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\n{}\r\n", b"0\r\n\r\n"],
        [b"HTTP/1.1 201 ", b"Created\r\nContent-", b"Length: 0\r\n\r\n"],
        [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", TAKEN],
        [b"HTTP/1.1 100 Continue\r\n\r\n" + TAKEN],
    ],
)
async def test_a_connection_whose_answer_has_been_read_is_used_again(
    service: Service, dispatcher: WebPushDispatcher, there: Delivery, says: list[bytes]
) -> None:
    service.says = says
    for _ in range(3):
        outcome = await send(dispatcher, there)
        assert isinstance(outcome, Sent)
        assert outcome.code.startswith("20")
    assert service.connections == 1


@pytest.mark.parametrize(
    "says",
    [
        [b"HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.0 201 Created\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 201 Created\r\nContent-Length: 90000\r\n\r\n" + b"x" * 50_000],
    ],
)
async def test_a_connection_that_is_at_its_end_is_not_used_again(
    service: Service, dispatcher: WebPushDispatcher, there: Delivery, says: list[bytes]
) -> None:
    service.says = says
    for _ in range(3):
        assert isinstance(await send(dispatcher, there), Sent)
    assert service.connections == 3


async def test_a_connection_that_the_service_closed_is_not_used_again(
    service: Service, dispatcher: WebPushDispatcher, there: Delivery
) -> None:
    service.after = closed
    for _ in range(3):
        assert isinstance(await send(dispatcher, there), Sent)
        await has_heard(lambda: service.parted == service.connections)
    assert service.connections == 3


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(
    service: Service, dispatcher: WebPushDispatcher, there: Delivery
) -> None:
    service.says = [TAKEN, b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"]
    assert isinstance(await send(dispatcher, there), Sent)
    await has_heard(lambda: service.said == 2)
    service.says = [TAKEN]
    assert isinstance(await send(dispatcher, there), Retry)
    assert isinstance(await send(dispatcher, there), Sent)
    assert (len(service.heads), service.connections) == (2, 2)


@pytest.mark.parametrize(
    "says",
    [b"", b"HTTP/1.1 ", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"SSH-2.0-OpenSSH_9.9\r\n\r\n", b"HTTP/1.1 x y\r\n\r\n"],
)
async def test_what_is_no_answer_leaves_the_outcome_open(
    service: Service, dispatcher: WebPushDispatcher, there: Delivery, says: bytes
) -> None:
    service.says, service.after = [says], closed
    assert isinstance(await send(dispatcher, there), Unknown)


@pytest.mark.parametrize("length", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
async def test_an_answer_that_breaks_off_still_says_its_status(
    service: Service, dispatcher: WebPushDispatcher, there: Delivery, length: bytes
) -> None:
    service.says, service.after = [b"HTTP/1.1 410 Gone\r\n" + length + b"\r\n\r\n5\r\n"], closed
    outcome = await send(dispatcher, there)
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address


async def test_an_answer_that_drips_is_cut_off_in_time_and_still_says_its_status(
    service: Service, dispatcher: WebPushDispatcher, there: Delivery, move_on: MoveOn
) -> None:
    service.says = [b"HTTP/1.1 410 Gone\r\nContent-Length: 9999\r\n\r\n"]
    service.after = dripping(b"x", lambda: move_on(31.0))
    async with asyncio.timeout(90):
        outcome = await send(dispatcher, there)
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address


async def test_headers_that_drip_are_cut_off_in_time(
    service: Service, dispatcher: WebPushDispatcher, there: Delivery, move_on: MoveOn
) -> None:
    service.says = [b"HTTP/1.1 201 Created\r\n"]
    service.after = dripping(b"X: y\r\n", lambda: move_on(31.0))
    async with asyncio.timeout(90):
        assert isinstance(await send(dispatcher, there), Unknown)


async def test_a_wait_for_a_free_connection_is_bounded_and_sends_nothing(
    service: Service, dispatcher_for: DispatcherFor, there: Delivery, move_on: MoveOn
) -> None:
    service.says = []
    dispatcher = await dispatcher_for(concurrency=1)
    unanswered = asyncio.create_task(send(dispatcher, there))
    while not service.bodies:
        await asyncio.sleep(0.01)
    assert dispatcher._wire is not None
    dispatcher._wire._timeout_seconds = 0.1
    assert isinstance(await send(dispatcher, there), Retry)
    move_on(31.0)
    assert isinstance(await unanswered, Unknown)
    assert len(service.heads) == 1


async def test_nothing_is_encrypted_for_a_service_that_cannot_be_reached(
    dispatcher: WebPushDispatcher,
    delivery: Delivery,
    another: Another,
    closed_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dispatchers.webpush.subscription.Subscription.encrypt", lambda *_: pytest.fail("encrypted"))
    outcome = await send(dispatcher, another(address=moved(delivery, f"http://127.0.0.1:{closed_port}/x")))
    assert isinstance(outcome, Retry)


async def test_many_at_once_each_get_their_own_answer(
    service: Service, dispatcher_for: DispatcherFor, there: Delivery
) -> None:
    dispatcher = await dispatcher_for(concurrency=8)
    outcomes = await asyncio.gather(*(send(dispatcher, there) for _ in range(100)))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert len(set(service.bodies)) == 100
    assert service.connections <= 8
