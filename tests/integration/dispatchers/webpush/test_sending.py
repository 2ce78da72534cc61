"""Pushes through a sandbox push service on a real socket, decrypted as a browser would."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from config import Settings
from config.names import Priority
from demo.sinks.push import PushSink
from demo.sinks.server import Reply
from dispatchers import webpush
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unusable
from dispatchers.webpush import WebPushDispatcher, generate_vapid_key
from dispatchers.webpush.payload import topic

Another = Callable[..., Delivery]
DispatcherFor = Callable[..., Awaitable[WebPushDispatcher]]


async def send(dispatcher: WebPushDispatcher, delivery: Delivery) -> Outcome:
    (outcome,) = await dispatcher.send([delivery])
    return outcome


def test_without_a_key_there_is_no_dispatcher() -> None:
    assert webpush.create(Settings()) is None


def test_with_a_key_there_is_one(vapid: tuple[str, str]) -> None:
    settings = Settings.model_validate(
        {
            "webpush": {
                "vapid_private_key": vapid[0],
                "vapid_subject": "mailto:ops@shop.example",
                "concurrency": 5,
            }
        }
    )
    dispatcher = webpush.create(settings)
    assert dispatcher is not None
    assert (dispatcher.channel, dispatcher.concurrency, dispatcher.batch_size) == ("webpush", 5, 1)


async def test_a_delivery_arrives_and_can_be_read_by_its_device(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery
) -> None:
    outcome = await send(dispatcher, delivery)
    assert isinstance(outcome, Sent)
    assert outcome.provider == "webpush"
    assert outcome.provider_id is not None
    assert outcome.provider_id.startswith(f"{sink.url}/message/")
    (push,) = sink.pushes
    assert push.owner == "ada"
    assert push.payload["id"] == 42
    assert push.payload["title"] == "Ready"
    assert push.payload["body"] == "Your order is ready. 🍕"
    assert push.payload["url"] == "https://shop.example/orders/4711"


async def test_a_newer_push_about_the_same_subject_replaces_the_older_one(
    sink: PushSink, dispatcher: WebPushDispatcher, another: Another
) -> None:
    for subject, title in [("order:1", "Ready"), ("order:2", "Created"), ("order:1", "Delivered")]:
        await send(dispatcher, another(subject=subject, title=title))
    assert [push.payload["title"] for push in sink.shown("ada")] == ["Created", "Delivered"]
    assert [push.topic for push in sink.pushes] == [topic("order:1"), topic("order:2"), topic("order:1")]


async def test_a_push_that_is_sent_twice_is_seen_once(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery
) -> None:
    await send(dispatcher, delivery)
    await send(dispatcher, delivery)
    assert dispatcher.repeatable
    assert len(sink.pushes) == 2
    assert len(sink.shown("ada")) == 1


@pytest.mark.parametrize(
    ("priority", "urgency"),
    [
        (Priority.LOW, "low"),
        (Priority.NORMAL, "normal"),
        (Priority.HIGH, "high"),
        (Priority.URGENT, "high"),
    ],
)
async def test_priority_travels_as_urgency(
    sink: PushSink, dispatcher: WebPushDispatcher, another: Another, priority: Priority, urgency: str
) -> None:
    await send(dispatcher, another(priority=priority))
    assert sink.pushes[0].urgency == urgency


async def test_the_push_service_keeps_it_for_as_long_as_the_setting_says(
    sink: PushSink, dispatcher_for: DispatcherFor, delivery: Delivery
) -> None:
    await send(await dispatcher_for(ttl_seconds=600), delivery)
    assert sink.pushes[0].ttl == 600


async def test_the_push_service_keeps_it_no_longer_than_the_delivery_lives(
    sink: PushSink, dispatcher: WebPushDispatcher, another: Another
) -> None:
    await send(dispatcher, another(expires_at=datetime.now(UTC) + timedelta(seconds=600)))
    assert 540 <= sink.pushes[0].ttl <= 600


async def test_a_clock_that_is_ahead_loses_no_push(
    sink: PushSink, dispatcher: WebPushDispatcher, another: Another
) -> None:
    """Whether a delivery has expired is decided by the database's clock, before it comes here."""
    assert isinstance(await send(dispatcher, another(expires_at=datetime.now(UTC) - timedelta(minutes=30))), Sent)
    assert sink.pushes[0].ttl == 60


async def test_a_body_of_any_length_arrives(sink: PushSink, dispatcher: WebPushDispatcher, another: Another) -> None:
    assert isinstance(await send(dispatcher, another(body="🍕" * 10_000)), Sent)
    assert str(sink.pushes[0].payload["body"]).endswith("…")


async def test_pushes_share_the_pooled_connections(
    sink: PushSink, dispatcher_for: DispatcherFor, delivery: Delivery
) -> None:
    dispatcher = await dispatcher_for(concurrency=3)
    outcomes = await asyncio.gather(*(send(dispatcher, delivery) for _ in range(30)))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert sink.connections <= 3


async def test_a_token_is_signed_once_per_push_service(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery, another: Another
) -> None:
    other = PushSink()
    await other.start()
    elsewhere = another(address=json.dumps(other.subscribe("grace")))
    for each in (delivery, elsewhere, delivery, elsewhere):
        assert isinstance(await send(dispatcher, each), Sent)
    await other.stop()
    assert len(sink._proven) == len(other._proven) == 1


async def test_the_key_that_a_browser_subscribed_with_is_the_one_that_signs(
    sink: PushSink, dispatcher: WebPushDispatcher, another: Another, vapid: tuple[str, str]
) -> None:
    address = json.dumps(sink.subscribe("ada", application_server_key=webpush.public_key(vapid[0])))
    assert isinstance(await send(dispatcher, another(address=address)), Sent)


async def test_a_subscription_made_with_another_key_is_suppressed(
    sink: PushSink, dispatcher: WebPushDispatcher, another: Another
) -> None:
    address = json.dumps(sink.subscribe("ada", application_server_key=generate_vapid_key()[1]))
    outcome = await send(dispatcher, another(address=address))
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address


async def test_a_token_that_was_refused_is_signed_anew_for_the_next_attempt(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery
) -> None:
    sink.reply = lambda _: Reply(403, {"reason": "BadJwtToken"})
    assert isinstance(await send(dispatcher, delivery), Retry)
    sink.reply = None
    assert isinstance(await send(dispatcher, delivery), Sent)
    assert len(sink._proven) == 2


@pytest.mark.parametrize("known", [True, False])
async def test_a_subscription_that_is_gone_is_suppressed(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery, another: Another, *, known: bool
) -> None:
    endpoint = json.loads(delivery.address)["endpoint"]
    if known:
        sink.expire(endpoint.rpartition("/")[2])
    else:
        delivery = another(address=delivery.address.replace(endpoint, f"{sink.url}/push/nobody"))
    outcome = await send(dispatcher, delivery)
    assert outcome == Rejected(
        f"HTTP {410 if known else 404}: the subscription is gone", suppress_address=True, provider="webpush"
    )


async def test_a_malformed_subscription_is_suppressed_without_asking(
    sink: PushSink, dispatcher: WebPushDispatcher, another: Another
) -> None:
    outcome = await send(dispatcher, another(address="not a subscription"))
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address
    assert sink.connections == 0


async def test_too_many_requests_come_back_when_the_service_says(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery
) -> None:
    sink.reply = lambda _: Reply(429, headers={"Retry-After": "11"})
    assert await send(dispatcher, delivery) == Retry("HTTP 429", after=11.0, provider="webpush")


async def test_an_endless_answer_is_not_read_to_its_end(
    sink: PushSink, dispatcher: WebPushDispatcher, delivery: Delivery
) -> None:
    sink.reply = lambda _: Reply(400, "x" * 1_000_000)
    assert await send(dispatcher, delivery) == Rejected("HTTP 400", provider="webpush")


async def test_a_key_that_does_not_load_loses_nothing_and_is_named(
    sink: PushSink, dispatcher_for: DispatcherFor, delivery: Delivery
) -> None:
    dispatcher = await dispatcher_for(vapid_private_key="hush")
    assert isinstance(await send(dispatcher, delivery), Retry)
    with pytest.raises(Unusable, match="vapid_private_key") as unusable:
        await dispatcher.ping()
    assert not re.search("hush", str(unusable.value))
    assert sink.connections == 0


async def test_a_good_key_and_a_contact_are_usable(dispatcher: WebPushDispatcher) -> None:
    await dispatcher.ping()
