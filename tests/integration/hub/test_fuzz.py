"""Whatever a client sends, the hub answers with an error frame or a close, and goes on serving the others."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from config import Settings
from config.settings import Auth, Http
from daemon.api import HttpServer, Tokens
from dispatchers.websocket import Hub, Mark, Moment, Notification, Standing, Status, Summary
from dispatchers.websocket.commands import COMMANDS
from dispatchers.websocket.contract import Admission, AllMarked

INPUTS = 10_000
EXAMPLES, LEAST, MOST = 1_200, 9, 14
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOM = "order:1"

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
ids = st.integers(0, 6) | st.sampled_from([2**63 - 1, 2**63, 10**400]) | values
degrees = st.floats(-400, 400) | st.integers(-100, 100) | values
objects = st.fixed_dictionaries(
    {"type": st.sampled_from([*COMMANDS, "welcome", ""]) | st.sampled_from([*COMMANDS]) | values},
    optional={
        "token": values,
        "after": ids,
        "since": st.sampled_from(["1", "", "x"]) | values,
        "id": ids,
        "ids": st.lists(ids, max_size=5) | values,
        "room": st.sampled_from([ROOM, "order:2", "order:3"]) | values,
        "lat": degrees,
        "lng": degrees,
        "heading": degrees,
        "speed": degrees,
        "accuracy": degrees,
    },
)
located = st.builds(
    lambda lat, lng: {"type": "location", "room": ROOM, "lat": lat, "lng": lng},
    st.floats(-95, 95),
    st.floats(-185, 185),
)
marked = st.builds(
    lambda kind, some: {"type": kind, "ids": some},
    st.sampled_from(["mark_as_read", "mark_as_unread", "mark_as_seen", "archive", "unarchive", "delete"]),
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
)
visits = st.builds(
    lambda kind, room: {"type": kind, "room": room},
    st.sampled_from(["subscribe", "unsubscribe"]),
    st.sampled_from([ROOM, "order:2"]),
)
messages = st.one_of(
    objects.map(json.dumps),
    located.map(json.dumps),
    marked.map(json.dumps),
    visits.map(json.dumps),
    values.map(json.dumps),
    st.text(max_size=200),
)
ANSWERS = {
    "error", "pong", "unread_count", "notification_update", "notification_withdrawn", "welcome", "caught_up", "renewed",
    "reload", "subscribed", "unsubscribed", "location_update", "new_notification",
}  # fmt: skip


class LittleInbox:
    """Everybody has the notifications 1 to 5, and nothing that is done with them lasts."""

    async def summary(self, user_id: str) -> Summary:
        return Summary(5, 5, "1")

    async def replay(self, user_id: str, after: int, limit: int) -> list[Notification]:
        return []

    async def changes(self, user_id: str, since: str, up_to: int, limit: int) -> list[Standing] | None:
        return [Standing(1, NOW, NOW, None)] if since == "1" else None

    async def mark(self, user_id: str, ids: Sequence[int], mark: Mark) -> list[Standing]:
        return [Standing(number, NOW, NOW, None, gone=mark is Mark.DELETED) for number in ids if number < 6]

    async def mark_all(self, user_id: str, mark: Mark) -> AllMarked:
        return AllMarked(5, mark, NOW)

    async def moment(self) -> Moment:
        return Moment(5, "1")

    async def missed(self, people: Sequence[str], after: int, limit: int) -> list[tuple[str, Notification]]:
        return []

    async def missed_changes(self, people: Sequence[str], since: str, limit: int) -> list[tuple[str, Standing]]:
        return []


class TwoRooms:
    """Ann is in one, and may say where she is; Bob is in the other."""

    async def admit(self, room: str, people: Sequence[tuple[str, frozenset[str]]]) -> list[Admission | None]:
        found = Admission(Status(room, "order.ready", "ready", NOW), locates=True)
        return [found if (user, room) in {("ann", ROOM), ("bob", "order:2")} else None for user, _ in people]


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """No application: only WebSockets come here."""


class Fuzzed:
    """A hub, a loop that goes on from one example to the next, and Bob, who must never notice."""

    def __init__(self) -> None:
        self.failures: list[dict[str, Any]] = []
        self.inputs = 0
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _, context: self.failures.append(context))
        parts = Settings(http=Http(port=0), auth=Auth.model_validate({"secret": "s" * 32}))
        limits = parts.hub.model_copy(
            update={"messages_per_second": 100_000.0, "close_seconds": 0.0, "compression": True}
        )
        self.tokens = Tokens(parts.auth)
        self.hub = Hub(limits, authenticate=self.tokens.verify, inbox=LittleInbox(), rooms=TwoRooms())
        self.server = HttpServer(nothing, parts.http, websocket=self.hub.protocol_class())
        self.loop.run_until_complete(self.server.start())
        self.serving = self.loop.create_task(self.server.run())
        self.url = self.server.url.replace("http", "ws") + "/ws"
        self.bob = self.loop.run_until_complete(self.listen())

    def stop(self) -> None:
        self.loop.run_until_complete(self.bob.close())
        self.loop.run_until_complete(self.server.stop())
        self.loop.run_until_complete(self.serving)
        self.loop.run_until_complete(self.hub.stop())
        self.loop.close()

    async def listen(self) -> ClientConnection:
        bob = await connect(self.url)
        for message in (
            {"type": "hello", "token": self.tokens.mint("bob")},
            {"type": "subscribe", "room": "order:2"},
        ):
            await bob.send(json.dumps(message))
        while json.loads(await bob.recv())["type"] != "subscribed":
            pass
        return bob

    async def exchange(self, sent: list[str | bytes], *, welcome: bool) -> None:
        # No limit to the queue: with one, the library waits in vain for frames that nobody takes out.
        options: dict[str, Any] = {"compression": "deflate" if len(sent) % 2 else None, "max_queue": None}
        async with asyncio.timeout(60), connect(self.url, **options) as socket:
            try:
                if welcome:
                    await socket.send(json.dumps({"type": "hello", "token": self.tokens.mint("ann")}))
                    assert json.loads(await socket.recv())["type"] == "welcome"
                for message in sent:
                    self.inputs += 1
                    await socket.send(message)
                    if isinstance(message, bytes):
                        await socket.wait_closed()
                        # 1008: the message before was one fault too many, and the close frame was under way.
                        assert socket.close_code in (1003, 1008)
                        break
                    assert json.loads(await socket.recv())["type"] in ANSWERS
            except ConnectionClosed:
                assert socket.close_code in (1003, 1007, 1008, 4401)
        await self.bob.send('{"type": "ping"}')
        assert await self.bob.recv() == '{"type":"pong"}'


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Fuzzed]:
    fuzzed = Fuzzed()
    yield fuzzed
    fuzzed.stop()
    assert fuzzed.failures == []
    assert fuzzed.inputs >= INPUTS


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    sent=st.lists(messages, min_size=LEAST, max_size=MOST),
    last=st.none() | st.binary(max_size=200),
    welcome=st.sampled_from([True, True, True, False]),
)
def test_every_message_is_answered_or_ends_the_connection_and_nobody_else_notices(
    *, fuzzed: Fuzzed, sent: list[str | bytes], last: bytes | None, welcome: bool
) -> None:
    fuzzed.loop.run_until_complete(fuzzed.exchange(sent if last is None else [*sent, last], welcome=welcome))
    assert fuzzed.failures == []
