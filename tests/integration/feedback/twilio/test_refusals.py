"""Whatever else is posted to these routes."""

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest
from prometheus_client import REGISTRY
from psycopg.sql import SQL, Identifier

from daemon import metrics
from dispatchers.sms.callbacks import status_callback
from dispatchers.sms.keywords import Asked
from dispatchers.sms.signature import Refusal
from tests.integration.feedback.twilio.conftest import ACCOUNT, PUBLIC, TOKEN, Account, sms

if TYPE_CHECKING:
    from tests.integration.feedback.conftest import Rows, SentDelivery, Serve

NUMBER = "+12025550123"
GOOD = {"AccountSid": ACCOUNT, "MessageSid": "SM1", "MessageStatus": "delivered"}
BOTH = pytest.mark.parametrize("what", ["/status", "/inbound"])


@pytest.fixture
async def text(sent: "SentDelivery") -> None:
    await sent("sms", NUMBER, "SM1")


@pytest.fixture
def unmoved(text: None, rows: "Rows") -> "Rows":
    """Reads the state of the one text."""
    return rows


def refused(reason: str) -> float:
    return float(metrics.FEEDBACK_REFUSED.labels("twilio", reason)._value.get())


@BOTH
async def test_what_nobody_signed_is_refused(account: Account, unmoved: "Rows", what: str) -> None:
    before = refused("unsigned")
    answer = await account.raw(what, b"MessageSid=SM1&MessageStatus=delivered", {})
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["title"] == "Forbidden"
    assert refused("unsigned") == before + 1
    assert unmoved("SELECT state FROM orderbell.delivery_history") == [{"state": "sent"}]


@BOTH
@pytest.mark.parametrize(
    ("token", "base"),
    [("another token", PUBLIC), (TOKEN, "http://127.0.0.1"), (TOKEN, "http://shop.example.com/bell"), ("", PUBLIC)],
)
async def test_what_others_signed_is_refused(
    account: Account, unmoved: "Rows", what: str, token: str, base: str
) -> None:
    before = refused("signature")
    answer = await account.post(what, GOOD | {"From": NUMBER, "Body": "STOP"}, token=token, base=base)
    assert answer.status_code == 403
    assert refused("signature") == before + 1
    assert unmoved("SELECT state FROM orderbell.delivery_history") == [{"state": "sent"}]
    assert unmoved("SELECT FROM orderbell.suppression") == []


@pytest.mark.parametrize("signature", ["", "x", "0" * 28, "é" * 28, "=" * 5000])
async def test_a_signature_that_is_none_is_refused(account: Account, signature: str) -> None:
    headers = {"X-Twilio-Signature": signature}
    client = account.served.client
    answer = await client.post(
        account.path + "/status",
        content=b"a=b",
        headers=[
            (b"Content-Type", b"application/x-www-form-urlencoded"),
            *((k.encode(), v.encode()) for k, v in headers.items()),
        ],
    )
    assert answer.status_code == 403


async def test_a_form_that_was_changed_or_is_for_another_route_is_refused(account: Account, unmoved: "Rows") -> None:
    from twilio.request_validator import RequestValidator

    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + account.path + "/status", GOOD)
    headers = {"X-Twilio-Signature": signature}
    body = f"AccountSid={ACCOUNT}&MessageSid=SM1&MessageStatus="
    assert (await account.raw("/status", (body + "failed").encode(), headers)).status_code == 403
    assert (await account.raw("/inbound", (body + "delivered").encode(), headers)).status_code == 403
    assert (await account.raw("/status?x", (body + "delivered").encode(), headers)).status_code == 403
    assert unmoved("SELECT state FROM orderbell.delivery_history") == [{"state": "sent"}]
    assert (await account.raw("/status", (body + "delivered").encode(), headers)).status_code == 204


@BOTH
@pytest.mark.parametrize("sid", ["AC" + "2" * 32, "", None])
async def test_another_account_is_refused(account: Account, what: str, sid: str | None) -> None:
    before = refused("account")
    form = {name: value for name, value in GOOD.items() if name != "AccountSid"}
    answer = await account.post(what, form if sid is None else form | {"AccountSid": sid})
    assert answer.status_code == 403
    assert refused("account") == before + 1


@BOTH
async def test_a_provider_that_is_not_there_is_not_found(account: Account, what: str) -> None:
    for provider in ("other", "main/x", "%00", "mai"):
        assert (await Account(account.served, provider).post(what, GOOD)).status_code == 404


@BOTH
async def test_without_a_public_url_there_is_nothing_to_post_to(serve: "Serve", what: str) -> None:
    account = Account(await serve(sms=sms()))
    assert (await account.post(what, GOOD)).status_code == 404


async def test_a_provider_may_have_any_name(serve: "Serve", sent: "SentDelivery", rows: "Rows") -> None:
    await sent("sms", NUMBER, "SM1")
    name = "our account/2 ü%"
    settings = sms()
    settings["provider"][0]["name"] = name
    callback = status_callback(PUBLIC, name)
    assert callback is not None
    path = callback.removeprefix(f"{PUBLIC}/feedback/twilio/").partition("/status")[0]
    account = Account(await serve(http={"public_url": f"{PUBLIC}/"}, sms=settings), path)
    assert (await account.post("/status", GOOD)).status_code == 204
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "delivered"}]


@BOTH
@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
async def test_only_forms_are_taken(account: Account, what: str, media_type: str) -> None:
    answer = await account.raw(what, b"{}", {"Content-Type": media_type, "X-Twilio-Signature": "x"})
    assert answer.status_code == 415


@BOTH
@pytest.mark.parametrize("body", [b"\xff\xfe=\x80", b"&".join([b"a=b"] * 300)])
async def test_what_is_no_form_is_said_so(account: Account, what: str, body: bytes) -> None:
    assert (await account.raw(what, body, {"X-Twilio-Signature": "x"})).status_code == 422


@BOTH
@pytest.mark.parametrize("body", [b"", b"&&&===;", b"%", b"%zz=%f", b"%ff=%00", b"a" * 60_000])
async def test_garbage_is_signed_by_nobody(account: Account, what: str, body: bytes) -> None:
    assert (await account.raw(what, body, {"X-Twilio-Signature": "x"})).status_code == 403


@BOTH
async def test_a_huge_body_is_not_read(account: Account, what: str) -> None:
    assert (await account.post(what, GOOD | {"Body": "x" * 70_000})).status_code == 413


@pytest.mark.parametrize("sid", ["", "SM\0", "SM\n1", "S" * 65])
async def test_a_sid_that_is_none_is_not_looked_for(account: Account, rows: "Rows", sid: str) -> None:
    assert (await account.status(sid, "delivered")).status_code == 422
    assert rows("SELECT FROM orderbell.feedback") == []


async def test_a_report_about_nothing_at_all_is_not_taken(account: Account) -> None:
    assert (await account.post("/status", {"AccountSid": ACCOUNT})).status_code == 422


@pytest.mark.parametrize("code", ["none", "-1", "3e4", "²", "9" * 10, "30003\0"])
async def test_an_error_code_that_is_no_number_is_not_guessed_at(account: Account, unmoved: "Rows", code: str) -> None:
    assert (await account.status("SM1", "undelivered", code)).status_code == 422
    assert unmoved("SELECT state FROM orderbell.delivery_history") == [{"state": "sent"}]


async def test_nuls_elsewhere_do_no_harm(account: Account, unmoved: "Rows") -> None:
    assert (await account.status("SM1", "delivered", To="\0", More="a\0b")).status_code == 204
    assert unmoved("SELECT state FROM orderbell.delivery_history") == [{"state": "delivered"}]


async def test_these_routes_are_posted_to_and_are_not_in_the_api_s_document(account: Account) -> None:
    assert (await account.served.client.get(f"{account.path}/status")).status_code == 405
    assert "/feedback" not in (await account.served.client.get("/openapi.json")).text


async def test_every_series_is_there_before_anything_happens(account: Account) -> None:
    for reason in Refusal:
        labels = {"source": "twilio", "reason": reason}
        assert REGISTRY.get_sample_value("orderbell_feedback_refused_total", labels) is not None
    for kind in (*Asked, "ignored"):
        assert REGISTRY.get_sample_value("orderbell_inbound_texts_total", {"kind": kind}) is not None


async def test_while_the_database_is_away_twilio_is_asked_to_come_again(
    serve: "Serve", sent: "SentDelivery", database: str, postgres: str
) -> None:
    await sent("sms", NUMBER, "SM1")
    settings = {"connect_timeout_seconds": 2, "pool_size": 1}
    account = Account(await serve(database=settings, http={"public_url": PUBLIC}, sms=sms()))
    name = Identifier(str(psycopg.conninfo.conninfo_to_dict(database)["dbname"]))
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        server.execute(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = %s",
            [psycopg.conninfo.conninfo_to_dict(database)["dbname"]],
        )
        for _ in range(2):
            answer = await account.status("SM1", "delivered")
            assert answer.status_code == 503
            assert answer.json()["title"] == "Service Unavailable"
        assert (await account.inbound(NUMBER, "STOP")).status_code == 503
        server.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
    async with asyncio.timeout(60):
        while (await account.status("SM1", "delivered")).status_code != 204:
            await asyncio.sleep(0.1)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT state FROM orderbell.delivery_history").fetchall() == [("delivered",)]
