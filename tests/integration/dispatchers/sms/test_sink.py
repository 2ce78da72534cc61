"""The sandbox Twilio, asked by twilio's own client."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.sinks.twilio import TwilioSink
from dispatchers.base import Delivery, Sent
from dispatchers.sms.client import Refused
from dispatchers.sms.dispatcher import SmsDispatcher


@pytest.fixture
def messages(dispatcher: SmsDispatcher) -> Any:
    return dispatcher._senders[0].client._client.messages


async def test_a_text_can_be_looked_up_by_its_sid(dispatcher: SmsDispatcher, messages: Any, delivery: Delivery) -> None:
    (outcome,) = await dispatcher.send([delivery])
    assert isinstance(outcome, Sent)
    found = await messages(outcome.provider_id).fetch_async()
    assert (found.sid, found.to, found.body) == (outcome.provider_id, "+12025550123", delivery.text)


async def test_an_unknown_sid_is_not_found(messages: Any) -> None:
    with pytest.raises(Refused) as refused:
        await messages("SM" + "0" * 32).fetch_async()
    assert (refused.value.status, refused.value.code) == (404, 20404)


async def test_texts_are_listed_by_recipient_and_time_newest_first(messages: Any) -> None:
    sids = [
        (await messages.create_async(to=to, body="x", from_="+15005550006")).sid
        for to in ("+12025550123", "+12025550124", "+12025550123")
    ]
    now = datetime.now(UTC)
    mine = await messages.list_async(to="+12025550123", date_sent_after=now - timedelta(minutes=1))
    assert [found.sid for found in mine] == [sids[2], sids[0]]
    assert await messages.list_async(to="+12025550123", date_sent_before=now - timedelta(minutes=1)) == []


async def test_a_long_list_comes_in_pages(sink: TwilioSink, messages: Any) -> None:
    for _ in range(7):
        await messages.create_async(to="+12025550123", body="x", from_="+15005550006")
    listed = await messages.list_async(page_size=3)
    assert [found.sid for found in listed] == [text.sid for text in reversed(sink.texts)]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "12025550123", "body": "x", "from_": "+15005550006"}, 21211),
        ({"to": "+12025550123", "body": "", "from_": "+15005550006"}, 21602),
        ({"to": "+12025550123", "body": "x"}, 21603),
        ({"to": "", "body": "x", "from_": "+15005550006"}, 21604),
        ({"to": "+12025550123", "body": "x", "from_": "+15005550006", "validity_period": 36_001}, 20001),
    ],
)
async def test_mistakes_are_answered_with_twilios_codes(
    sink: TwilioSink, messages: Any, fields: dict[str, object], code: int
) -> None:
    with pytest.raises(Refused) as refused:
        await messages.create_async(**fields)
    assert refused.value.code == code
    assert sink.texts == []
