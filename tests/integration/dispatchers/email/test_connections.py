"""How connections are kept, replaced and left."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from demo.sinks.smtp import HangUp, SmtpSink, Step, Visit
from dispatchers.base import Delivery, Rejected, Retry, Sent, Unknown
from dispatchers.email import EmailDispatcher, connections

Deliveries = Callable[..., Delivery]
DispatcherFor = Callable[..., Awaitable[EmailDispatcher]]
Script = Callable[[Step, Visit], Awaitable[str | None]]
Hanging = Callable[[Step], Script]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A QUIT is answered before anybody gives it up."""
    monkeypatch.setattr("dispatchers.email.connection.QUIT_SECONDS", 60.0)


async def until(condition: Callable[[], bool]) -> None:
    """Returns as soon as ``condition`` holds; fails after a while."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def test_mails_share_a_connection(sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries) -> None:
    for number in range(5):
        assert isinstance((await dispatcher.send([delivery(id=number)]))[0], Sent)
    assert sink.connections == 1
    assert sink.count("EHLO") == 1
    assert sink.count("RSET") == sink.count("NOOP") == 0


async def test_there_are_never_more_connections_than_configured(
    sink: SmtpSink, dispatcher_for: DispatcherFor, delivery: Deliveries
) -> None:
    dispatcher = await dispatcher_for(sink, connections=3)
    most = 0

    async def script(step: Step, _visit: Visit) -> None:
        nonlocal most
        most = max(most, sink.open_connections)
        if step is Step.DATA:
            await asyncio.sleep(0)

    sink.script = script
    outcomes = await asyncio.gather(*(dispatcher.send([delivery(id=number)]) for number in range(40)))
    assert all(isinstance(outcome, Sent) for (outcome,) in outcomes)
    assert most == 3
    assert sink.connections == 3


async def test_who_finds_all_connections_busy_for_too_long_tries_again_later(
    sink: SmtpSink, dispatcher_for: DispatcherFor, delivery: Deliveries
) -> None:
    dispatcher = await dispatcher_for(sink, connections=1, timeout_seconds=0.05)
    async with dispatcher._senders[0].connections.slots:
        (outcome,) = await dispatcher.send([delivery()])
    assert outcome == Retry("connecting: all connections are busy", provider="smtp")


async def test_a_connection_is_replaced_after_its_share_of_mails(
    sink: SmtpSink, dispatcher_for: DispatcherFor, delivery: Deliveries
) -> None:
    dispatcher = await dispatcher_for(sink, messages_per_connection=2)
    for number in range(5):
        await dispatcher.send([delivery(id=number)])
    await until(lambda: sink.count("QUIT") == 2)
    assert [visit.mails for visit in sink.visits] == [2, 2, 1]


async def test_an_unused_connection_is_left_politely(
    sink: SmtpSink, dispatcher_for: DispatcherFor, delivery: Deliveries
) -> None:
    dispatcher = await dispatcher_for(sink, idle_seconds=0.05)
    await dispatcher.send([delivery()])
    await until(lambda: sink.open_connections == 0)
    assert sink.count("QUIT") == 1
    assert isinstance((await dispatcher.send([delivery()]))[0], Sent)
    assert sink.connections == 2


async def test_a_refused_mail_leaves_the_connection_clean_for_the_next(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    async def refuse_once(step: Step, _visit: Visit) -> str | None:
        return "550 5.1.1 unknown" if step is Step.RCPT and sink.count("RCPT") == 1 else None

    sink.script = refuse_once
    assert isinstance((await dispatcher.send([delivery(id=1)]))[0], Rejected)
    assert isinstance((await dispatcher.send([delivery(id=2)]))[0], Sent)
    assert sink.connections == 1
    assert sink.count("RSET") == 1


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_without_a_word(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    await dispatcher.send([delivery(id=1)])
    sink.visits[0].hang_up()
    assert isinstance((await dispatcher.send([delivery(id=2)]))[0], Sent)
    assert [mail.message_id for mail in sink.mails] == [
        "<orderbell.1.69a485a8@shop.example>",
        "<orderbell.2.69a485a8@shop.example>",
    ]
    assert sink.connections == 2


@pytest.mark.parametrize("at", [Step.MAIL, Step.RCPT, Step.DATA])
@pytest.mark.parametrize("parting", [None, "421 4.4.2 idle for too long"])
async def test_a_kept_connection_that_dies_before_the_dot_is_replaced_and_the_mail_sent_once(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries, at: Step, parting: str | None
) -> None:
    await dispatcher.send([delivery(id=1)])

    async def die(step: Step, visit: Visit) -> str | None:
        if step is not at or visit.number > 1:
            return None
        if parting is None:
            raise HangUp
        return parting

    sink.script = die
    assert isinstance((await dispatcher.send([delivery(id=2)]))[0], Sent)
    assert [mail.message_id for mail in sink.mails] == [
        "<orderbell.1.69a485a8@shop.example>",
        "<orderbell.2.69a485a8@shop.example>",
    ]


async def test_a_kept_connection_that_dies_after_the_dot_is_not_tried_again(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    await dispatcher.send([delivery(id=1)])

    async def die(step: Step, _visit: Visit) -> None:
        if step is Step.CONTENT:
            raise HangUp

    sink.script = die
    assert isinstance((await dispatcher.send([delivery(id=2)]))[0], Unknown)
    assert sink.connections == 1


async def test_a_fresh_connection_that_dies_is_left_to_the_retries(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    async def die(step: Step, _visit: Visit) -> None:
        if step is Step.MAIL:
            raise HangUp

    sink.script = die
    assert isinstance((await dispatcher.send([delivery()]))[0], Retry)
    assert sink.connections == 1


async def test_a_connection_that_rested_long_is_asked_before_it_is_used(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PROBE_AFTER_SECONDS", -1.0)
    await dispatcher.send([delivery()])
    await dispatcher.send([delivery()])
    assert sink.count("NOOP") == 1
    assert sink.connections == 1


async def test_a_connection_that_rested_long_and_says_no_is_replaced(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PROBE_AFTER_SECONDS", -1.0)
    await dispatcher.send([delivery()])

    async def part(step: Step, _visit: Visit) -> str | None:
        return "421 4.4.2 good bye" if step is Step.NOOP else None

    sink.script = part
    assert isinstance((await dispatcher.send([delivery()]))[0], Sent)
    assert sink.connections == 2


@pytest.mark.parametrize("at", [Step.CONNECT, Step.MAIL, Step.DATA, Step.CONTENT])
async def test_a_cancelled_send_closes_its_connection_and_frees_its_place(
    sink: SmtpSink, dispatcher_for: DispatcherFor, delivery: Deliveries, hanging: Hanging, at: Step
) -> None:
    sink.script = hanging(at)
    dispatcher = await dispatcher_for(sink, connections=1)
    sending = asyncio.create_task(dispatcher.send([delivery(id=1)]))
    await until(lambda: sink.count("DATA" if at is Step.CONTENT else at) == 1 or at is Step.CONNECT)
    await until(lambda: sink.connections == 1)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await until(lambda: sink.open_connections == 0)

    sink.script = None
    assert isinstance((await dispatcher.send([delivery(id=2)]))[0], Sent)
    assert sink.connections == 2


async def test_stopping_leaves_every_server_politely(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    await asyncio.gather(*(dispatcher.send([delivery(id=number)]) for number in range(8)))
    assert sink.open_connections == 4
    await dispatcher.stop()
    await until(lambda: sink.open_connections == 0)
    assert sink.count("QUIT") == 4


async def test_stopping_does_not_wait_for_a_server_that_does_not_answer(
    sink: SmtpSink,
    dispatcher: EmailDispatcher,
    delivery: Deliveries,
    hanging: Hanging,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dispatchers.email.connection.QUIT_SECONDS", 0.05)
    await dispatcher.send([delivery()])
    sink.script = hanging(Step.QUIT)
    async with asyncio.timeout(30):
        await dispatcher.stop()


async def test_a_server_that_comes_back_is_used_again(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    await dispatcher.send([delivery(id=1)])
    await sink.stop()
    assert isinstance((await dispatcher.send([delivery(id=2)]))[0], Retry)
    await sink.start()
    assert isinstance((await dispatcher.send([delivery(id=2, attempt=2)]))[0], Sent)
