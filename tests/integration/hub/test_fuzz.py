"""Whatever a client sends, the hub answers with an error frame or a close, and goes on serving the others."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from config import Settings
from config.settings import Auth, Http
from daemon.api import HttpServer, Tokens
from dispatchers.websocket import Hub, Notification, ReadMark, Summary

KINDS = ["hello", "ping", "mark_as_read", "mark_all_as_read", "get_unread_count", "welcome", "renew", ""]
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
objects = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | values}, optional={"token": values, "after": values, "id": values}
)
messages = st.one_of(objects.map(json.dumps), values.map(json.dumps), st.text(max_size=200), st.binary(max_size=200))
ANSWERS = {"error", "pong", "unread_count", "notification_update", "welcome"}


class EmptyInbox:
    """Nothing is in it, so whatever is asked for is not there."""

    async def summary(self, user_id: str) -> Summary:
        return Summary(0, 0)

    async def replay(self, user_id: str, after: int, limit: int) -> list[Notification]:
        return []

    async def mark_read(self, user_id: str, notification_id: int) -> ReadMark | None:
        return None

    async def mark_all_read(self, user_id: str) -> ReadMark:
        return ReadMark(0, datetime.now(UTC))


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """No application: only WebSockets come here."""


class Fuzzed:
    """A hub, and a loop that goes on from one example to the next."""

    def __init__(self) -> None:
        self.failures: list[dict[str, Any]] = []
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _, context: self.failures.append(context))
        parts = Settings(http=Http(port=0), auth=Auth.model_validate({"secret": "s" * 32}))
        limits = parts.hub.model_copy(update={"messages_per_second": 1000.0})
        self.tokens = Tokens(parts.auth)
        self.hub = Hub(limits, authenticate=self.tokens.verify, inbox=EmptyInbox())
        self.server = HttpServer(nothing, parts.http, websocket=self.hub.protocol_class())
        self.loop.run_until_complete(self.server.start())
        self.serving = self.loop.create_task(self.server.run())
        self.url = self.server.url.replace("http", "ws") + "/ws"

    def stop(self) -> None:
        self.loop.run_until_complete(self.server.stop())
        self.loop.run_until_complete(self.serving)
        self.loop.run_until_complete(self.hub.stop())
        self.loop.close()

    async def exchange(self, sent: list[str | bytes], *, welcome: bool) -> None:
        async with asyncio.timeout(20), connect(self.url, compression=None) as socket:
            try:
                if welcome:
                    await socket.send(json.dumps({"type": "hello", "token": self.tokens.mint("ann")}))
                    assert json.loads(await socket.recv())["type"] == "welcome"
                for message in sent:
                    await socket.send(message)
                    if isinstance(message, bytes):
                        await socket.wait_closed()
                        assert socket.close_code == 1003
                        return
                    assert json.loads(await socket.recv())["type"] in ANSWERS
            except ConnectionClosed:
                assert socket.close_code in (1003, 1007, 1008, 4401)


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Fuzzed]:
    fuzzed = Fuzzed()
    yield fuzzed
    fuzzed.stop()
    assert fuzzed.failures == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=st.lists(messages, min_size=1, max_size=12), welcome=st.booleans())
def test_every_message_is_answered_or_ends_the_connection(
    *, fuzzed: Fuzzed, sent: list[str | bytes], welcome: bool
) -> None:
    fuzzed.loop.run_until_complete(fuzzed.exchange(sent, welcome=welcome))
    assert fuzzed.failures == []
