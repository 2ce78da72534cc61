"""Several push services: one that is down, or wants a pause, stops no other."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from demo.sinks.push import PushSink
from demo.sinks.server import Reply
from dispatchers.base import Delivery, Outcome, Retry, Sent
from dispatchers.breaker import Rules
from dispatchers.webpush import WebPushDispatcher

Another = Callable[..., Delivery]
DispatcherFor = Callable[..., Awaitable[WebPushDispatcher]]


async def send(dispatcher: WebPushDispatcher, delivery: Delivery) -> Outcome:
    (outcome,) = await dispatcher.send([delivery])
    return outcome


@pytest.fixture
async def elsewhere() -> AsyncIterator[PushSink]:
    """Another push service."""
    sink = PushSink()
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
async def dispatcher(dispatcher_for: DispatcherFor, hands: Any) -> WebPushDispatcher:
    return await dispatcher_for(clock=hands.clock)


@pytest.fixture
def there(elsewhere: PushSink, another: Another) -> Delivery:
    """To a device that is at home with the other service."""
    return another(address=json.dumps(elsewhere.subscribe("grace")))


async def test_each_push_is_one_try(sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery) -> None:
    outcome = await send(dispatcher, delivery)
    assert [(tried.provider, tried.outcome, tried.code) for tried in outcome.tries] == [("webpush", "sent", "201")]
    assert outcome.code == "201"


async def test_a_service_that_is_down_stops_no_other_and_is_used_again_after_a_probe(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery, there: Delivery, hands: Any
) -> None:
    asked = 0

    def fail(_: object) -> Reply:
        nonlocal asked
        asked += 1
        return Reply(503)

    sink.reply = fail
    for _ in range(10):
        assert isinstance(await send(dispatcher, delivery), Retry)
        assert isinstance(await send(dispatcher, there), Sent)
    assert asked == Rules().failures
    resting = await send(dispatcher, delivery)
    assert resting == Retry("webpush is left alone after failures", Rules().open_seconds, "webpush")
    assert resting.tries == ()

    sink.reply = None
    hands.seconds += Rules().open_seconds
    assert isinstance(await send(dispatcher, delivery), Sent)


async def test_a_service_that_asks_for_a_pause_gets_it_and_no_other_does(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery, there: Delivery, hands: Any
) -> None:
    sink.reply = lambda _: Reply(429, headers={"Retry-After": "11"})
    assert await send(dispatcher, delivery) == Retry("HTTP 429", 11.0, "webpush")
    sink.reply = None
    hands.seconds += 4.0
    assert await send(dispatcher, delivery) == Retry("webpush wants a pause", 7.0, "webpush")
    assert isinstance(await send(dispatcher, there), Sent)
    hands.seconds += 7.0
    assert isinstance(await send(dispatcher, delivery), Sent)


async def test_devices_that_are_gone_or_throttled_do_not_stop_their_service(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery, another: Another
) -> None:
    endpoint = json.loads(delivery.address)["endpoint"]
    nobody = another(address=delivery.address.replace(endpoint, f"{sink.url}/push/nobody"))
    for _ in range(10):
        await send(dispatcher, nobody)
    sink.reply = lambda _: Reply(406, headers={"Retry-After": "60"})
    for _ in range(10):
        await send(dispatcher, delivery)
    sink.reply = None
    assert isinstance(await send(dispatcher, delivery), Sent)
