"""What may have been sent is looked up before anything is sent again."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from demo.sinks.server import Reply
from demo.sinks.twilio import TwilioSink
from dispatchers.base import Delivery, Rejected, Retry, Sent, Unknown
from dispatchers.sms.dispatcher import SmsDispatcher

Another = Callable[..., Delivery]


async def test_a_text_whose_answer_was_lost_is_found_and_not_sent_again(
    sink: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery, another: Another
) -> None:
    sink.reply = lambda _: Reply(record=True, drop=True)
    (lost,) = await dispatcher.send([delivery])
    assert isinstance(lost, Unknown)
    sink.reply = None

    (found,) = await dispatcher.send([another(attempt=2, uncertain=True)])

    assert found == Sent(provider_id=sink.texts[0].sid, provider="twilio")
    assert len(sink.texts) == 1


async def test_a_text_that_never_arrived_is_sent(sink: TwilioSink, dispatcher: SmsDispatcher, another: Another) -> None:
    (outcome,) = await dispatcher.send([another(attempt=2, uncertain=True)])
    assert isinstance(outcome, Sent)
    assert len(sink.texts) == 1


async def test_the_same_words_of_an_earlier_message_are_not_taken_for_this_one(
    sink: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery, another: Another
) -> None:
    await dispatcher.send([delivery])
    later = delivery.created_at + timedelta(minutes=5)
    await dispatcher.send([another(id=2, created_at=later, uncertain=True)])
    assert len(sink.texts) == 2


async def test_other_words_to_the_same_number_are_not_taken_for_this_one(
    sink: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery, another: Another
) -> None:
    await dispatcher.send([delivery])
    await dispatcher.send([another(id=2, text="something else", uncertain=True)])
    assert [text.body for text in sink.texts] == [delivery.text, "something else"]


async def test_where_twilio_cannot_be_asked_nothing_is_sent(
    sink: TwilioSink, dispatcher: SmsDispatcher, another: Another
) -> None:
    await sink.stop()
    (outcome,) = await dispatcher.send([another(attempt=2, uncertain=True)])
    await sink.start()
    assert isinstance(outcome, Retry)
    assert outcome.tries == ()
    assert sink.texts == []


@pytest.mark.parametrize(
    ("status", "code", "texts"),
    [
        ("sent", None, 1),
        ("delivered", None, 1),
        ("queued", None, 1),
        ("sending", None, 1),
        ("undelivered", 30003, 2),  # the telephone was off: it reached nobody, and may go again
        ("failed", None, 2),
        ("undelivered", 30007, 1),  # filtered: the same words again would be filtered again
        ("undelivered", 30005, 1),  # no such number
        ("failed", 21610, 1),  # opted out
    ],
)
async def test_a_text_that_is_found_goes_again_only_where_it_surely_did_not_arrive_and_may(
    sink: TwilioSink,
    dispatcher: SmsDispatcher,
    delivery: Delivery,
    another: Another,
    status: str,
    code: int | None,
    texts: int,
) -> None:
    await dispatcher.send([delivery])
    sink.became[sink.texts[0].sid] = (status, code)
    (outcome,) = await dispatcher.send([another(attempt=2, uncertain=True)])
    assert len(sink.texts) == texts
    gone = code is not None and texts == 1
    assert isinstance(outcome, Rejected if gone else Sent)
