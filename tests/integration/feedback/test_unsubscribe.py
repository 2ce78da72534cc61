"""Unsubscribe links, followed and posted to over real HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any

import httpx
import psycopg
import pytest

from config.channels import Email
from config.names import Category
from daemon.clock import DatabaseClock
from daemon.connections import Connections
from daemon.delivery.leases import Leases
from demo.sinks.smtp import SmtpSink
from dispatchers.base import Delivery, Sent
from dispatchers.email import EmailDispatcher
from dispatchers.email.message import Composer
from dispatchers.email.unsubscribe import Links
from schema.install import install
from tests.deliveries import delivery
from tests.integration.feedback.conftest import SECRET, Rows, Serve
from tests.integration.store.conftest import SHOP, Bench, NoRoom, settings_for

PUBLIC = "https://notify.shop.example"
EMAIL = {"sender": "Bella Shop <hello@shop.example>", "provider": [{"host": "127.0.0.1"}]}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}

Make = Callable[..., str]


def mail_of(**changes: Any) -> Delivery:
    return delivery(**({"channel": "email", "address": "zoe@example.com", "user_id": "u1"} | changes))


def link_in(content: bytes) -> str:
    """As a mail program finds it: in the header."""
    header = str(message_from_bytes(content)["List-Unsubscribe"])
    return header.strip("<>").removeprefix(PUBLIC)


@pytest.fixture
async def client(serve: Serve) -> httpx.AsyncClient:
    return (await serve(http={"public_url": PUBLIC}, email=EMAIL)).client


@pytest.fixture
def link() -> Make:
    composer = Composer(Email(sender="hello@shop.example"), public_url=PUBLIC, secret=SECRET)

    def link(**changes: Any) -> str:
        return link_in(composer.compose(mail_of(**changes), datetime.now(UTC)).content)

    return link


@pytest.fixture
async def sink() -> AsyncIterator[SmtpSink]:
    sink = SmtpSink()
    await sink.start()
    yield sink
    await sink.stop()


def choices(rows: Rows) -> list[tuple[Any, ...]]:
    found = rows("SELECT user_id, category, channel, enabled FROM orderbell.preference ORDER BY category")
    return [tuple(row.values()) for row in found]


def closed(rows: Rows) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows("SELECT channel, address, reason FROM orderbell.suppression")]


async def test_one_click_in_a_mail_that_was_sent_ends_its_category(
    client: httpx.AsyncClient, sink: SmtpSink, rows: Rows
) -> None:
    provider = {"host": "127.0.0.1", "port": sink.port, "security": "none"}
    settings = Email.model_validate({"sender": "hello@shop.example", "provider": [provider]})
    dispatcher = EmailDispatcher(settings, public_url=PUBLIC, secret=SECRET)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(dispatcher.stop)
        (outcome,) = await dispatcher.send([mail_of()])
    assert isinstance(outcome, Sent)

    answer = await client.post(link_in(sink.mails[0].raw), data=ONE_CLICK)
    assert answer.status_code == 200
    assert choices(rows) == [("u1", "order", "email", False)]
    assert closed(rows) == []


async def test_one_click_may_come_in_parts(client: httpx.AsyncClient, link: Make, rows: Rows) -> None:
    answer = await client.post(link(), files={"List-Unsubscribe": (None, "One-Click")})
    assert answer.status_code == 200
    assert choices(rows) == [("u1", "order", "email", False)]


async def test_to_post_again_is_harmless(client: httpx.AsyncClient, link: Make, rows: Rows) -> None:
    for _ in range(3):
        assert (await client.post(link(), data=ONE_CLICK)).status_code == 200
        assert (await client.post(link(), data={"choice": "all"})).status_code == 200
    assert choices(rows) == [("u1", "order", "email", False)]
    assert closed(rows) == [("email", "zoe@example.com", "unsubscribe")]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_to_look_changes_nothing(client: httpx.AsyncClient, link: Make, rows: Rows, method: str) -> None:
    answer = await client.request(method, link())
    assert answer.status_code == 200
    assert choices(rows) == closed(rows) == []


async def test_the_page_says_what_about_whom_and_how(client: httpx.AsyncClient, link: Make) -> None:
    page = (await client.get(link(category=Category.PROMOTION))).text
    assert "z…@example.com" in page
    assert "zoe@" not in page
    assert "offers" in page
    assert "Bella Shop" in page
    assert page.count('<form method="post">') == 2
    assert '<html lang="en">' in page


async def test_the_page_may_run_and_load_nothing(client: httpx.AsyncClient, link: Make) -> None:
    answer = await client.get(link())
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert "<script" not in answer.text


async def test_the_buttons_do_what_they_say(client: httpx.AsyncClient, link: Make, rows: Rows) -> None:
    answer = await client.post(link(address="Zoe@Example.com"), data={"choice": "all"})
    assert "gets no more" in answer.text
    assert choices(rows) == []
    assert closed(rows) == [("email", "zoe@example.com", "unsubscribe")]

    answer = await client.post(link(), data={"choice": "category"})
    assert answer.status_code == 200
    assert choices(rows) == [("u1", "order", "email", False)]

    answer = await client.post(link(), data={"choice": "undo"})
    assert "again" in answer.text
    assert choices(rows) == [("u1", "order", "email", True)]
    assert closed(rows) == []


async def test_undo_does_not_open_an_address_that_bounced(client: httpx.AsyncClient, link: Make, rows: Rows) -> None:
    rows("INSERT INTO orderbell.suppression VALUES ('email', 'zoe@example.com', 'bounce')")
    await client.post(link(), data={"choice": "undo"})
    assert closed(rows) == [("email", "zoe@example.com", "bounce")]


@pytest.mark.parametrize("data", [{}, {"choice": "everything"}, {"List-Unsubscribe": "Two-Clicks"}])
async def test_a_form_that_asks_for_nothing_changes_nothing(
    client: httpx.AsyncClient, link: Make, rows: Rows, data: dict[str, str]
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post(link(), data=data, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/html")
    assert choices(rows) == closed(rows) == []


async def test_a_body_that_is_no_form_is_refused(client: httpx.AsyncClient, link: Make) -> None:
    assert (await client.post(link(), json=ONE_CLICK)).status_code == 415
    answer = await client.post(link(), content=b"x", headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 422


@pytest.mark.parametrize("token", ["", "x", "a/b", "AUtGLaV5WWfv30BNa1NphwhvcmRlcgAxAHpvZUBleGFtcGxlLmNvbQ", "é" * 500])
async def test_a_link_that_is_not_ours_leads_to_a_page_that_says_so(
    client: httpx.AsyncClient, rows: Rows, token: str
) -> None:
    for answer in (
        await client.get(f"/unsubscribe/{token}"),
        await client.post(f"/unsubscribe/{token}", data=ONE_CLICK),
    ):
        assert answer.status_code == 404
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "This link does not work" in answer.text
    assert choices(rows) == []


async def test_without_a_public_url_no_link_is_one(serve: Serve, link: Make) -> None:
    client = (await serve(email=EMAIL)).client
    assert (await client.get(link())).status_code == 404


async def test_while_the_database_is_away_the_page_says_so(client: httpx.AsyncClient, link: Make, rows: Rows) -> None:
    rows("CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE read_only_sql_transaction; END $$")
    rows("CREATE TRIGGER away BEFORE INSERT ON orderbell.preference FOR EACH ROW EXECUTE FUNCTION away()")
    answer = await client.post(link(), data=ONE_CLICK)
    assert answer.status_code == 503
    assert "Nothing has changed yet" in answer.text
    assert answer.headers["Retry-After"] == "60"
    assert (await client.get(link())).status_code == 200


async def test_the_next_mail_of_that_category_is_skipped_and_one_of_another_goes(
    serve: Serve, empty_database: str, link: Make
) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute(SHOP)
    settings = settings_for(empty_database)
    install(settings)
    client = (await serve(database={"url": empty_database}, http={"public_url": PUBLIC}, email=EMAIL)).client
    await client.post(link(user_id="1", address="cora@example.com", category=Category.ORDER), data=ONE_CLICK)

    bench = Bench(empty_database, settings, NoRoom())
    bench.sql("INSERT INTO orders (status, customer_id) VALUES ('pending', 1)")
    bench.sql("UPDATE orders SET status = 'delivered'")
    await bench.until_asleep()

    planned = bench.rows(
        "SELECT n.event, n.category, h.state, h.reason FROM orderbell.delivery_history h"
        " JOIN orderbell.notification n ON n.id = h.notification_id WHERE h.channel = 'email'"
        " UNION ALL SELECT n.event, n.category, d.state, NULL FROM orderbell.delivery d"
        " JOIN orderbell.notification n ON n.id = d.notification_id WHERE d.channel = 'email'"
    )
    bench.close()
    assert [tuple(row.values()) for row in planned] == [
        ("order.created", "order", "skipped", "preference"),
        ("order.delivered", "delivery", "pending", None),
    ]


@pytest.mark.parametrize("room", [0, 10], ids=["claimed", "born leased"])
async def test_a_mail_of_a_critical_rule_has_no_link(empty_database: str, room: int) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute(SHOP)
    rule = {"event": "order.created", "audience": "customer", "channels": ["email"], "critical": True}
    settings = settings_for(empty_database, rule=[rule])
    install(settings)
    bench = Bench(empty_database, settings, NoRoom(room))
    bench.sql("INSERT INTO orders (status, customer_id) VALUES ('pending', 1)")
    await bench.until_asleep()
    bench.close()
    async with Connections(settings.database).queue() as pool:
        claimed, _ = await Leases(pool, settings.delivery, "one", DatabaseClock()).claim("email", 10)

    (mail,) = bench.room.accepted + claimed
    assert mail.critical
    assert Links(PUBLIC, SECRET).of(mail) is None
