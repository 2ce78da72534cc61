"""One mail and its outcome, over a real socket."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from config import Settings
from config.channels import Email, EmailProvider
from demo.sinks.smtp import HangUp, SmtpSink, Step, Visit
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown, Unusable
from dispatchers.email import EmailDispatcher, create
from tests.clocks import MoveOn

Deliveries = Callable[..., Delivery]
Running = Callable[..., Awaitable[SmtpSink]]
DispatcherFor = Callable[..., Awaitable[EmailDispatcher]]
Script = Callable[[Step, Visit], Awaitable[str | None]]

BEFORE_THE_DOT = [Step.MAIL, Step.RCPT, Step.DATA]


def answering(at: Step, reply: str) -> Script:
    async def script(step: Step, _visit: Visit) -> str | None:
        return reply if step is at else None

    return script


def hanging_up(at: Step) -> Script:
    async def script(step: Step, _visit: Visit) -> str | None:
        if step is at:
            raise HangUp
        return None

    return script


async def send(dispatcher: EmailDispatcher, delivery: Delivery) -> Outcome:
    outcomes = await dispatcher.send([delivery])
    assert len(outcomes) == 1
    return outcomes[0]


async def test_a_mail_arrives_as_it_was_meant(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    outcome = await send(dispatcher, delivery())

    assert outcome == Sent(provider_id="00000001", provider="smtp")
    (mail,) = sink.mails
    assert mail.sender == "hello@shop.example"
    assert mail.to == ("zoe@example.com",)
    assert mail.message_id == "<orderbell.1.69a485a8@shop.example>"
    assert mail.subject == "Your order is ready, grüezi"
    assert mail.event == "order.ready"
    assert mail.notification_id == 77
    assert mail.headers["To"] == "Zoë Müller <zoe@example.com>"
    assert "packed it.\n.\nTotal: 34.80 €" in mail.text
    assert "Total: 34.80 €" in mail.html


async def test_a_second_attempt_carries_the_same_message_id(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    await send(dispatcher, delivery(attempt=1))
    await send(dispatcher, delivery(attempt=2))
    assert len({mail.message_id for mail in sink.mails}) == 1


async def test_a_batch_has_one_outcome_for_each_delivery_in_order(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    batch = [delivery(id=1), delivery(id=2, address="nobody"), delivery(id=3)]
    first, second, third = await dispatcher.send(batch)
    assert (type(first), type(second), type(third)) == (Sent, Rejected, Sent)
    assert sink.received == 2


@pytest.mark.parametrize("step", [*BEFORE_THE_DOT, Step.CONTENT])
async def test_a_4xx_is_tried_again(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries, step: Step
) -> None:
    sink.script = answering(step, "451 4.3.0 try later")
    outcome = await send(dispatcher, delivery())
    assert isinstance(outcome, Retry)
    assert "451 4.3.0 try later" in outcome.error


@pytest.mark.parametrize(
    ("step", "reply", "suppress"),
    [
        (Step.RCPT, "550 5.1.1 <zoe@example.com> unknown", True),
        (Step.RCPT, "550 no such user", True),
        (Step.RCPT, "554 5.7.1 blocked", False),
        (Step.MAIL, "550 5.1.0 sender refused", False),
        (Step.DATA, "554 no", False),
        (Step.CONTENT, "554 5.6.0 spam", False),
    ],
)
async def test_a_5xx_is_final(
    sink: SmtpSink,
    dispatcher: EmailDispatcher,
    delivery: Deliveries,
    step: Step,
    reply: str,
    suppress: bool,  # noqa: FBT001 - a column
) -> None:
    sink.script = answering(step, reply)
    outcome = await send(dispatcher, delivery())
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address is suppress
    assert "zoe@" not in outcome.error


@pytest.mark.parametrize("step", [Step.CONNECT, *BEFORE_THE_DOT])
async def test_a_server_that_hangs_up_before_the_dot_has_not_taken_the_mail(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries, step: Step
) -> None:
    sink.script = hanging_up(step)
    assert isinstance(await send(dispatcher, delivery()), Retry)


@pytest.mark.parametrize("step", [Step.READ, Step.CONTENT])
async def test_a_server_that_hangs_up_after_the_dot_may_have_taken_it(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries, step: Step
) -> None:
    sink.script = hanging_up(step)
    outcome = await send(dispatcher, delivery())
    assert isinstance(outcome, Unknown)
    assert outcome.error.startswith("end of data: ")


@pytest.mark.parametrize("step", [Step.CONNECT, *BEFORE_THE_DOT])
async def test_silence_before_the_dot_is_tried_again(
    sink: SmtpSink,
    dispatcher_for: DispatcherFor,
    delivery: Deliveries,
    step: Step,
    hanging: Callable[[Step], Script],
) -> None:
    sink.script = hanging(step)
    dispatcher = await dispatcher_for(sink, timeout_seconds=0.2)
    outcome = await send(dispatcher, delivery())
    assert isinstance(outcome, Retry)
    assert outcome.error.endswith("timed out")


async def test_silence_after_the_dot_leaves_the_outcome_unknown(
    sink: SmtpSink,
    dispatcher: EmailDispatcher,
    delivery: Deliveries,
    hanging: Callable[[Step], Script],
    move_on: MoveOn,
) -> None:
    async def script(step: Step, visit: Visit) -> str | None:
        if step is Step.CONTENT:
            move_on(31.0)
        return await hanging(Step.CONTENT)(step, visit)

    sink.script = script
    assert await send(dispatcher, delivery()) == Unknown("end of data: timed out", provider="smtp")


async def test_no_server_at_all_is_tried_again(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    await sink.stop()
    outcome = await send(dispatcher, delivery())
    assert isinstance(outcome, Retry)
    assert outcome.error.startswith("connecting: ")


@pytest.mark.parametrize("greeting", ["421 too busy", "554 no service for you", "garbage"])
async def test_a_server_that_does_not_want_us_is_tried_again(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries, greeting: str
) -> None:
    sink.script = answering(Step.CONNECT, greeting)
    assert isinstance(await send(dispatcher, delivery()), Retry)


async def test_a_reply_that_is_not_smtp_after_the_dot_leaves_the_outcome_unknown(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    sink.script = answering(Step.CONTENT, "yes, fine")
    assert isinstance(await send(dispatcher, delivery()), Unknown)


async def test_what_is_no_address_is_rejected_and_suppressed_without_asking_the_server(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    outcome = await send(dispatcher, delivery(address="zoe@exa mple.com"))
    assert outcome == Rejected("the address has no valid domain after the @", suppress_address=True, provider="smtp")
    assert sink.connections == 0


async def test_an_international_domain_travels_in_ascii(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    await send(dispatcher, delivery(address="zoe@bücher.example"))
    assert sink.mails[0].to == ("zoe@xn--bcher-kva.example",)


async def test_an_international_mailbox_is_sent_to_where_the_server_offers_smtputf8(
    sink: SmtpSink, dispatcher: EmailDispatcher, delivery: Deliveries
) -> None:
    assert isinstance(await send(dispatcher, delivery(address="zoë@example.com")), Sent)
    assert sink.mails[0].to == ("zoë@example.com",)


async def test_an_international_mailbox_is_rejected_where_the_server_does_not_offer_smtputf8(
    running: Running, dispatcher_for: DispatcherFor, delivery: Deliveries
) -> None:
    sink = await running(smtputf8=False)
    outcome = await send(await dispatcher_for(sink), delivery(address="zoë@example.com"))
    assert isinstance(outcome, Rejected)
    assert "SMTPUTF8" in outcome.error
    assert not outcome.suppress_address
    assert sink.count("MAIL") == 0


async def test_ping_is_quiet_where_all_is_well(sink: SmtpSink, dispatcher: EmailDispatcher) -> None:
    await dispatcher.ping()
    assert sink.count("NOOP") == 1
    assert sink.count("MAIL") == 0


async def test_ping_says_what_is_wrong_and_where(sink: SmtpSink, dispatcher: EmailDispatcher) -> None:
    await sink.stop()
    with pytest.raises(Unusable, match=rf"email provider smtp at 127\.0\.0\.1:{sink.port} .*: .*refused|failed"):
        await dispatcher.ping()


def test_there_is_no_dispatcher_without_a_provider() -> None:
    assert create(Settings()) is None


def test_a_configured_provider_makes_a_dispatcher() -> None:
    settings = Settings(email=Email(sender="a@shop.example", concurrency=7, provider=(EmailProvider(),)))
    dispatcher = create(settings)
    assert dispatcher is not None
    assert (dispatcher.channel, dispatcher.concurrency, dispatcher.batch_size) == ("email", 7, 1)
    assert dispatcher.repeatable


@pytest.mark.parametrize("pieces", [1, 3])
async def test_commands_go_together_where_the_server_takes_them_together(
    dispatcher_for: DispatcherFor, delivery: Deliveries, pieces: int
) -> None:
    contents: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here ESMTP\r\n")
        await reader.readuntil(b"\r\n")
        writer.write(b"250-here\r\n250-SIZE 1000000\r\n250 PIPELINING\r\n")
        for _ in range(2):
            commands = await reader.readuntil(b"\r\nDATA\r\n")  # no answer to one before all are there
            assert [line.partition(b" ")[0] for line in commands.splitlines()] == [b"MAIL", b"RCPT", b"DATA"]
            replies = [b"250 2.1.0 Ok\r\n", b"250 2.1.5 Ok\r\n", b"354 Go on\r\n"]
            for at in range(0, 3, 3 // pieces):
                writer.write(b"".join(replies[at : at + 3 // pieces]))
                await asyncio.sleep(0.01)
            contents.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"250 2.0.0 Ok: queued as %d\r\n" % len(contents))
        assert await reader.readuntil(b"\r\n") == b"QUIT\r\n"
        writer.write(b"221 2.0.0 Bye\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        dispatcher = await dispatcher_for(SmtpSink(port=server.sockets[0].getsockname()[1]))
        assert await send(dispatcher, delivery(id=1)) == Sent(provider_id="1", provider="smtp")
        assert await send(dispatcher, delivery(id=2)) == Sent(provider_id="2", provider="smtp")
        await dispatcher.stop()
    assert [b"<orderbell.1." in contents[0], b"<orderbell.2." in contents[1]] == [True, True]
