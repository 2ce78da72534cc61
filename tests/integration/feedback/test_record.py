"""The one way in for what comes back."""

from typing import TYPE_CHECKING

from config.names import Closed
from daemon.feedback.record import Feedback
from daemon.feedback.values import Report

if TYPE_CHECKING:
    from tests.integration.feedback.conftest import Rows, SentDelivery

NUMBER = "+12025550123"


async def test_a_report_moves_a_sent_delivery_on(feedback: Feedback, sent: "SentDelivery", rows: "Rows") -> None:
    await sent("sms", NUMBER, "SM1")
    assert await feedback.report([Report("sms", "delivered", "SM1")]) == 1
    (row,) = rows("SELECT state, reported_at FROM orderbell.delivery_history")
    assert row["state"] == "delivered"
    assert row["reported_at"] is not None


async def test_a_provider_id_of_another_channel_is_another_delivery(
    feedback: Feedback, sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("email", "ada@example.com", "1")
    assert await feedback.report([Report("sms", "delivered", "1")]) == 0
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "sent"}]


async def test_of_two_reports_about_one_delivery_the_first_stays(
    feedback: Feedback, sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("sms", NUMBER, "SM1")
    reports = [
        Report("sms", "delivered", "SM1"),
        Report("sms", "failed", "SM1", error="no", closed=Closed.INVALID, again=True),
    ]
    assert await feedback.report(reports) == 2
    assert rows("SELECT state, error FROM orderbell.delivery_history") == [{"state": "delivered", "error": None}]
    assert rows("SELECT FROM orderbell.suppression") == []


async def test_what_may_go_again_is_pending_with_its_attempt_number(
    feedback: Feedback, sent: "SentDelivery", rows: "Rows"
) -> None:
    id_ = await sent("sms", NUMBER, "SM1", attempt=2)
    await feedback.report([Report("sms", "failed", "SM1", error="out of reach", again=True)])
    assert rows("SELECT FROM orderbell.delivery_history") == []
    (row,) = rows("SELECT *, extract(epoch FROM due_at - now())::float AS wait FROM orderbell.delivery")
    assert row["id"] == id_
    assert row["state"] == "pending"
    assert row["attempt"] == 2
    assert row["error"] == "out of reach"
    assert row["uncertain"] is False
    assert (row["address"], row["locale"], row["subject"]) == (NUMBER, "en", f"order:{id_}")
    assert 60 < row["wait"] <= 120, "the base, doubled for each attempt"


async def test_nothing_goes_again_after_the_last_attempt(
    feedback: Feedback, sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("sms", NUMBER, "SM1", attempt=3)
    await feedback.report([Report("sms", "failed", "SM1", error="out of reach", again=True)])
    assert rows("SELECT FROM orderbell.delivery") == []
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "failed"}]


async def test_nothing_goes_again_that_would_have_expired_by_then(
    feedback: Feedback, sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("sms", NUMBER, "SM1", expires_in_seconds=50)
    await feedback.report([Report("sms", "failed", "SM1", error="out of reach", again=True)])
    assert rows("SELECT FROM orderbell.delivery") == []
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "failed"}]


async def test_a_closed_address_is_kept_as_it_is_compared(
    feedback: Feedback, sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("sms", "(202) 555-0123", "SM1")
    await sent("email", "Ada@Example.COM", "mail-1")
    await feedback.report(
        [
            Report("sms", "failed", "SM1", error="no such number", closed=Closed.INVALID),
            Report("email", "failed", "mail-1", error="550 5.1.1", closed=Closed.BOUNCE),
        ]
    )
    assert rows("SELECT channel, address, reason, detail FROM orderbell.suppression ORDER BY channel") == [
        {"channel": "email", "address": "ada@example.com", "reason": "bounce", "detail": "550 5.1.1"},
        {"channel": "sms", "address": NUMBER, "reason": "invalid", "detail": "no such number"},
    ]


async def test_a_report_by_our_own_id_has_to_name_the_address(
    feedback: Feedback, sent: "SentDelivery", rows: "Rows"
) -> None:
    id_ = await sent("email", "Ada@example.com", "mail-1")
    guessed = Report("email", "failed", delivery_id=id_, address="eve@example.com", closed=Closed.BOUNCE)
    assert await feedback.report([guessed]) == 0
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "sent"}]
    assert rows("SELECT FROM orderbell.feedback") == [], "nothing will come that it could be about"
    known = Report("email", "failed", delivery_id=id_, address="ada@example.com", closed=Closed.BOUNCE)
    assert await feedback.report([known]) == 1
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "failed"}]
    assert rows("SELECT address FROM orderbell.suppression") == [{"address": "ada@example.com"}]


async def test_a_report_that_came_too_early_is_settled_with_all_that_it_says(
    feedback: Feedback, sent: "SentDelivery", rows: "Rows"
) -> None:
    assert await feedback.report([Report("sms", "failed", "SM1", error="no such number", closed=Closed.INVALID)]) == 0
    await feedback.settle()
    assert len(rows("SELECT FROM orderbell.feedback")) == 1, "it waits"
    await sent("sms", NUMBER, "SM1")
    await feedback.settle()
    assert rows("SELECT state, error FROM orderbell.delivery_history") == [
        {"state": "failed", "error": "no such number"}
    ]
    assert rows("SELECT reason FROM orderbell.suppression") == [{"reason": "invalid"}]
    assert rows("SELECT FROM orderbell.feedback") == []


async def test_a_report_about_nothing_is_forgotten_after_days(feedback: Feedback, rows: "Rows") -> None:
    await feedback.report([Report("sms", "delivered", "SM1"), Report("sms", "delivered", "SM2")])
    rows("UPDATE orderbell.feedback SET received_at = now() - interval '4 days' WHERE provider_id = 'SM1'")
    await feedback.settle()
    assert rows("SELECT provider_id FROM orderbell.feedback") == [{"provider_id": "SM2"}]


async def test_only_the_reasons_that_are_named_are_lifted(feedback: Feedback, rows: "Rows") -> None:
    assert await feedback.close("sms", "(202) 555-0123", Closed.INVALID)
    assert await feedback.close("sms", NUMBER, Closed.STOP), "the graver reason takes the place of the other"
    assert not await feedback.close("sms", NUMBER, Closed.INVALID)
    assert not await feedback.open("sms", NUMBER, {Closed.INVALID})
    assert await feedback.open("sms", "202-555-0123", {Closed.STOP})
    assert rows("SELECT FROM orderbell.suppression") == []


async def test_what_a_provider_writes_is_made_fit_to_be_kept(
    feedback: Feedback, sent: "SentDelivery", rows: "Rows"
) -> None:
    await sent("sms", NUMBER, "SM1")
    await feedback.report([Report("sms", "failed", "SM1", error="a\0b" + "x" * 5000)])
    (row,) = rows("SELECT error FROM orderbell.delivery_history")
    assert row["error"] == "ab" + "x" * 998
