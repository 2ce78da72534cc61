"""What became of a text, as Twilio posts it."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from daemon import metrics
from daemon.feedback.record import Feedback

if TYPE_CHECKING:
    from tests.integration.feedback.conftest import Rows, SentDelivery
    from tests.integration.feedback.twilio.conftest import Account

NUMBER = "+12025550123"
STATE = "SELECT state FROM orderbell.delivery_history"


@pytest.mark.parametrize("status", ["delivered", "read"])
async def test_what_arrived_is_delivered(account: "Account", sent: "SentDelivery", rows: "Rows", status: str) -> None:
    await sent("sms", NUMBER, "SM1")
    answer = await account.status("SM1", status)
    assert (answer.status_code, answer.content) == (204, b"")
    assert rows(STATE) == [{"state": "delivered"}]


@pytest.mark.parametrize("status", ["queued", "accepted", "sending", "sent", "partially_delivered", "nul\0", ""])
async def test_what_is_not_final_changes_nothing(
    account: "Account", sent: "SentDelivery", rows: "Rows", status: str
) -> None:
    await sent("sms", NUMBER, "SM1")
    assert (await account.status("SM1", status)).status_code == 204
    assert rows("SELECT state, reported_at FROM orderbell.delivery_history") == [{"state": "sent", "reported_at": None}]
    assert rows("SELECT FROM orderbell.feedback") == []


@pytest.mark.parametrize(("code", "reason"), [(30005, "invalid"), (30006, "invalid"), (21610, "stop")])
async def test_a_number_that_is_to_blame_is_closed(
    account: "Account", sent: "SentDelivery", rows: "Rows", code: int, reason: str
) -> None:
    await sent("sms", "(202) 555-0123", "SM1")
    assert (await account.status("SM1", "undelivered", code)).status_code == 204
    assert rows(STATE) == [{"state": "failed"}]
    assert rows("SELECT address, reason FROM orderbell.suppression") == [{"address": NUMBER, "reason": reason}]


@pytest.mark.parametrize("code", [None, 30003, 30008])
async def test_what_did_not_arrive_goes_again(
    account: "Account", sent: "SentDelivery", rows: "Rows", code: int | None
) -> None:
    id_ = await sent("sms", NUMBER, "SM1")
    assert (await account.status("SM1", "undelivered", code)).status_code == 204
    assert rows("SELECT id, state, attempt FROM orderbell.delivery") == [{"id": id_, "state": "pending", "attempt": 1}]


async def test_an_empty_error_code_is_none(account: "Account", sent: "SentDelivery", rows: "Rows") -> None:
    await sent("sms", NUMBER, "SM1")
    assert (await account.status("SM1", "delivered", "")).status_code == 204
    assert rows(STATE) == [{"state": "delivered"}]


async def test_what_may_have_arrived_stays_sent(account: "Account", sent: "SentDelivery", rows: "Rows") -> None:
    await sent("sms", NUMBER, "SM1")
    assert (await account.status("SM1", "undelivered", 30410)).status_code == 204
    assert rows(STATE) == [{"state": "sent"}]


async def test_a_filtered_text_is_not_sent_again_and_somebody_is_told(
    account: "Account", sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("sms", NUMBER, "SM1")
    with capture_logs() as logs:
        assert (await account.status("SM1", "undelivered", 30007)).status_code == 204
    (warning,) = [line for line in logs if line["event"] == "text.filtered"]
    assert (warning["log_level"], warning["provider"]) == ("warning", "main")
    assert NUMBER not in repr(logs)
    assert rows(STATE) == [{"state": "failed"}]
    assert rows("SELECT FROM orderbell.delivery") == []
    assert rows("SELECT FROM orderbell.suppression") == []


async def test_sent_after_delivered_is_old_news(account: "Account", sent: "SentDelivery", rows: "Rows") -> None:
    await sent("sms", NUMBER, "SM1")
    await account.status("SM1", "delivered")
    assert (await account.status("SM1", "sent")).status_code == 204
    assert rows(STATE) == [{"state": "delivered"}]


async def test_undelivered_after_delivered_changes_nothing(
    account: "Account", sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("sms", NUMBER, "SM1")
    await account.status("SM1", "delivered")
    assert (await account.status("SM1", "undelivered", 30005)).status_code == 204
    assert rows(STATE) == [{"state": "delivered"}]
    assert rows("SELECT FROM orderbell.suppression") == []


async def test_a_callback_that_overtakes_our_own_writing_is_settled_later(
    account: "Account", sent: "SentDelivery", rows: "Rows", feedback: Feedback
) -> None:
    assert (await account.status("SM1", "delivered")).status_code == 204
    await sent("sms", NUMBER, "SM1")
    assert rows(STATE) == [{"state": "sent"}]
    await feedback.settle()
    assert rows(STATE) == [{"state": "delivered"}]


async def test_a_text_that_is_none_of_ours_is_nobodys_mistake(account: "Account", rows: "Rows") -> None:
    assert (await account.status("SM" + "f" * 32, "delivered")).status_code == 204
    assert rows(STATE) == []


async def test_the_same_callback_five_times_at_once_counts_once(
    account: "Account", sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("sms", NUMBER, "SM1")
    counter = metrics.FEEDBACK.labels("sms", "delivered")
    before = counter._value.get()
    answers = await asyncio.gather(*(account.status("SM1", "delivered") for _ in range(5)))
    assert Counter(answer.status_code for answer in answers) == {204: 5}
    assert rows(STATE) == [{"state": "delivered"}]
    assert counter._value.get() == before + 1


async def test_five_times_undelivered_at_once_is_one_more_attempt(
    account: "Account", sent: "SentDelivery", rows: "Rows"
) -> None:
    id_ = await sent("sms", NUMBER, "SM1")
    answers = await asyncio.gather(*(account.status("SM1", "undelivered", 30003) for _ in range(5)))
    assert Counter(answer.status_code for answer in answers) == {204: 5}
    assert rows("SELECT id FROM orderbell.delivery") == [{"id": id_}]
    assert rows("SELECT FROM orderbell.delivery_history") == []


async def test_parameters_that_twilio_adds_one_day_and_repeats_are_signed_too(
    account: "Account", sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("sms", NUMBER, "SM1")
    from tests.integration.feedback.twilio.conftest import ACCOUNT

    form = [
        ("MessageSid", "SM1"),
        ("New", "b ü+&"),
        ("New", "a"),
        ("New", "a"),
        ("AccountSid", ACCOUNT),
        ("MessageStatus", "delivered"),
        ("Empty", ""),
    ]
    assert (await account.post("/status", form)).status_code == 204
    assert (await account.post("/status?a=b%20c&d", form)).status_code == 204
    assert rows(STATE) == [{"state": "delivered"}]
