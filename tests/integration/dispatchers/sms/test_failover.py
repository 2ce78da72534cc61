"""Two SMS accounts: which is used, and when the other takes over; and that nobody is texted twice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from demo.sinks.server import Reply
from demo.sinks.twilio import TwilioSink
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown, Unusable
from dispatchers.breaker import Rules
from dispatchers.sms.dispatcher import SmsDispatcher

Another = Callable[..., Delivery]
DispatcherOver = Callable[..., Awaitable[SmsDispatcher]]


async def send(dispatcher: SmsDispatcher, delivery: Delivery) -> Outcome:
    (outcome,) = await dispatcher.send([delivery])
    return outcome


def tries(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(tried.provider, tried.outcome, tried.code) for tried in outcome.tries]


def refusing(status: int, code: int, **headers: str) -> Callable[[object], Reply]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(status, {"code": code, "message": "", "status": status}, named)


@pytest.fixture
async def dispatcher(sink: TwilioSink, other: TwilioSink, dispatcher_over: DispatcherOver) -> SmsDispatcher:
    return await dispatcher_over(sink, other)


async def test_the_first_is_used_while_it_works(
    sink: TwilioSink, other: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery
) -> None:
    outcome = await send(dispatcher, delivery)
    assert outcome == Sent(sink.texts[0].sid, provider="a")
    assert tries(outcome) == [("a", "sent", "201")]
    assert other.connections == 0


async def test_the_second_takes_over_at_once_where_the_first_is_down_and_gives_back_after_a_probe(
    sink: TwilioSink, other: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery, hands: Any
) -> None:
    await sink.stop()
    for number in range(8):
        outcome = await send(dispatcher, delivery)
        first = [("a", "retry", "")] if number < Rules().failures else []
        assert tries(outcome) == [*first, ("b", "sent", "201")]
    await sink.start()
    assert (await send(dispatcher, delivery)).provider == "b"
    hands.seconds += Rules().open_seconds
    assert (await send(dispatcher, delivery)).provider == "a"
    assert (len(sink.texts), len(other.texts)) == (1, 9)


@pytest.mark.parametrize(("status", "code"), [(429, 20429), (503, 20503)])
async def test_one_that_asks_for_a_pause_gets_it(
    sink: TwilioSink,
    other: TwilioSink,
    dispatcher: SmsDispatcher,
    delivery: Delivery,
    hands: Any,
    status: int,
    code: int,
) -> None:
    asked = 0

    def refuse(_: object) -> Reply:
        nonlocal asked
        asked += 1
        return Reply(status, {"code": code, "message": "", "status": status}, {"Retry-After": "7"})

    sink.reply = refuse
    assert tries(await send(dispatcher, delivery)) == [("a", "retry", str(code)), ("b", "sent", "201")]
    for _ in range(5):
        assert tries(await send(dispatcher, delivery)) == [("b", "sent", "201")]
    hands.seconds += 6.9
    assert (await send(dispatcher, delivery)).provider == "b"
    assert asked == 1
    sink.reply = None
    hands.seconds += 0.2
    assert (await send(dispatcher, delivery)).provider == "a"
    assert len(other.texts) == 7


@pytest.mark.parametrize(
    ("status", "code"), [(503, 20503), (400, 21611), (400, 21606), (400, 21408), (400, 21608), (400, 21612)]
)
async def test_what_one_cannot_do_the_other_does(
    sink: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery, status: int, code: int
) -> None:
    sink.reply = refusing(status, code)
    assert (await send(dispatcher, delivery)).provider == "b"


@pytest.mark.parametrize("code", [21211, 21610, 21614])
async def test_a_number_that_cannot_be_texted_is_not_asked_of_another(
    sink: TwilioSink, other: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery, code: int
) -> None:
    sink.reply = refusing(400, code)
    for _ in range(10):
        outcome = await send(dispatcher, delivery)
        assert isinstance(outcome, Rejected)
        assert (outcome.suppress_address, outcome.code, outcome.provider) == (True, str(code), "a")
    assert other.connections == 0


@pytest.mark.parametrize("taken", [True, False])
async def test_silence_never_goes_to_another(
    sink: TwilioSink, other: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery, *, taken: bool
) -> None:
    sink.reply = lambda _: Reply(drop=True, record=taken)
    outcome = await send(dispatcher, delivery)
    assert isinstance(outcome, Unknown)
    assert tries(outcome) == [("a", "unknown", "")]
    assert other.connections == 0


async def test_silence_that_goes_on_opens_the_breaker(
    sink: TwilioSink, other: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery
) -> None:
    sink.reply = lambda _: Reply(drop=True)
    for _ in range(Rules().failures):
        assert isinstance(await send(dispatcher, delivery), Unknown)
    assert (await send(dispatcher, delivery)).provider == "b"
    assert len(sink.texts) == Rules().failures


async def test_a_wrong_token_is_not_tried_again_and_again(
    sink: TwilioSink, other: TwilioSink, dispatcher_over: DispatcherOver, delivery: Delivery
) -> None:
    dispatcher = await dispatcher_over(sink, other, auth_token="wrong")
    assert tries(await send(dispatcher, delivery)) == [("a", "retry", "20003"), ("b", "sent", "201")]
    assert tries(await send(dispatcher, delivery)) == [("b", "sent", "201")]


async def test_with_both_down_it_is_tried_again(
    sink: TwilioSink, other: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery
) -> None:
    sink.reply = refusing(429, 20429, Retry_After="60")
    await other.stop()
    outcome = await send(dispatcher, delivery)
    assert isinstance(outcome, Retry)
    assert tries(outcome) == [("a", "retry", "20429"), ("b", "retry", "")]
    assert outcome.provider == "b"


async def test_all_that_want_a_pause_are_asked_again_after_the_shortest(
    sink: TwilioSink, other: TwilioSink, dispatcher: SmsDispatcher, delivery: Delivery, hands: Any
) -> None:
    sink.reply = refusing(429, 20429, Retry_After="60")
    other.reply = refusing(429, 20429, Retry_After="20")
    outcome = await send(dispatcher, delivery)
    assert isinstance(outcome, Retry)
    assert outcome.after == 20.0
    hands.seconds += 5.0
    assert await send(dispatcher, delivery) == Retry("a wants a pause; b wants a pause", 15.0, "b")


async def test_no_more_is_sent_than_the_rate_however_many_wait(
    sink: TwilioSink, dispatcher_over: DispatcherOver, delivery: Delivery, hands: Any
) -> None:
    dispatcher = await dispatcher_over(sink, rate_per_second=2.0)
    outcomes = await asyncio.gather(*(send(dispatcher, delivery) for _ in range(20)))
    sent = sum(isinstance(outcome, Sent) for outcome in outcomes)
    assert len(sink.texts) == sent
    assert sent <= 1 + 2.0 * (hands.seconds - 1000.0)
    afters = [outcome.after for outcome in outcomes if isinstance(outcome, Retry)]
    assert len(afters) == 20 - sent
    assert len(set(afters)) == len(afters)


async def test_ping_names_each_that_is_not_well(sink: TwilioSink, other: TwilioSink, dispatcher: SmsDispatcher) -> None:
    await dispatcher.ping()
    other.account_status = "suspended"
    with pytest.raises(Unusable, match=r"^b: the account is suspended"):
        await dispatcher.ping()
    await sink.stop()
    with pytest.raises(Unusable, match=r"^a: no answer from .*; b: the account is suspended"):
        await dispatcher.ping()
