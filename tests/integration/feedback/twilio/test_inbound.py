"""What people write to us."""

from typing import TYPE_CHECKING

import pytest

from config.names import Closed
from daemon import metrics
from daemon.feedback.record import Feedback
from tests.integration.feedback.twilio.conftest import PUBLIC, Account, sms

if TYPE_CHECKING:
    from tests.integration.feedback.conftest import Rows, Serve

NUMBER = "+12025550123"
NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response />'
CLOSED = "SELECT channel, address, reason FROM orderbell.suppression"


def counted(kind: str) -> float:
    return float(metrics.INBOUND_TEXTS.labels(kind)._value.get())


@pytest.mark.parametrize("body", ["STOP", " stop. ", "Unsubscribe", "optout", "REVOKE!"])
async def test_stop_closes_the_number(account: Account, rows: "Rows", body: str) -> None:
    before = counted("stop")
    answer = await account.inbound(NUMBER, body)
    assert (answer.status_code, answer.text) == (200, NOTHING)
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert rows(CLOSED) == [{"channel": "sms", "address": NUMBER, "reason": "stop"}]
    assert counted("stop") == before + 1
    assert (await account.inbound(NUMBER, body)).text == NOTHING, "a second time changes nothing"


async def test_start_opens_what_stop_closed(account: Account, rows: "Rows") -> None:
    await account.inbound(NUMBER, "STOP")
    answer = await account.inbound(NUMBER, "Start")
    assert (answer.status_code, answer.text) == (200, NOTHING)
    assert rows(CLOSED) == []


async def test_start_does_not_open_what_was_closed_otherwise(
    account: Account, feedback: Feedback, rows: "Rows"
) -> None:
    await feedback.close("sms", NUMBER, Closed.MANUAL)
    assert (await account.inbound(NUMBER, "YES")).status_code == 200
    assert rows(CLOSED) == [{"channel": "sms", "address": NUMBER, "reason": "manual"}]


async def test_help_is_answered_with_the_words_of_the_settings(account: Account) -> None:
    answer = await account.inbound(NUMBER, "help?")
    assert "<Response><Message>Basil &amp; Thyme, 555-0100</Message></Response>" in answer.text


async def test_help_that_twilio_has_answered_is_not_answered_twice(account: Account) -> None:
    assert (await account.inbound(NUMBER, "HELP", OptOutType="HELP")).text == NOTHING


async def test_help_without_words_is_left_to_twilio(serve: "Serve") -> None:
    account = Account(await serve(http={"public_url": PUBLIC}, sms=sms()))
    assert (await account.inbound(NUMBER, "HELP")).text == NOTHING


async def test_twilio_knows_the_words_that_were_chosen_there(account: Account, rows: "Rows") -> None:
    await account.inbound(NUMBER, "Arrêt", OptOutType="STOP")
    assert rows(CLOSED) == [{"channel": "sms", "address": NUMBER, "reason": "stop"}]
    await account.inbound(NUMBER, "STOP", OptOutType="START")
    assert rows(CLOSED) == []


@pytest.mark.parametrize("body", ["Where is my order?", "stop please", "", "\0", "STOP\0STOP", "x" * 1600])
async def test_anything_else_is_counted_and_not_answered(account: Account, rows: "Rows", body: str) -> None:
    before = counted("other")
    answer = await account.inbound(NUMBER, body)
    assert (answer.status_code, answer.text) == (200, NOTHING)
    assert counted("other") == before + 1
    assert rows(CLOSED) == []


@pytest.mark.parametrize(
    "sender", ["whatsapp:+12025550123", "messenger:123", "rcs:shop", "12345", "SHOP", "", "+1\0", "+12"]
)
async def test_who_is_no_telephone_is_ignored_politely(account: Account, rows: "Rows", sender: str) -> None:
    before = counted("ignored")
    answer = await account.inbound(sender, "STOP")
    assert (answer.status_code, answer.text) == (200, NOTHING)
    assert counted("ignored") == before + 1
    assert rows(CLOSED) == []
