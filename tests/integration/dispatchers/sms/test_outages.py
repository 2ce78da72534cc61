"""What is certain and what is not when the line to Twilio breaks."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from demo.sinks.server import Reply
from demo.sinks.twilio import TwilioSink
from dispatchers.base import Delivery, Outcome, Retry, Sent, Unknown
from dispatchers.sms.dispatcher import SmsDispatcher
from tests.clocks import MoveOn

DispatcherFor = Callable[..., Awaitable[SmsDispatcher]]
CREATED = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
MESSAGE = b'{"sid": "SM1"}'


async def send(dispatcher: SmsDispatcher, delivery: Delivery) -> Outcome:
    (outcome,) = await dispatcher.send([delivery])
    return outcome


@asynccontextmanager
async def raw_server(*answers: bytes) -> AsyncIterator[str]:
    """Answers the requests of each connection with these bytes, then closes it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            await reader.readexactly(length)
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_refused_connection_was_not_sent(
    dispatcher_for: DispatcherFor, delivery: Delivery, closed_port: int
) -> None:
    dispatcher = await dispatcher_for(base_url=f"http://127.0.0.1:{closed_port}")
    assert isinstance(await send(dispatcher, delivery), Retry)


async def test_a_host_that_is_not_found_was_not_sent(dispatcher_for: DispatcherFor, delivery: Delivery) -> None:
    dispatcher = await dispatcher_for(base_url="https://twilio.invalid")
    assert isinstance(await send(dispatcher, delivery), Retry)


async def test_a_connection_that_is_never_made_was_not_sent(dispatcher_for: DispatcherFor, delivery: Delivery) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # Linux takes one connection more than this, and drops the SYN of every further one
        for queued in (first, second):
            queued.setblocking(False)
            queued.connect_ex(full.getsockname())
        dispatcher = await dispatcher_for(base_url=f"http://127.0.0.1:{full.getsockname()[1]}", timeout_seconds=0.2)
        started = loop.time()
        outcome = await send(dispatcher, delivery)
        assert loop.time() - started >= 0.19
        assert isinstance(outcome, Retry)


async def test_a_failed_tls_handshake_was_not_sent(
    sink: TwilioSink, dispatcher_for: DispatcherFor, delivery: Delivery
) -> None:
    dispatcher = await dispatcher_for(base_url=sink.url.replace("http://", "https://"))
    assert isinstance(await send(dispatcher, delivery), Retry)
    assert sink.texts == []


async def test_a_provider_that_hangs_leaves_the_outcome_open(
    sink: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery, move_on: MoveOn
) -> None:
    sink.on_text = lambda _: move_on(31.0)
    sink.reply = lambda _: Reply(hang=True)
    outcome = await send(dispatcher, delivery)
    assert isinstance(outcome, Unknown)
    assert len(sink.texts) == 1


@pytest.mark.parametrize("taken", [True, False])
async def test_a_connection_closed_without_an_answer_leaves_the_outcome_open(
    sink: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery, *, taken: bool
) -> None:
    sink.reply = lambda _: Reply(drop=True, record=taken)
    assert isinstance(await send(dispatcher, delivery), Unknown)
    assert len(sink.texts) == taken


@pytest.mark.parametrize(
    "answer",
    [
        CREATED % (500, MESSAGE),
        CREATED % (4, b"oops"),
        CREATED % (2, b"[]"),
        CREATED % (2, b"{}"),
        CREATED % (0, b""),
        b"HTTP/1.1 2",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
    ids=["cut off", "no JSON", "no object", "no SID", "no body", "half a status line", "no HTTP"],
)
async def test_a_broken_answer_leaves_the_outcome_open(
    dispatcher_for: DispatcherFor, delivery: Delivery, answer: bytes
) -> None:
    async with raw_server(answer) as url:
        assert isinstance(await send(await dispatcher_for(base_url=url), delivery), Unknown)


async def test_a_refusal_counts_even_where_its_body_is_cut_off(
    dispatcher_for: DispatcherFor, delivery: Delivery
) -> None:
    refusal = b'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 500\r\n\r\n{"code"'
    async with raw_server(refusal) as url:
        outcome = await send(await dispatcher_for(base_url=url), delivery)
    assert outcome == Retry("HTTP 429", after=3.0, provider="twilio")


async def test_a_kept_connection_that_dies_under_a_request_leaves_the_outcome_open(
    dispatcher_for: DispatcherFor, delivery: Delivery
) -> None:
    async with raw_server(CREATED % (len(MESSAGE), MESSAGE), b"") as url:
        dispatcher = await dispatcher_for(base_url=url)
        assert await send(dispatcher, delivery) == Sent("SM1", provider="twilio")
        assert isinstance(await send(dispatcher, delivery), Unknown)


async def test_a_cancelled_send_leaves_the_dispatcher_usable(
    sink: TwilioSink, dispatcher_for: DispatcherFor, delivery: Delivery
) -> None:
    arrived = asyncio.Event()
    sink.on_text = lambda _: arrived.set()
    sink.reply = lambda _: Reply(hang=True)
    dispatcher = await dispatcher_for(concurrency=1)
    task = asyncio.create_task(send(dispatcher, delivery))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sink.reply = None
    assert isinstance(await send(dispatcher, delivery), Sent)
