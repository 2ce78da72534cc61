"""The broker over Redis: publish/subscribe on one channel, and nothing kept there.

Channels are the same in all of a Redis server's databases, so ours has the number of the one in the URL in its name,
and the installation: two shops may share a server.

A message is::

    version (1 byte) | node id (16) | sequence (8) | seconds lost (4) | count (2) | count x (length (4) | envelope)

Each daemon numbers its messages; a heartbeat has no envelopes and the number of the last message, so that the loss of
a last message is noticed too. What cannot be sent waits, up to a limit; then the oldest goes, and the next message says
for how long something is lost. A message is sent again until Redis has taken it: its number says whether it was seen
before.

Frames may be missing, and ``on_gap`` is called once we are subscribed (again), when

- the subscription was not there for a time, or nothing came over it, not even our own heartbeat;
- a daemon's number jumps, or its message says that something was lost;
- a daemon has fallen silent: what it had not sent is lost with it.
"""

import asyncio
import contextlib
import logging
import math
import random
import secrets
import struct
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from dispatchers.websocket import metrics
from dispatchers.websocket.broker import Envelope, OnGap, Receive

log = logging.getLogger(__name__)

VERSION = 1
HEAD = struct.Struct(">B16sQIH")
LENGTH = struct.Struct(">I")

HEARTBEAT_SECONDS = 5.0
MOST_WAITING = 10_000
MOST_WAITING_BYTES = 32 * 2**20
MESSAGE_BYTES = 2**20
"""About what one message holds at most."""
MOST_ENVELOPES = 1_000
TIMEOUT_SECONDS = 5.0
"""For Redis to answer."""
LONGEST_PAUSE_SECONDS = 2.0
"""Between tries to reach it."""
STOP_SECONDS = 1.0
AGAIN_SECONDS = 0.5
"""Before a task that was cancelled and has not ended is cancelled again."""


def channel_of(url: str, installation: str) -> str:
    """Raises ValueError where ``url`` is none of Redis."""
    return f"orderbell:hub:{parse_url(url).get('db', 0)}:{installation}"


@dataclass(slots=True)
class Node:
    """Another daemon, as far as it was heard."""

    sequence: int
    heard_at: float


class RedisBroker:
    """See the module, and :class:`dispatchers.websocket.broker.Broker`."""

    def __init__(
        self,
        url: str,
        *,
        receive: Receive,
        on_gap: OnGap,
        channel: str,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        """Raises ValueError where ``url`` is none of Redis."""
        # Tries again by itself: the library's own would hide that something was missed.
        self._redis: Redis = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
        )
        self._receive = receive
        self._on_gap = on_gap
        self._channel = channel
        self._heartbeat_seconds = heartbeat_seconds
        self._silent_seconds = 3 * heartbeat_seconds
        self.node = secrets.token_bytes(16)
        self._sequence = 0
        self._waiting: deque[tuple[float, bytes]] = deque()
        """Envelopes, and since when."""
        self._waiting_bytes = 0
        self._lost_since: float | None = None
        self._wake = asyncio.Event()
        self._sent = asyncio.Event()
        """Set while nothing waits."""
        self._sent.set()
        self._nodes: dict[bytes, Node] = {}
        self._unreadable_since: float | None = None
        """What could not be read since then is not told as a gap yet."""
        self._unreadable_at = float("-inf")
        """When it was last told."""
        self._nonsense: set[str] = set()
        self._heard_at = time.monotonic()
        self.subscribed = asyncio.Event()
        """Set while envelopes reach us."""
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    # The broker contract.

    async def start(self) -> None:
        """Begin; waits a little for the subscription, so that nobody has to catch up at once."""
        self._heard_at = time.monotonic()
        self._tasks = tuple(asyncio.create_task(work) for work in (self._listen(), self._send()))
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self.subscribed.wait()
        except TimeoutError:
            log.warning("broker.not_there")

    async def run(self) -> None:
        """Until cancelled; ends with the error of what works inside, which is a bug."""
        # Cancelled or not, the work goes on until stop(): what was told last is to be sent.
        ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in ended:
            task.result()

    async def stop(self) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._sent.wait()
        except TimeoutError:
            log.warning("broker.not_all_sent")
        waiting = set(self._tasks)
        while waiting:
            # A cancellation that meets a failing connection may be lost in the library.
            for task in waiting:
                task.cancel()
            _, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
        await self._redis.aclose()

    def publish(self, envelope: Envelope) -> None:
        now = time.monotonic()
        try:
            data = envelope.encode()
        except Exception:
            log.exception("broker.cannot_encode")
            metrics.BROKER_DROPPED.labels("unreadable").inc()
            self._lose(now)
            return
        self._waiting.append((now, data))
        self._waiting_bytes += len(data)
        while len(self._waiting) > MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES:
            since, dropped = self._waiting.popleft()
            self._waiting_bytes -= len(dropped)
            self._lose(since)
            metrics.BROKER_DROPPED.labels("overflow").inc()
        self._sent.clear()
        self._wake.set()

    # Sending.

    def _lose(self, since: float) -> None:
        self._lost_since = since if self._lost_since is None else min(since, self._lost_since)

    async def _send(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_seconds):
                    await self._wake.wait()
            self._wake.clear()
            await self._send_next()
            while self._waiting or self._lost_since is not None:
                await self._send_next()
            self._sent.set()

    async def _send_next(self) -> None:
        """What waits, as one message; a heartbeat where nothing does."""
        envelopes = self._take()
        lost_since, self._lost_since = self._lost_since, None
        self._sequence += bool(envelopes)
        body = b"".join(LENGTH.pack(len(envelope)) + envelope for envelope in envelopes)
        pause = 0.05
        while True:
            lost = 0 if lost_since is None else math.ceil(time.monotonic() - lost_since) or 1
            try:
                await self._redis.publish(
                    self._channel, HEAD.pack(VERSION, self.node, self._sequence, lost, len(envelopes)) + body
                )
            except Exception as error:  # noqa: BLE001 - its parser raises this and that
                # The listener says in the log that Redis is away.
                await self._doubt(error)
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                metrics.BROKER_PUBLISHED.inc(len(envelopes))
                return

    def _take(self) -> list[bytes]:
        taken: list[bytes] = []
        size = 0
        while self._waiting and size < MESSAGE_BYTES and len(taken) < MOST_ENVELOPES:
            _, data = self._waiting.popleft()
            taken.append(data)
            size += len(data)
        self._waiting_bytes -= size
        return taken

    # Receiving.

    async def _listen(self) -> None:
        pause = 0.05
        while True:
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - its parser raises this and that
                await self._doubt(error)
                if self.subscribed.is_set():
                    log.warning("broker.lost", extra={"error": type(error).__name__})
                    pause = 0.05
                self.subscribed.clear()
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _doubt(self, error: Exception) -> None:
        """What is no loss of the connection is an answer that makes no sense: nothing more of it can be understood."""
        if isinstance(error, (RedisError, OSError)):
            return
        kind = type(error).__name__
        if kind not in self._nonsense:
            self._nonsense.add(kind)
            log.error("broker.nonsense", exc_info=error)
        with contextlib.suppress(Exception):
            await self._redis.connection_pool.disconnect()

    async def _follow(self) -> None:
        """Subscribe, and hear until the subscription is lost: then raises RedisError or OSError, or anything where an
        answer makes no sense.
        """
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(self._channel)
            began_at = time.monotonic()
            while True:
                heard: dict[str, Any] | None = await subscription.get_message(timeout=self._heartbeat_seconds / 5)
                now = time.monotonic()
                if heard is not None:
                    self._hear(heard, now)
                elif now - max(began_at, self._heard_at) > self._silent_seconds:
                    raise ConnectionResetError("not even our own heartbeat comes")
                self._tell_unreadable(now)
                for node, known in list(self._nodes.items()):
                    if now - known.heard_at > self._silent_seconds:
                        del self._nodes[node]
                        self._gap("silent", now - known.heard_at)

    def _hear(self, heard: dict[str, Any], now: float) -> None:
        if heard["type"] == "subscribe":
            # Also where the library has connected again by itself.
            self._nodes.clear()
            self.subscribed.set()
            self._gap("subscribed", now - self._heard_at)
            self._heard_at = now
            self._wake.set()
        elif heard["type"] == "message":
            before, self._heard_at = self._heard_at, now
            try:
                self._read(heard["data"], now)
            except (ValueError, TypeError, struct.error):
                # Of a daemon of another version, most likely.
                metrics.BROKER_DROPPED.labels("unreadable").inc()
                self._unreadable_since = before if self._unreadable_since is None else self._unreadable_since

    def _tell_unreadable(self, now: float) -> None:
        """Once for each heartbeat, however much of it comes."""
        if self._unreadable_since is not None and now >= self._unreadable_at + self._heartbeat_seconds:
            since, self._unreadable_since, self._unreadable_at = self._unreadable_since, None, now
            self._gap("unreadable", now - since)

    def _read(self, data: bytes, now: float) -> None:
        """Raises ValueError or struct.error where it cannot be read, or a part of it."""
        version, node, sequence, lost, count = HEAD.unpack_from(data)
        if version != VERSION:
            raise ValueError(f"a message of version {version}")
        if node == self.node:
            return
        known = self._nodes.setdefault(node, Node(sequence - bool(count), now))
        missed = sequence - known.sequence - bool(count)
        if missed > 0:
            self._gap("jump", now - known.heard_at)
        if lost:
            self._gap("lost", lost)
        known.heard_at = now
        if sequence <= known.sequence:
            return  # a heartbeat, or sent twice
        known.sequence = sequence
        at = HEAD.size
        for _ in range(count):
            (length,) = LENGTH.unpack_from(data, at)
            at += LENGTH.size + length
            self._give(Envelope.decode(data[at - length : at]))

    def _give(self, envelope: Envelope) -> None:
        metrics.BROKER_RECEIVED.inc()
        try:
            self._receive(envelope)
        except Exception:
            log.exception("broker.cannot_deliver")

    def _gap(self, reason: str, seconds: float) -> None:
        metrics.BROKER_GAPS.labels(reason).inc()
        log.info("broker.gap", extra={"reason": reason, "seconds": round(seconds, 1)})
        try:
            self._on_gap(seconds)
        except Exception:
            log.exception("broker.cannot_catch_up")
