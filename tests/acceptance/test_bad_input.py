"""Whatever is written and whatever providers do: no crash, no blocked queue, a row that says what happened."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from demo.ports import reserved
from tests.acceptance.conftest import App, Daemon, Providers, configured, running, until
from tests.acceptance.shops import INTEGERS, integer_settings

SHOP = INTEGERS


@pytest.fixture
async def daemon(app: App, providers: Providers, tmp_path: Path) -> AsyncIterator[Daemon]:
    (tmp_path / "messages").mkdir()
    (tmp_path / "messages" / "en.toml").write_text(
        '["order.preparing".customer]\ntitle = "{{ order.no_such_column }}"\nbody = "b"\n'
    )
    sections = integer_settings() | {"messages": {"directory": str(tmp_path / "messages")}}
    sections["watch"][0]["columns"].append("note")
    app.sql("ALTER TABLE logistics.shipment ADD note text")
    file, _ = configured(tmp_path, app.url, **sections, **providers.settings())
    async with running(file) as made:
        yield made


async def measured(daemon: Daemon, sample: str, **labels: str) -> float:
    """Waits for the first: a row can be seen before it is counted."""
    found = 0.0
    async with httpx.AsyncClient(timeout=30) as client, asyncio.timeout(40):
        while not found:
            text = (await client.get(daemon.metrics)).text
            found = sum(
                one.value
                for family in text_string_to_metric_families(text)
                for one in family.samples
                if one.name == sample and labels.items() <= one.labels.items()
            )
    return found


async def still_works(app: App, providers: Providers) -> None:
    """A good order after the bad one is told."""
    before = len(providers.smtp.mails)
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
    await until(lambda: len(providers.smtp.mails) > before)


async def test_an_order_without_a_customer(app: App, daemon: Daemon, providers: Providers) -> None:
    app.sql("INSERT INTO logistics.shipment (phase) VALUES (10)")
    await still_works(app, providers)
    assert app.sql("SELECT remarks FROM orderbell.event ORDER BY id")[0]["remarks"] == [
        "customer: nobody", "vendor: nobody",
    ]  # fmt: skip
    assert await measured(daemon, "orderbell_event_remarks_total") >= 1


async def test_an_unknown_status(app: App, daemon: Daemon, providers: Providers) -> None:
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (99, 1)")
    await still_works(app, providers)
    (first, *_) = app.sql("SELECT name, remarks FROM orderbell.event ORDER BY id")
    assert first == {"name": "order.value_99", "remarks": ["no rule is for order.value_99"]}
    assert await measured(daemon, "orderbell_events_total", event="other") == 1


async def test_a_recipient_without_an_address(app: App, daemon: Daemon, providers: Providers) -> None:
    app.sql("UPDATE logistics.account SET mail = NULL WHERE account_no = 1")
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
    await until(lambda: bool(app.sql("SELECT FROM orderbell.delivery_history")))
    (row,) = app.sql("SELECT state, reason FROM orderbell.delivery_history")
    assert row == {"state": "skipped", "reason": "no_address"}
    assert await measured(daemon, "orderbell_deliveries_total", channel="email", reason="no_address") == 1


async def test_a_bad_phone_number(app: App, daemon: Daemon, providers: Providers) -> None:
    app.sql("UPDATE logistics.account SET mobile = 'call me maybe' WHERE account_no = 1")
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (60, 1)")
    await until(lambda: bool(app.sql("SELECT FROM orderbell.delivery_history WHERE channel = 'sms'")))
    (row,) = app.sql("SELECT state, error FROM orderbell.delivery_history WHERE channel = 'sms'")
    assert row["state"] == "failed"
    assert row["error"]
    assert "call me" not in daemon.text, "no address in the log"
    assert await measured(daemon, "orderbell_deliveries_total", channel="sms", state="failed") == 1
    await still_works(app, providers)


async def test_a_template_that_fails(app: App, daemon: Daemon, providers: Providers) -> None:
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (30, 1)")
    await until(lambda: bool(app.sql("SELECT FROM orderbell.notification")))
    (row,) = app.sql("SELECT title, error FROM orderbell.message")
    assert row["title"] == "Order #1: preparing"
    assert "no_such_column" in row["error"]
    assert await measured(daemon, "orderbell_render_failures_total") == 1


async def test_a_payload_of_a_megabyte(app: App, daemon: Daemon, providers: Providers) -> None:
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by, note) VALUES (10, 1, repeat('x', 1048576))")
    await still_works(app, providers)
    await until(lambda: len(app.sql("SELECT FROM orderbell.notification WHERE audience = 'customer'")) == 2)


async def test_a_status_that_goes_backwards(app: App, daemon: Daemon, providers: Providers) -> None:
    """It is told as any other: whether it makes sense is the application's to know."""
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (70, 1)")
    await until(lambda: len(providers.smtp.mails) == 1)
    app.sql("UPDATE logistics.shipment SET phase = 20")
    await until(lambda: len(providers.smtp.mails) == 2)
    rows = app.sql(
        "SELECT e.name, n.audience, e.remarks FROM orderbell.event e JOIN orderbell.notification n ON n.event_id = e.id"
        " ORDER BY n.id"
    )
    assert rows == [
        {"name": name, "audience": "customer", "remarks": ["vendor: nobody", *others]}
        for name, others in (("order.delivered", ["driver: nobody"]), ("order.confirmed", []))
    ]
    assert await measured(daemon, "orderbell_events_total", event="order.delivered") == 1
    assert await measured(daemon, "orderbell_events_total", event="order.confirmed") == 1
    await until(lambda: app.sql("SELECT FROM orderbell.delivery") == [])


async def test_an_order_deleted_meanwhile(app: App, daemon: Daemon, providers: Providers) -> None:
    """What was committed is told, from what was captured: nothing is asked of the row, which is gone."""
    with psycopg.connect(app.url) as connection:  # one transaction: the planner sees both or neither
        connection.execute("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
        connection.execute("DELETE FROM logistics.shipment")
    await until(lambda: len(providers.smtp.mails) == 1)
    rows = app.sql(
        "SELECT e.name, e.key, n.audience, n.user_id FROM orderbell.event e"
        " JOIN orderbell.notification n ON n.event_id = e.id"
    )
    assert rows == [{"name": "order.created", "key": "1", "audience": "customer", "user_id": "1"}]
    await until(lambda: bool(app.sql("SELECT FROM orderbell.delivery_history")))
    assert app.sql("SELECT channel, state FROM orderbell.delivery_history") == [{"channel": "email", "state": "sent"}]
    assert await measured(daemon, "orderbell_changes_total", watch="shipments", outcome="event") == 1
    assert await measured(daemon, "orderbell_deliveries_total", channel="email", state="sent") == 1
    await still_works(app, providers)


async def test_an_unreachable_smtp_server_holds_mail_back_and_nothing_else(
    app: App, daemon: Daemon, providers: Providers
) -> None:
    await providers.smtp.stop()
    with reserved(providers.smtp.port):
        app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1), (60, 1)")
        await until(lambda: len(providers.twilio.texts) == 1)
        await until(lambda: bool(app.sql("SELECT FROM orderbell.delivery WHERE error IS NOT NULL")))
        await providers.smtp.start()
    await until(lambda: len(providers.smtp.mails) == 1)
    await until(lambda: app.sql("SELECT FROM orderbell.delivery") == [])
    assert await measured(daemon, "orderbell_delivery_attempts_total", channel="email", outcome="retry") >= 1


async def test_the_applications_tables_change_under_the_daemon(app: App, daemon: Daemon, providers: Providers) -> None:
    app.sql("ALTER TABLE logistics.account RENAME COLUMN mail TO e_mail")
    app.sql("INSERT INTO logistics.shipment (phase, ordered_by) VALUES (10, 1)")
    await until(lambda: bool(app.sql("SELECT FROM orderbell.change_failed")))
    (row,) = app.sql("SELECT error FROM orderbell.change_failed")
    assert "mail" in row["error"]
    assert await measured(daemon, "orderbell_changes_total", outcome="set_aside") == 1
    app.sql("ALTER TABLE logistics.account RENAME COLUMN e_mail TO mail")
    await still_works(app, providers)
