"""A sandbox push service and a dispatcher that pushes through it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config.channels import WebPush
from config.names import Category, Priority
from demo.sinks.push import PushSink
from dispatchers.base import Delivery
from dispatchers.webpush import WebPushDispatcher, generate_vapid_key
from tests.integration.dispatchers.sinks import started

DispatcherFor = Callable[..., Awaitable[WebPushDispatcher]]
"""Keyword arguments are settings of the channel; ``resolver`` and ``clock`` are the dispatcher's."""


@pytest.fixture(scope="session")
def vapid() -> tuple[str, str]:
    return generate_vapid_key()


@pytest.fixture
async def sink() -> AsyncIterator[PushSink]:
    async with started(PushSink) as sink:
        yield sink


@pytest.fixture
def delivery(sink: PushSink) -> Delivery:
    now = datetime.now(UTC)
    return Delivery(
        id=1,
        attempt=1,
        channel="webpush",
        address=json.dumps(sink.subscribe("ada")),
        notification_id=42,
        user_id="7",
        recipient_name="Ada",
        locale="en",
        event="order.ready",
        subject="order:4711",
        audience="customer",
        category=Category.ORDER,
        priority=Priority.URGENT,
        title="Ready",
        body="Your order is ready. 🍕",
        text="",
        url="https://shop.example/orders/4711",
        action="View order",
        created_at=now,
        expires_at=now + timedelta(days=7),
    )


@pytest.fixture
def another(delivery: Delivery) -> Callable[..., Delivery]:
    """The delivery with some fields changed."""

    def change(**fields: object) -> Delivery:
        return replace(delivery, **fields)  # type: ignore[arg-type]  # checked by the test that fails

    return change


@pytest.fixture
async def dispatcher_for(vapid: tuple[str, str]) -> AsyncIterator[DispatcherFor]:
    async with AsyncExitStack() as stack:

        async def make(**settings: object) -> WebPushDispatcher:
            options = {name: settings.pop(name) for name in ("resolver", "clock") if name in settings}
            channel = WebPush.model_validate(
                {
                    "vapid_private_key": vapid[0],
                    "vapid_subject": "mailto:ops@shop.example",
                    "allow_private_endpoints": True,
                    "timeout_seconds": 30.0,
                    **settings,
                }
            )
            dispatcher = WebPushDispatcher(channel, **options)  # type: ignore[arg-type]  # in some tests
            await dispatcher.start()
            stack.push_async_callback(dispatcher.stop)
            return dispatcher

        yield make


@pytest.fixture
async def dispatcher(dispatcher_for: DispatcherFor) -> WebPushDispatcher:
    return await dispatcher_for()
