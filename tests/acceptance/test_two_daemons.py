"""Two daemons with a real Redis between them: wherever a page is connected, it is shown everything, once, in order."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from config import Settings
from daemon.api.auth import Tokens
from tests.acceptance.conftest import App, Daemon, configured, running, until
from tests.acceptance.pages import frame, of_type, page
from tests.redis import RedisServer, redis_server

SHOP = """
CREATE TABLE people (id int PRIMARY KEY, name text);
INSERT INTO people VALUES (1, 'Cora'), (2, 'Vic'), (3, 'Dee');
CREATE TABLE orders (id int PRIMARY KEY, status text, customer_id int, driver_id int);
INSERT INTO orders VALUES (1, 'new', 1, 3);
"""

SECTIONS: dict[str, Any] = {
    "preset": None,
    "watch": [{"table": "orders", "columns": ["customer_id", "driver_id"]}],
    "people": {"query": "SELECT id AS user_id, name FROM people WHERE id = ANY(:ids)"},
    "audience": {"customer": {"column": "customer_id"}, "driver": {"column": "driver_id"}},
    "rule": [{"event": "order.moved", "audience": "customer"}],
}


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as made:
        yield made


@pytest.fixture
def installed(app: App, redis: RedisServer, tmp_path: Path) -> tuple[Path, Settings]:
    return configured(tmp_path, app.url, hub={"broker_url": redis.url}, **SECTIONS)


@pytest.fixture
async def daemons(installed: tuple[Path, Settings]) -> AsyncIterator[tuple[Daemon, Daemon]]:
    """The one that plans, and the one that stands by."""
    file, _ = installed
    async with running(file) as active, running(file) as standby:
        await until(lambda: bool(active.logged("planner.active")) and bool(standby.logged("planner.standby")))
        yield active, standby


Open = Callable[[Daemon, str], Awaitable[ClientConnection]]


@pytest.fixture
async def opened(installed: tuple[Path, Settings], daemons: tuple[Daemon, Daemon]) -> AsyncIterator[Open]:
    """Opens somebody's page at a daemon; at the end it is closed, and only then the daemons stop."""
    async with AsyncExitStack() as stack:

        async def open_page(daemon: Daemon, user: str) -> ClientConnection:
            return await stack.enter_async_context(await page(daemon, installed[1], user))

        yield open_page


def move(app: App, order: int) -> None:
    app.sql("INSERT INTO orders VALUES (%s, 'moved', 1, 3)", order)


async def test_a_person_at_one_daemon_is_shown_what_the_other_planned(
    app: App, opened: Open, daemons: tuple[Daemon, Daemon]
) -> None:
    screens = [await opened(daemon, "1") for daemon in daemons]
    stranger = await opened(daemons[1], "2")
    for order in range(10, 20):
        move(app, order)
    shown = [await of_type(screen, "new_notification", 10) for screen in screens]
    assert [each["notification"]["subject"] for each in shown[0]] == [f"order:{n}" for n in range(10, 20)]
    assert shown[1] == shown[0]
    with pytest.raises(TimeoutError):
        await frame(stranger, seconds=0.5)


async def test_what_is_read_at_one_daemon_clears_the_badge_at_the_other(
    app: App, installed: tuple[Path, Settings], opened: Open, daemons: tuple[Daemon, Daemon]
) -> None:
    screen = await opened(daemons[1], "1")
    move(app, 10)
    (new,) = await of_type(screen, "new_notification")
    headers = {"Authorization": f"Bearer {Tokens(installed[1].auth).mint('1')}"}
    async with httpx.AsyncClient(base_url=daemons[0].http, headers=headers, timeout=30) as client:
        assert (await client.post(f"/api/notifications/{new['id']}/read")).is_success
    (update,) = await of_type(screen, "notification_update")
    assert update["id"] == new["id"]
    assert update["read_at"] is not None
    (count,) = await of_type(screen, "unread_count")
    assert count["unread_count"] == 0


async def test_a_room_is_the_same_at_both(app: App, opened: Open, daemons: tuple[Daemon, Daemon]) -> None:
    customer = await opened(daemons[1], "1")
    driver = await opened(daemons[0], "3")
    for each in (customer, driver):
        await each.send(json.dumps({"type": "subscribe", "room": "order:1"}))
        assert (await of_type(each, "subscribed"))[0]["status"]["status"] == "new"
    await driver.send(json.dumps({"type": "location", "room": "order:1", "lat": 52.5, "lng": 13.4}))
    (seen,) = await of_type(customer, "location_update")
    assert (seen["room"], seen["lat"], seen["lng"]) == ("order:1", 52.5, 13.4)
    app.sql("UPDATE orders SET status = 'moved' WHERE id = 1")
    (status,) = await of_type(customer, "order_status_update")
    assert (status["event"], status["status"]) == ("order.moved", "moved")


async def test_what_was_missed_while_redis_was_dead_comes_when_it_is_back(
    app: App, redis: RedisServer, opened: Open, daemons: tuple[Daemon, Daemon]
) -> None:
    here, there = [await opened(daemon, "1") for daemon in daemons]
    move(app, 10)
    assert (await of_type(there, "new_notification"))[0]["notification"]["subject"] == "order:10"
    await redis.kill()
    for order in range(11, 31):
        move(app, order)
    assert len(await of_type(here, "new_notification", 21)) == 21, "its own daemon needs no Redis"
    await redis.start()
    move(app, 31)
    shown = await of_type(there, "new_notification", 21)
    assert [each["notification"]["subject"] for each in shown] == [f"order:{n}" for n in range(11, 32)]


async def test_who_is_online_at_one_daemon_is_known_to_the_other(
    app: App, opened: Open, daemons: tuple[Daemon, Daemon]
) -> None:
    screen = await opened(daemons[1], "1")
    await until(lambda: app.sql("SELECT user_id FROM orderbell.online") == [{"user_id": "1"}])
    await until(lambda: len(app.sql("SELECT 1 AS one FROM orderbell.node")) == 2)
    await screen.close()
    await until(lambda: not app.sql("SELECT user_id FROM orderbell.online"))
