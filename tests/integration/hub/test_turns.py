"""What waits at the database keeps nobody else from it; and while it is away, the log stays short."""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from daemon.api.database import LIMITS
from dispatchers.websocket import Rooms, Status

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Build, Doors, House


Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits at the database waits for as long as the test lets it: nobody comes in because it has given up."""
    monkeypatch.setattr("dispatchers.websocket.turns.QUERY_SECONDS", 3600.0)
    for name in LIMITS:
        monkeypatch.setitem(LIMITS, name, "0")


@pytest.mark.usefixtures("endless")
async def test_marks_that_wait_for_a_lock_keep_nobody_from_coming_in(build: "Build", until: Until) -> None:
    house = await build(messages_per_second=1000, queries=4)
    people = list("abcde")
    for user_id in people:
        await house.tell(user_id)
    clients = [await house.come(user_id) for user_id in people]
    async with await psycopg.AsyncConnection.connect(house.database.info.dsn) as other:
        await other.execute("UPDATE orderbell.notification SET withdrawn_at = now()")
        for number, client in enumerate(clients, start=1):
            await client.send(type="mark_as_read", id=number)
        await until(house.hub.turns._marks.locked)
        await house.come("zoe")
        await other.rollback()


@pytest.mark.usefixtures("endless")
async def test_admissions_that_take_their_time_keep_nobody_from_coming_in(
    build: "Build", doors: "Doors", until: Until
) -> None:
    rooms: Rooms = doors
    house = await build(messages_per_second=1000, queries=4, rooms=rooms)
    doors.gate.clear()
    for number in range(6):
        await (await house.come(f"x{number}")).send(type="subscribe", room=f"order:{number}")
    await until(lambda: doors.asked == 1)
    await house.come("zoe")
    assert doors.asked == 1
    doors.gate.set()


async def test_a_database_that_is_away_is_one_line_for_each_kind_of_command(
    house: "House", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    error: Exception = ConnectionError("gone")

    async def away(*_: Any) -> Status:
        raise error

    client = await house.come("ann")
    for name in ("summary", "mark", "mark_all"):
        monkeypatch.setattr(house.inbox, name, away)
    monkeypatch.setattr("dispatchers.websocket.troubles.AGAIN_SECONDS", 3600.0)
    caplog.set_level(logging.INFO, "dispatchers.websocket")
    for _ in range(15):
        for command in ({"type": "get_unread_count"}, {"type": "mark_all_as_read"}, {"type": "mark_as_read", "id": 1}):
            await client.send(**command)
            assert (await client.frame())["code"] == "unavailable"
    assert len(caplog.records) == 3
    assert not any(record.exc_info for record in caplog.records)
    assert await client.is_quiet(), "nobody is put out for it"
    error = KeyError("a bug")
    await client.send(type="get_unread_count")
    await client.frame()
    assert caplog.records[-1].exc_info
