"""Two SMTP servers: which is used, and when the other takes over."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from demo.sinks.smtp import HangUp, SmtpSink, Step, Visit
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown, Unusable
from dispatchers.breaker import Rules
from dispatchers.email import EmailDispatcher

Deliveries = Callable[..., Delivery]
DispatcherOver = Callable[..., Awaitable[EmailDispatcher]]
Running = Callable[..., Awaitable[SmtpSink]]
Script = Callable[[Step, Visit], Awaitable[str | None]]


def answering(at: Step, reply: str) -> Script:
    async def script(step: Step, _visit: Visit) -> str | None:
        return reply if step is at else None

    return script


async def send(dispatcher: EmailDispatcher, delivery: Delivery) -> Outcome:
    (outcome,) = await dispatcher.send([delivery])
    return outcome


def tries(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(tried.provider, tried.outcome, tried.code) for tried in outcome.tries]


@pytest.fixture
async def first(running: Running) -> SmtpSink:
    return await running()


@pytest.fixture
async def second(running: Running) -> SmtpSink:
    return await running()


@pytest.fixture
async def dispatcher(first: SmtpSink, second: SmtpSink, dispatcher_over: DispatcherOver) -> EmailDispatcher:
    return await dispatcher_over(first, second)


async def test_the_first_is_used_while_it_works(
    first: SmtpSink, second: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    outcome = await send(dispatcher, delivery())
    assert outcome == Sent("00000001", provider="a")
    assert tries(outcome) == [("a", "sent", "250 2.0.0")]
    assert (first.received, second.received) == (1, 0)


async def test_the_second_takes_over_at_once_where_the_first_is_down(
    first: SmtpSink, second: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    await first.stop()
    outcome = await send(dispatcher, delivery())
    assert outcome == Sent("00000001", provider="b")
    assert tries(outcome) == [("a", "retry", ""), ("b", "sent", "250 2.0.0")]
    assert second.mails[0].message_id == "<orderbell.1.69a485a8@shop.example>"


async def test_one_that_stays_down_is_not_asked_again_until_it_is_probed_and_then_used(
    first: SmtpSink, second: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries, hands: Any
) -> None:
    await first.stop()
    for number in range(10):
        outcome = await send(dispatcher, delivery(id=number))
        asked = ["a", "b"] if number < Rules().failures else ["b"]
        assert [name for name, _, _ in tries(outcome)] == asked

    await first.start()
    assert (await send(dispatcher, delivery())).provider == "b"
    hands.seconds += Rules().open_seconds
    assert (await send(dispatcher, delivery())).provider == "a"
    assert (await send(dispatcher, delivery())).provider == "a"
    assert (first.received, second.received) == (2, 11)


async def test_a_probe_that_fails_costs_one_mail_nothing(
    first: SmtpSink, second: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries, hands: Any
) -> None:
    await first.stop()
    for number in range(Rules().failures):
        await send(dispatcher, delivery(id=number))
    hands.seconds += Rules().open_seconds
    outcomes = await asyncio.gather(*(send(dispatcher, delivery(id=number)) for number in range(8)))
    assert all(outcome.provider == "b" for outcome in outcomes)
    assert sum(len(outcome.tries) == 2 for outcome in outcomes) == 1
    assert second.received == Rules().failures + 8


@pytest.mark.parametrize("at", [Step.CONNECT, Step.MAIL, Step.RCPT, Step.CONTENT])
async def test_one_that_has_had_enough_of_us_gets_a_pause(
    first: SmtpSink,
    second: SmtpSink,
    dispatcher: EmailDispatcher,
    delivery: Deliveries,
    hands: Any,
    at: Step,
) -> None:
    first.script = answering(at, "421 4.7.0 too many messages")
    outcome = await send(dispatcher, delivery())
    assert tries(outcome) == [("a", "retry", "421 4.7.0"), ("b", "sent", "250 2.0.0")]
    visits = first.connections
    first.script = None
    assert tries(await send(dispatcher, delivery())) == [("b", "sent", "250 2.0.0")]
    assert first.connections == visits
    hands.seconds += 1.0
    assert (await send(dispatcher, delivery())).provider == "a"
    assert second.received == 2


@pytest.mark.parametrize(
    ("at", "reply"),
    [
        (Step.CONTENT, "451 4.3.0 queue error"),
        (Step.RCPT, "452 4.3.1 disk full"),
        (Step.RCPT, "554 5.7.1 relay access denied"),
        (Step.MAIL, "553 5.7.1 not your sender"),
    ],
)
async def test_what_one_cannot_do_the_other_does(
    first: SmtpSink, second: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries, at: Step, reply: str
) -> None:
    first.script = answering(at, reply)
    assert (await send(dispatcher, delivery())).provider == "b"
    assert (first.received, second.received) == (0, 1)


@pytest.mark.parametrize(
    ("at", "reply", "kind"),
    [
        (Step.RCPT, "550 5.1.1 unknown", Rejected),
        (Step.RCPT, "450 4.7.1 greylisted", Retry),
        (Step.CONTENT, "554 5.7.1 spam", Rejected),
    ],
)
async def test_what_is_about_the_recipient_or_the_mail_is_not_asked_of_another(
    first: SmtpSink,
    second: SmtpSink,
    dispatcher: EmailDispatcher,
    delivery: Deliveries,
    at: Step,
    reply: str,
    kind: type[Outcome],
) -> None:
    first.script = answering(at, reply)
    for _ in range(10):
        outcome = await send(dispatcher, delivery())
        assert isinstance(outcome, kind)
        assert (outcome.provider, outcome.code) == ("a", reply[:9])
    assert second.connections == 0


async def test_silence_after_the_dot_never_goes_to_another(
    first: SmtpSink, second: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    async def die(step: Step, _visit: Visit) -> None:
        if step is Step.CONTENT:
            raise HangUp

    first.script = die
    outcome = await send(dispatcher, delivery())
    assert isinstance(outcome, Unknown)
    assert tries(outcome) == [("a", "unknown", "")]
    assert second.connections == 0


async def test_a_login_that_is_refused_is_not_tried_again_and_again(
    running: Running, second: SmtpSink, dispatcher_over: DispatcherOver, delivery: Deliveries
) -> None:
    guarded = await running(login=("bella", "correct horse"))
    dispatcher = await dispatcher_over(guarded, second)
    assert tries(await send(dispatcher, delivery(id=1))) == [("a", "retry", "530 5.7.0"), ("b", "sent", "250 2.0.0")]
    assert tries(await send(dispatcher, delivery(id=2))) == [("b", "sent", "250 2.0.0")]


async def test_with_both_down_it_is_tried_again_and_soon_without_asking(
    first: SmtpSink, second: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    await first.stop()
    await second.stop()
    for number in range(Rules().failures):
        outcome = await send(dispatcher, delivery(id=number))
        assert isinstance(outcome, Retry)
        assert tries(outcome) == [("a", "retry", ""), ("b", "retry", "")]
    outcome = await send(dispatcher, delivery())
    assert outcome == Retry("a is left alone after failures; b is left alone after failures", 5.0, "a")
    assert outcome.tries == ()


async def test_no_more_is_sent_through_one_than_its_rate(
    first: SmtpSink, second: SmtpSink, dispatcher_over: DispatcherOver, delivery: Deliveries, hands: Any
) -> None:
    dispatcher = await dispatcher_over(first, second, rate_per_second=2.0, burst=3)
    for number in range(10):
        assert isinstance(await send(dispatcher, delivery(id=number)), Sent)
    assert (first.received, second.received) == (3, 7)
    hands.seconds += 1.0
    for number in range(10):
        await send(dispatcher, delivery(id=number))
    assert (first.received, second.received) == (5, 15)


async def test_ping_names_each_that_is_not_well(first: SmtpSink, second: SmtpSink, dispatcher: EmailDispatcher) -> None:
    await dispatcher.ping()
    await first.stop()
    with pytest.raises(Unusable, match=r"^email provider a at 127\.0\.0\.1:\d+ [^;]*; check \[\[email\.provider\]\]$"):
        await dispatcher.ping()
    await second.stop()
    with pytest.raises(Unusable, match=r"email provider a .*; email provider b "):
        await dispatcher.ping()
