"""The main job, from the outside: an order changes in PostgreSQL and everyone who should know is told."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from daemon.api.auth import Tokens
from tests.acceptance.conftest import App, Daemon, Providers, configured, running, until
from tests.acceptance.shops import INTEGER_CODES, INTEGERS, UUIDS, integer_settings, uuid_settings


def told(app: App) -> dict[str, int]:
    rows = app.sql("SELECT audience, count(*) FROM orderbell.notification GROUP BY audience")
    return {row["audience"]: row["count"] for row in rows}


def unfinished(app: App) -> int:
    (row,) = app.sql(
        "SELECT (SELECT count(*) FROM orderbell.change) + (SELECT count(*) FROM orderbell.delivery) AS left_over"
    )
    return int(row["left_over"])


EVERYONE = {"customer": 7, "vendor": 7, "driver": 2, "available_drivers": 2}


async def test_integer_keys_and_integer_codes(any_empty_database: str, providers: Providers, tmp_path: Path) -> None:
    app = App(any_empty_database)
    app.sql(INTEGERS)
    file, settings = configured(tmp_path, app.url, **integer_settings(), **providers.settings())
    async with running(file) as daemon:
        token = Tokens(settings.auth).mint("1")
        subscription = providers.push.subscribe("1")
        async with httpx.AsyncClient(
            base_url=daemon.http, headers={"Authorization": f"Bearer {token}"}, timeout=30
        ) as client:
            made = await client.post("/api/push-subscriptions", json=subscription)
            assert made.is_success, made.text
            async with connect(f"{daemon.http.replace('http', 'ws')}/ws") as browser:
                await browser.send(json.dumps({"type": "hello", "token": token}))
                assert json.loads(await browser.recv())["type"] == "welcome"
                app.sql("INSERT INTO logistics.shipment (phase, ordered_by, cooked_by) VALUES (10, 1, 2)")
                for code in list(INTEGER_CODES)[1:]:
                    driver = ", carried_by = 3" if code == "50" else ""
                    await until(lambda: unfinished(app) == 0)
                    app.sql(f"UPDATE logistics.shipment SET phase = {code}{driver}")
                live = [await frame(browser) for _ in range(7)]
                await until(lambda: told(app) == EVERYONE and unfinished(app) == 0)
            inbox = (await client.get("/api/notifications")).json()
        assert await daemon.stop() == 0

    events = ["order.created", *(f"order.{INTEGER_CODES[str(code)]}" for code in range(20, 80, 10))]
    assert [one["event"] for one in live] == events
    assert [one["event"] for one in inbox["items"]] == events[::-1]
    assert live[0]["url"] == "https://shop.example/shipments/1"

    mails = Counter((mail.to, mail.event) for mail in providers.smtp.mails)
    assert set(mails.values()) == {1}
    assert {event for (to, event) in mails if to == ("cora@example.com",)} == {
        "order.created", "order.confirmed", "order.delivered",
    }  # fmt: skip
    assert [push.payload["event"] for push in providers.push.pushes] == events[1:]
    assert sorted((text.to, text.body) for text in providers.twilio.texts) == [
        ("+447700900001", "Order #1 is on the way with Dee."),
        ("+447700900003", "Order #1 is available for pickup at Vic's Kitchen."),
        ("+447700900004", "Order #1 is available for pickup at Vic's Kitchen."),
    ]
    assert [line for line in daemon.log if line["level"] in {"error", "critical"}] == []
    app.close()


async def frame(browser: Any) -> dict[str, Any]:
    """The next notification that the browser is shown."""
    while True:
        received = json.loads(await browser.recv())
        if received["type"] == "new_notification":
            return dict(received["notification"])


async def test_uuid_keys_quoted_names_and_an_enum(
    any_empty_database: str, providers: Providers, tmp_path: Path
) -> None:
    app = App(any_empty_database)
    app.sql(UUIDS)
    file, _ = configured(tmp_path, app.url, **uuid_settings(), **providers.settings())
    async with running(file):
        app.sql("""INSERT INTO "Order" ("orderNumber", status, "customerId", "merchantId")
                   SELECT 'W-17', 'Pending', c.id, m.id FROM "Customer" c, "Merchant" m""")
        for status in ("Confirmed", "Preparing", "Ready", "PickedUp", "InTransit", "Delivered"):
            driver = """, "riderId" = (SELECT id FROM "Rider" LIMIT 1)""" if status == "PickedUp" else ""
            await until(lambda: unfinished(app) == 0)
            app.sql(f"""UPDATE "Order" SET status = '{status}'{driver}""")
        await until(lambda: told(app) == EVERYONE and unfinished(app) == 0)
    subjects = [mail.subject for mail in providers.smtp.mails if mail.to == ("cora@example.com",)]
    assert sorted(subjects) == [
        "Order W-17 has been delivered",
        "Order W-17 is confirmed",
        "We have your order W-17",
    ]
    app.close()


async def test_what_was_written_while_the_daemon_was_down_is_told_when_it_comes(
    empty_database: str, providers: Providers, tmp_path: Path
) -> None:
    app = App(empty_database)
    app.sql(INTEGERS)
    file, _ = configured(tmp_path, app.url, **integer_settings(), **providers.settings())
    app.sql(
        "INSERT INTO logistics.shipment (phase, ordered_by, cooked_by) SELECT 10, 1, 2 FROM generate_series(1, 700)"
    )
    async with running(file):
        await until(lambda: told(app) == {"customer": 700, "vendor": 700} and unfinished(app) == 0, 90)
    assert len(providers.smtp.mails) == 1400
    assert len({mail.message_id for mail in providers.smtp.mails}) == 1400
    app.close()


async def test_a_daemon_that_is_killed_loses_nothing(empty_database: str, providers: Providers, tmp_path: Path) -> None:
    app = App(empty_database)
    app.sql(INTEGERS)
    sections = integer_settings() | {"delivery": {"poll_seconds": 0.1, "lease_seconds": 1}}
    file, _ = configured(tmp_path, app.url, **sections, **providers.settings())
    in_flight = 0
    for kill in range(3):
        async with running(file) as daemon:
            app.sql("INSERT INTO logistics.shipment (phase, ordered_by) SELECT 10, 1 FROM generate_series(1, 100)")
            await until(lambda kill=kill: len(providers.smtp.mails) >= kill * 100 + 10)  # type: ignore[misc]
            daemon.process.kill()
            await daemon.process.wait()
        in_flight += app.sql("SELECT count(*) AS n FROM orderbell.delivery WHERE state = 'sending'")[0]["n"]
    async with running(file):
        await until(lambda: told(app) == {"customer": 300} and unfinished(app) == 0)
    sent = {mail.notification_id for mail in providers.smtp.mails}
    assert len(sent) == 300, "nothing is missing"
    assert len(providers.smtp.mails) <= 300 + in_flight, "no more doubled than were in flight at the kills"
    app.close()


async def test_a_second_daemon_stands_by_and_takes_over(
    empty_database: str, providers: Providers, tmp_path: Path
) -> None:
    app = App(empty_database)
    app.sql(INTEGERS)
    file, _ = configured(tmp_path, app.url, **integer_settings(), **providers.settings())
    async with running(file) as first, running(file) as second:
        assert second.logged("planner.standby")
        await first.stop()
        app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
        await until(lambda: told(app) == {"customer": 1} and unfinished(app) == 0)
        assert second.logged("planner.active")
    assert len(providers.smtp.mails) == 1
    app.close()


def problems(daemon: Daemon) -> list[dict[str, Any]]:
    return [line for line in daemon.log if line["level"] in {"warning", "error", "critical"}]
