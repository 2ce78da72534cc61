"""Who sleeps is told in the morning, once; a vendor gets one mail for twenty orders; an offer goes when it is taken.

The night is one that has begun already: its hours are laid around now, in the place where the customer lives. It ends
when these hours are over, which the test brings about in place of waiting for them. That a night over the change of
clocks ends at 07:00 in Berlin is proven beside the plan (tests/unit/planning/test_nights.py).
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from config import Settings
from daemon.api.auth import Tokens
from tests.acceptance.conftest import App, Daemon, Providers, configured, running, until
from tests.acceptance.pages import frame, page

SHOP = """
CREATE TABLE people (id int PRIMARY KEY, name text, email text, time_zone text);
INSERT INTO people VALUES (1, 'Cora', 'cora@example.com', 'Asia/Kathmandu'), (2, 'Vic', 'vic@example.com', NULL),
    (3, 'Dee', 'dee@example.com', NULL), (4, 'Dan', 'dan@example.com', NULL);
CREATE TABLE orders (id int PRIMARY KEY, status text, customer_id int, vendor_id int, driver_id int);
"""
STATUSES = ("confirmed", "preparing", "ready", "picked_up", "delivered")
ORDERS = 20


def sections() -> dict[str, Any]:
    to_cora = [
        {"event": f"order.{what}", "audience": "customer", "channels": ["inbox", "webpush"]} for what in STATUSES
    ]
    return {
        "watch": [{"table": "orders", "columns": ["customer_id", "vendor_id", "driver_id"]}],
        "people": {"query": "SELECT id AS user_id, name, email, time_zone FROM people WHERE id = ANY(:ids)"},
        "audience": {
            "customer": {"column": "customer_id"},
            "vendor": {"column": "vendor_id"},
            "driver": {"column": "driver_id"},
            "available_drivers": {"query": "SELECT id FROM people WHERE id IN (3, 4)"},
        },
        "rule": [
            *to_cora,
            {
                "event": "order.placed",
                "audience": "vendor",
                "channels": ["inbox", "email"],
                "digest": {"every": "1h"},
            },
            {
                "event": "order.offered",
                "audience": "available_drivers",
                "channels": ["inbox", "webpush"],
                "withdraw_on": ["order.taken"],
            },
            {"event": "order.taken", "audience": "driver", "channels": ["inbox", "webpush"]},
        ],
        "preset": None,
    }


@pytest.fixture
def installed(app: App, providers: Providers, tmp_path: Path) -> tuple[Path, Settings]:
    return configured(tmp_path, app.url, **sections(), **providers.settings())


def set_status(app: App, status: str, *orders: int, driver: int | None = None) -> None:
    for number in orders:
        app.sql(
            "INSERT INTO orders VALUES (%s, %s, 1, 2, %s) ON CONFLICT (id) DO UPDATE"
            " SET status = excluded.status, driver_id = excluded.driver_id",
            number,
            status,
            driver,
        )


def hours(app: App, begin: timedelta, end: timedelta) -> datetime:
    """Cora's quiet hours, from and to now and so much, on the clock on her wall; returns when they end."""
    now = datetime.now(UTC).astimezone(ZoneInfo("Asia/Kathmandu")).replace(second=0, microsecond=0)
    window = [{"start": f"{now + begin:%H:%M}", "end": f"{now + end:%H:%M}"}]
    app.sql(
        "INSERT INTO orderbell.person (user_id, quiet) VALUES ('1', %s)"
        " ON CONFLICT (user_id) DO UPDATE SET quiet = excluded.quiet",
        json.dumps(window),
    )
    return now + end


def asleep(app: App) -> datetime:
    """Her night has begun; returns when it will end."""
    return hours(app, timedelta(hours=-2), timedelta(hours=7))


def morning(app: App) -> None:
    """Her night is over: its hours are, and the time has come that everything waits for."""
    hours(app, timedelta(hours=-9), timedelta(minutes=-1))
    app.sql("UPDATE orderbell.delivery SET due_at = now() WHERE hold = 'quiet'")


@asynccontextmanager
async def subscribed(
    daemon: Daemon, settings: Settings, providers: Providers, user: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Their browser, which wants pushes."""
    headers = {"Authorization": f"Bearer {Tokens(settings.auth).mint(user)}"}
    async with httpx.AsyncClient(base_url=daemon.http, headers=headers, timeout=30) as client:
        made = await client.post("/api/push-subscriptions", json=providers.push.subscribe(user))
        assert made.is_success, made.text
        yield client


def skipped(app: App) -> list[str]:
    rows = app.sql("SELECT reason FROM orderbell.delivery_history WHERE state = 'skipped' ORDER BY id")
    return [row["reason"] for row in rows]


async def test_who_slept_through_five_statuses_wakes_up_to_one_push_and_a_whole_inbox(
    app: App, providers: Providers, installed: tuple[Path, Settings]
) -> None:
    file, settings = installed
    async with running(file) as daemon:
        async with subscribed(daemon, settings, providers, "1"):
            wakes_at = asleep(app)
            for status in STATUSES[:3]:
                set_status(app, status, 1)
            await until(lambda: not app.sql("SELECT FROM orderbell.change"))
        daemon.process.kill()
        await daemon.process.wait()
    async with running(file) as daemon:
        for status in STATUSES[3:]:
            set_status(app, status, 1)
        await until(lambda: skipped(app) == ["superseded"] * 4)
        assert app.sql("SELECT due_at FROM orderbell.delivery") == [{"due_at": wakes_at}]
        assert providers.push.pushes == []

        morning(app)
        await until(lambda: not app.sql("SELECT FROM orderbell.delivery"))
        headers = {"Authorization": f"Bearer {Tokens(settings.auth).mint('1')}"}
        async with httpx.AsyncClient(base_url=daemon.http, headers=headers, timeout=30) as browser:
            inbox = (await browser.get("/api/notifications")).json()["items"]
    assert [push.payload["event"] for push in providers.push.pushes] == ["order.delivered"]
    assert [one["event"] for one in inbox] == [f"order.{status}" for status in reversed(STATUSES)]


async def test_who_slept_through_three_orders_wakes_up_to_one_push_about_all(
    app: App, providers: Providers, installed: tuple[Path, Settings]
) -> None:
    file, settings = installed
    async with running(file) as daemon, subscribed(daemon, settings, providers, "1"):
        asleep(app)
        set_status(app, "ready", 1, 2, 3)
        await until(lambda: len(app.sql("SELECT FROM orderbell.delivery WHERE hold = 'quiet'")) == 3)
        morning(app)
        await until(lambda: not app.sql("SELECT FROM orderbell.delivery"))
    (push,) = providers.push.pushes
    assert all(f"#{number}" in str(push.payload["body"]) for number in (1, 2, 3))
    assert skipped(app) == ["digested"] * 2


async def test_a_vendor_gets_one_mail_for_twenty_orders_also_when_the_daemon_dies_meanwhile(
    app: App, providers: Providers, installed: tuple[Path, Settings]
) -> None:
    file, _ = installed
    async with running(file) as daemon:
        set_status(app, "placed", *range(1, ORDERS // 2))
        await until(lambda: len(app.sql("SELECT FROM orderbell.delivery")) == ORDERS // 2 - 1)
        daemon.process.kill()
        await daemon.process.wait()
    async with running(file):
        set_status(app, "placed", *range(ORDERS // 2, ORDERS + 1))
        await until(lambda: len(app.sql("SELECT FROM orderbell.delivery")) == ORDERS)
        app.sql("UPDATE orderbell.delivery SET due_at = now()")
        await until(lambda: not app.sql("SELECT FROM orderbell.delivery") and len(skipped(app)) == ORDERS - 1)
    (mail,) = providers.smtp.mails
    entries = re.findall(r"^- .*#(\d+)", mail.text, re.MULTILINE)
    assert entries == [str(number) for number in range(1, ORDERS + 1)], mail.text


async def test_an_offer_goes_from_every_screen_when_somebody_has_taken_it(
    app: App, providers: Providers, installed: tuple[Path, Settings]
) -> None:
    file, settings = installed
    async with (
        running(file) as daemon,
        subscribed(daemon, settings, providers, "3"),
        subscribed(daemon, settings, providers, "4") as dan,
        await page(daemon, settings, "4") as bell,
    ):
        set_status(app, "offered", 1)
        await until(lambda: len(providers.push.pushes) == 2 and not app.sql("SELECT FROM orderbell.delivery"))
        set_status(app, "taken", 1, driver=3)
        offer, withdrawal = [await frame(bell) for _ in range(2)]
        await until(lambda: len(providers.push.pushes) == 4 and not app.sql("SELECT FROM orderbell.delivery"))
        inbox = (await dan.get("/api/notifications")).json()["items"]
    assert (offer["type"], offer["notification"]["event"]) == ("new_notification", "order.offered")
    assert withdrawal == {"type": "notification_withdrawn", "id": offer["id"], "unread": True}
    assert inbox == []
    assert [push.payload.get("withdrawn") for push in providers.push.shown("4")] == [True]
    assert [push.payload["event"] for push in providers.push.shown("3")] == ["order.taken"], "not overwritten"
