"""A Redis that others use as well, and one that talks nonsense."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from dispatchers.websocket import Status
from dispatchers.websocket.broker import Content, Envelope, OnGap, redis_broker
from dispatchers.websocket.redis_broker import HEAD, VERSION, RedisBroker
from tests.redis import redis_server

Until = Callable[[Callable[[], bool]], Awaitable[None]]
HEARTBEAT_SECONDS = 0.2


def nothing(_: object) -> None:
    pass


async def test_installations_that_share_a_redis_hear_nothing_of_each_other(
    status: Callable[..., Status], until: Until
) -> None:
    heard: dict[str, list[Content]] = {}
    async with redis_server() as redis, AsyncExitStack() as stack:
        base = redis.url.removesuffix("/0")

        async def join(name: str, database: int, installation: str) -> RedisBroker:
            taken = heard.setdefault(name, [])
            made = redis_broker(
                f"{base}/{database}",
                installation=installation,
                receive=lambda envelope: taken.append(envelope.content),
                on_gap=nothing,
            )
            assert isinstance(made, RedisBroker)
            await made.start()
            stack.push_async_callback(made.stop)
            await until(made.subscribed.is_set)
            return made

        mouth = await join("mouth", 0, "ours")
        await join("ear", 0, "ours")
        await join("other installation", 0, "theirs")
        await join("other database", 1, "ours")
        mouth.publish(Envelope(status()))
        await until(lambda: len(heard["ear"]) == 1)
        await asyncio.sleep(0.2)
    assert [name for name, contents in heard.items() if contents] == ["ear"]


class Liar:
    """Answers everything with the same."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(4096):
                self.asked += 1
                writer.write(self.answer)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def lying(answer: bytes, on_gap: OnGap = nothing) -> AsyncIterator[tuple[Liar, RedisBroker, asyncio.Task[None]]]:
    liar = Liar(answer)
    server = await asyncio.start_server(liar.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    broker = RedisBroker(
        f"redis://127.0.0.1:{port}/0",
        receive=nothing,
        on_gap=on_gap,
        channel="test",
        heartbeat_seconds=HEARTBEAT_SECONDS,
    )
    await broker.start()
    running = asyncio.create_task(broker.run())
    yield liar, broker, running
    running.cancel()
    await asyncio.wait([running])
    async with asyncio.timeout(30):
        await broker.stop()
    server.close()


SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$4\r\ntest\r\n:1\r\n"
NONSENSE = [
    b":abc\r\n",
    b"$xyz\r\n",
    b"hello\r\n",
    b"*-5\r\n",
    b"*0\r\n",
    b"+OK\r\n",
    b"%2\r\n+a\r\n",
    b"\x00\xff\xfe\r\n",
    b"*1\r\n$7\r\nmessage\r\n",
    b"*1\r\n\x00\x01\r\n",
    b"*3\r\n$7\r\nmessage\r\n$4\r\ntest\r\n:1\r\n",
    SUBSCRIBED + b"*3\r\n$7\r\nmessage\r\n$4\r\ntest\r\n:1\r\n",
    SUBSCRIBED + b"*3\r\n$7\r\nmessage\r\n$4\r\ntest\r\n$-1\r\n",
]


@pytest.mark.parametrize("answer", NONSENSE)
async def test_whatever_redis_says_the_broker_goes_on(
    answer: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, until: Until
) -> None:
    monkeypatch.setattr("dispatchers.websocket.redis_broker.TIMEOUT_SECONDS", 0.3)
    async with lying(answer) as (liar, _, running):
        await until(lambda: liar.asked > 5)
        assert not running.done()
    assert len([record for record in caplog.records if record.exc_info]) <= 3, "once for each kind"


async def test_a_server_that_begins_to_make_sense_is_heard(monkeypatch: pytest.MonkeyPatch, until: Until) -> None:
    monkeypatch.setattr("dispatchers.websocket.redis_broker.TIMEOUT_SECONDS", 0.3)
    async with lying(b":abc\r\n") as (liar, broker, _):
        liar.answer = SUBSCRIBED
        await until(broker.subscribed.is_set)


async def test_much_that_cannot_be_read_is_one_gap_for_each_heartbeat() -> None:
    gaps: list[float] = []
    broker = RedisBroker(
        "redis://127.0.0.1:1/0", receive=nothing, on_gap=gaps.append, channel="test", heartbeat_seconds=5
    )
    for number in range(1000):
        now = 100 + number / 100
        broker._hear({"type": "message", "data": HEAD.pack(VERSION + 1, b"x" * 16, number, 0, 1)}, now)
        broker._tell_unreadable(now)
    assert len(gaps) == 2
    assert gaps[1] > 4.9, "all since the last one"
    broker._tell_unreadable(200)
    assert len(gaps) == 3
    await broker.stop()
