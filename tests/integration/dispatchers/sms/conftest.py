"""A sandbox Twilio and a dispatcher that texts through it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config import Settings
from config.names import Category, Priority
from demo.sinks.twilio import TwilioSink
from dispatchers import sms
from dispatchers.base import Delivery
from dispatchers.sms.dispatcher import SmsDispatcher
from tests.integration.dispatchers.sinks import started

DispatcherFor = Callable[..., Awaitable[SmsDispatcher]]
"""Keyword arguments are settings of the provider; ``concurrency`` is the channel's."""


@pytest.fixture
def delivery() -> Delivery:
    now = datetime.now(UTC)
    return Delivery(
        id=1,
        attempt=1,
        channel="sms",
        address="(202) 555-0123",
        notification_id=42,
        user_id="7",
        recipient_name="Ada",
        locale="en",
        event="order.ready",
        subject="order:4711",
        audience="customer",
        category=Category.ORDER,
        priority=Priority.HIGH,
        title="Ready",
        body="Your order is ready.",
        text="Order 4711 is ready — ¡listo! 🍕",
        url=None,
        action=None,
        created_at=now,
        expires_at=now + timedelta(hours=24),
    )


@pytest.fixture
def another(delivery: Delivery) -> Callable[..., Delivery]:
    """The delivery with some fields changed."""

    def change(**fields: object) -> Delivery:
        return replace(delivery, **fields)  # type: ignore[arg-type]  # checked by the test that fails

    return change


@pytest.fixture
async def sink() -> AsyncIterator[TwilioSink]:
    async with started(TwilioSink) as sink:
        yield sink


@pytest.fixture
async def dispatcher_for(sink: TwilioSink) -> AsyncIterator[DispatcherFor]:
    async with AsyncExitStack() as stack:

        async def make(concurrency: int = 4, **provider: object) -> SmsDispatcher:
            account: dict[str, object] = {
                "account_sid": sink.account_sid,
                "auth_token": sink.auth_token,
                "base_url": sink.url,
                "timeout_seconds": 30.0,
            }
            if "messaging_service_sid" not in provider:
                account["from_number"] = "+15005550006"
            settings = Settings.model_validate(
                {
                    "sms": {
                        "default_region": "US",
                        "concurrency": concurrency,
                        "provider": [account | provider],
                    }
                }
            )
            dispatcher = sms.create(settings)
            assert isinstance(dispatcher, SmsDispatcher)
            await dispatcher.start()
            stack.push_async_callback(dispatcher.stop)
            return dispatcher

        yield make


@pytest.fixture
async def other() -> AsyncIterator[TwilioSink]:
    """A second account elsewhere."""
    async with started(TwilioSink) as sink:
        yield sink


@pytest.fixture
async def dispatcher_over(hands: Any) -> AsyncIterator[DispatcherFor]:
    """Makes dispatchers with several sinks as providers, ``a``, ``b``..., whose breakers go by the test's clock.

    Keyword arguments are settings of the first.
    """
    async with AsyncExitStack() as stack:

        async def make(*sinks: TwilioSink, **first: object) -> SmsDispatcher:
            providers: list[dict[str, object]] = [
                {
                    "name": name,
                    "account_sid": sink.account_sid,
                    "auth_token": sink.auth_token,
                    "base_url": sink.url,
                    "from_number": "+15005550006",
                    "timeout_seconds": 30.0,
                }
                for name, sink in zip("abc", sinks, strict=False)
            ]
            providers[0] |= first
            settings = Settings.model_validate({"sms": {"default_region": "US", "provider": providers}})
            dispatcher = SmsDispatcher(settings.sms, hands.clock)
            await dispatcher.start()
            stack.push_async_callback(dispatcher.stop)
            return dispatcher

        yield make


@pytest.fixture
async def dispatcher(dispatcher_for: DispatcherFor) -> SmsDispatcher:
    return await dispatcher_for()
