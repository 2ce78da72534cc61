"""What the health check says, to a person."""

from collections.abc import Awaitable, Callable

import pytest

from demo.sinks.twilio import TwilioSink
from dispatchers.base import Unusable
from dispatchers.sms.dispatcher import SmsDispatcher

DispatcherFor = Callable[..., Awaitable[SmsDispatcher]]


async def test_an_active_account_is_usable(sink: TwilioSink, dispatcher: SmsDispatcher) -> None:
    await dispatcher.ping()
    assert sink.texts == []


async def test_a_wrong_token_is_named_but_not_shown(dispatcher_for: DispatcherFor) -> None:
    dispatcher = await dispatcher_for(auth_token="hush")
    with pytest.raises(Unusable, match="auth_token") as unusable:
        await dispatcher.ping()
    assert "hush" not in str(unusable.value)


async def test_an_account_that_does_not_exist_is_named(sink: TwilioSink, dispatcher: SmsDispatcher) -> None:
    sink.account_sid = "AC" + "f" * 32
    with pytest.raises(Unusable, match="account_sid"):
        await dispatcher.ping()


async def test_a_suspended_account_is_not_usable(sink: TwilioSink, dispatcher: SmsDispatcher) -> None:
    sink.account_status = "suspended"
    with pytest.raises(Unusable, match="suspended"):
        await dispatcher.ping()


async def test_a_twilio_that_does_not_answer_is_not_usable(sink: TwilioSink, dispatcher: SmsDispatcher) -> None:
    await sink.stop()
    with pytest.raises(Unusable, match="no answer from"):
        await dispatcher.ping()
