"""Texts through a sandbox Twilio on a real socket."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from config import Settings
from demo.sinks.server import Reply
from demo.sinks.twilio import TwilioSink
from dispatchers import sms
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent
from dispatchers.failover import Clock
from dispatchers.sms.dispatcher import SmsDispatcher

Another = Callable[..., Delivery]
DispatcherFor = Callable[..., Awaitable[SmsDispatcher]]


async def send(dispatcher: SmsDispatcher, delivery: Delivery) -> Outcome:
    (outcome,) = await dispatcher.send([delivery])
    return outcome


def test_without_a_provider_there_is_no_dispatcher() -> None:
    assert sms.create(Settings()) is None


async def test_a_delivery_arrives_as_a_text(sink: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery) -> None:
    outcome = await send(dispatcher, delivery)
    (text,) = sink.texts
    assert outcome == Sent(provider_id=text.sid, provider="twilio")
    assert (text.to, text.sender, text.body) == ("+12025550123", "+15005550006", delivery.text)


async def test_a_messaging_service_can_be_the_sender(
    sink: TwilioSink, dispatcher_for: DispatcherFor, delivery: Delivery
) -> None:
    service = "MG" + "1" * 32
    await send(await dispatcher_for(messaging_service_sid=service), delivery)
    assert sink.texts[0].sender == service


async def test_a_base_url_may_have_a_path(sink: TwilioSink, dispatcher_for: DispatcherFor, delivery: Delivery) -> None:
    # Nothing listens below /proxy: a 404 of the server shows where the request went.
    outcome = await send(await dispatcher_for(base_url=f"{sink.url}/proxy/"), delivery)
    assert isinstance(outcome, Retry)
    assert outcome.error == "HTTP 404"


@pytest.mark.parametrize(("expires_in_seconds", "validity_seconds"), [(86_400, 14_400), (600.9, 600), (0.9, 60)])
async def test_twilio_holds_a_text_no_longer_than_the_setting_and_the_expiry(
    sink: TwilioSink, delivery: Delivery, another: Another, expires_in_seconds: float, validity_seconds: int
) -> None:
    now = datetime.now(UTC)
    settings = Settings.model_validate(
        {
            "sms": {
                "default_region": "US",
                "provider": [
                    {
                        "account_sid": sink.account_sid,
                        "auth_token": sink.auth_token,
                        "from_number": "+15005550006",
                        "base_url": sink.url,
                    }
                ],
            }
        }
    )
    dispatcher = SmsDispatcher(settings.sms, Clock(utc=lambda: now))
    await dispatcher.start()
    await send(dispatcher, another(expires_at=now + timedelta(seconds=expires_in_seconds)))
    await dispatcher.stop()
    assert sink.texts[0].validity_period == validity_seconds


async def test_what_is_no_number_is_suppressed_without_asking(
    sink: TwilioSink, dispatcher: SmsDispatcher, another: Another
) -> None:
    outcome = await send(dispatcher, another(address="call me"))
    assert outcome == Rejected("the number is not a phone number", suppress_address=True, provider="twilio")
    assert sink.connections == 0


async def test_an_empty_text_is_rejected_without_asking(
    sink: TwilioSink, dispatcher: SmsDispatcher, another: Another
) -> None:
    outcome = await send(dispatcher, another(text=" \n"))
    assert outcome == Rejected("the text is empty", provider="twilio")
    assert sink.connections == 0


async def test_a_clock_that_is_ahead_loses_no_text(
    sink: TwilioSink, dispatcher: SmsDispatcher, another: Another
) -> None:
    """Whether a delivery has expired is decided by the database's clock, before it comes here."""
    outcome = await send(dispatcher, another(expires_at=datetime.now(UTC) - timedelta(minutes=30)))
    assert isinstance(outcome, Sent)
    assert sink.texts[0].validity_period == 60


async def test_a_text_that_is_too_long_is_rejected_by_twilio(
    sink: TwilioSink, dispatcher: SmsDispatcher, another: Another
) -> None:
    outcome = await send(dispatcher, another(text="x" * 1601))
    assert isinstance(outcome, Rejected)
    assert "21617" in outcome.error
    assert sink.texts == []


async def test_a_recipient_who_has_opted_out_is_suppressed(
    sink: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery
) -> None:
    sink.reply = lambda text: Reply(400, {"code": 21610, "message": f"{text.to} unsubscribed", "status": 400})
    outcome = await send(dispatcher, delivery)
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address
    assert "555" not in outcome.error


async def test_too_many_requests_come_back_when_twilio_says(
    sink: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery
) -> None:
    sink.reply = lambda _: Reply(429, {"code": 20429, "message": "", "status": 429}, {"Retry-After": "7"})
    outcome = await send(dispatcher, delivery)
    assert isinstance(outcome, Retry)
    assert outcome.after == 7.0


async def test_an_error_page_of_a_proxy_is_tried_again(
    sink: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery
) -> None:
    sink.reply = lambda _: Reply(503, "<html>Service unavailable</html>")
    assert await send(dispatcher, delivery) == Retry("HTTP 503", provider="twilio")


async def test_a_wrong_token_loses_no_text(dispatcher_for: DispatcherFor, delivery: Delivery) -> None:
    assert isinstance(await send(await dispatcher_for(auth_token="wrong"), delivery), Retry)


async def test_texts_share_the_pooled_connections(
    sink: TwilioSink, dispatcher_for: DispatcherFor, delivery: Delivery
) -> None:
    dispatcher = await dispatcher_for(concurrency=3)
    outcomes = await asyncio.gather(*(send(dispatcher, delivery) for _ in range(30)))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert len(sink.texts) == 30
    assert sink.connections <= 3


async def test_neither_number_nor_text_nor_secret_reaches_a_log(
    sink: TwilioSink,
    dispatcher: SmsDispatcher,
    delivery: Delivery,
    another: Another,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    await send(dispatcher, delivery)
    await send(dispatcher, another(text="x" * 1601))
    sink.reply = lambda text: Reply(400, {"code": 21211, "message": f"The 'To' number {text.to}", "status": 400})
    await send(dispatcher, delivery)
    for secret in ("2025550123", "4711", sink.auth_token):
        assert secret not in caplog.text


async def test_a_dispatcher_can_be_stopped_twice(dispatcher: SmsDispatcher) -> None:
    await dispatcher.stop()
    await dispatcher.stop()
