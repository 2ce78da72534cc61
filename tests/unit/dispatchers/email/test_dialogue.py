"""A mail transaction, byte by byte: what is written when, and which reply decides."""

import asyncio

import pytest
from aiosmtplib import SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol

from dispatchers.email.dialogue import Dialogue
from dispatchers.email.reply import Reply, Stage
from tests.clocks import MoveOn

MAIL, RCPT, DATA = b"MAIL FROM:<a@example.com>\r\n", b"RCPT TO:<b@example.com>\r\n", b"DATA\r\n"
CONTENT = b"Subject: x\r\n\r\n..dot\r\n.\r\n"
STEPS = (MAIL, RCPT, DATA, CONTENT)
TAKEN = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go on\r\n", b"250 2.0.0 Ok: queued as 1\r\n"


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: asyncio.BaseProtocol | None = None
        self.written: list[bytes] = []
        self.is_closed = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


class Talk:
    """A dialogue over a wire, and the transaction under way."""

    def __init__(self, *, pipelined: bool, timeout: float = 100.0, steps: tuple[bytes, ...] = STEPS) -> None:
        self.wire = Wire()
        self.below = SMTPProtocol()
        self.below.connection_made(self.wire)
        self.dialogue = Dialogue(self.wire, self.below)
        self.task = asyncio.create_task(self.dialogue.transact(steps, pipelined=pipelined, timeout=timeout))

    async def hears(self, *chunks: bytes) -> None:
        for chunk in chunks:
            await asyncio.sleep(0)
            self.dialogue.data_received(chunk)
        await asyncio.sleep(0)

    async def result(self) -> Reply:
        async with asyncio.timeout(30):
            return await self.task


async def test_each_command_waits_for_the_reply_to_the_one_before() -> None:
    talk = Talk(pipelined=False)
    said: list[bytes] = []
    for reply, step in zip((b"250 Ok\r\n", b"250 Ok\r\n", b"354 Go on\r\n"), STEPS[:3], strict=True):
        await asyncio.sleep(0)
        said.append(step)
        assert talk.wire.written == said
        await talk.hears(reply)
    await talk.hears(b"250 2.0.0 Ok: taken\r\n")
    assert talk.wire.written == list(STEPS)
    assert await talk.result() == Reply(Stage.CONTENT, 250, "2.0.0 Ok: taken")


async def test_pipelined_the_commands_go_together_and_the_content_waits_for_leave() -> None:
    talk = Talk(pipelined=True)
    await talk.hears(b"250 Ok\r\n250 Ok\r\n")
    assert talk.wire.written == [MAIL + RCPT + DATA]
    await talk.hears(b"354 Go on\r\n")
    assert talk.wire.written == [MAIL + RCPT + DATA, CONTENT]
    assert not talk.task.done()
    await talk.hears(b"250 Ok\r\n")
    assert (await talk.result()).stage is Stage.CONTENT


@pytest.mark.parametrize("size", [1, 2, 3, 7, 11, 1000])
async def test_replies_may_come_in_any_pieces(size: int) -> None:
    talk = Talk(pipelined=True)
    before, after = TAKEN
    await talk.hears(*(before[at : at + size] for at in range(0, len(before), size)))
    await talk.hears(*(after[at : at + size] for at in range(0, len(after), size)))
    assert await talk.result() == Reply(Stage.CONTENT, 250, "2.0.0 Ok: queued as 1")


async def test_a_reply_of_several_lines_is_one() -> None:
    talk = Talk(pipelined=False)
    await talk.hears(b"550-5.7.1 We do", b" not like\r\n550-5.7.1\r\n", b"550 5.7.1 you \r\n")
    assert await talk.result() == Reply(Stage.MAIL, 550, "5.7.1 We do not like\n5.7.1\n5.7.1 you")


@pytest.mark.parametrize(
    ("replies", "decided"),
    [
        (b"550 5.1.0 no\r\n503 what\r\n503 what\r\n", Reply(Stage.MAIL, 550, "5.1.0 no")),
        (b"250 Ok\r\n550 5.1.1 who\r\n503 what\r\n", Reply(Stage.RCPT, 550, "5.1.1 who")),
        (b"250 Ok\r\n250 Ok\r\n451 later\r\n", Reply(Stage.DATA, 451, "later")),
    ],
)
async def test_the_first_refusal_decides_once_all_commands_are_answered(replies: bytes, decided: Reply) -> None:
    talk = Talk(pipelined=True)
    lines = replies.splitlines(keepends=True)
    await talk.hears(*lines[:2])
    assert not talk.task.done()
    await talk.hears(lines[2])
    assert await talk.result() == decided
    assert talk.wire.written == [MAIL + RCPT + DATA]
    assert not talk.wire.is_closed


async def test_one_by_one_a_refusal_decides_at_once() -> None:
    talk = Talk(pipelined=False)
    await talk.hears(b"250 Ok\r\n", b"550 5.1.1 who\r\n")
    assert await talk.result() == Reply(Stage.RCPT, 550, "5.1.1 who")
    assert talk.wire.written == [MAIL, RCPT]


async def test_no_content_goes_to_a_server_that_wants_it_though_it_has_no_recipient() -> None:
    talk = Talk(pipelined=True)
    await talk.hears(b"250 Ok\r\n550 5.1.1 who\r\n354 Go on\r\n")
    assert await talk.result() == Reply(Stage.RCPT, 550, "5.1.1 who")
    assert talk.wire.written == [MAIL + RCPT + DATA]
    assert talk.wire.is_closed


async def test_a_server_that_takes_its_leave_is_not_waited_for() -> None:
    talk = Talk(pipelined=True)
    await talk.hears(b"421 4.3.2 bye\r\n")
    assert await talk.result() == Reply(Stage.MAIL, 421, "4.3.2 bye")


@pytest.mark.parametrize("pipelined", [False, True])
async def test_an_answer_to_what_was_not_sent_yet_takes_no_mail(pipelined: bool) -> None:  # noqa: FBT001 - a column
    talk = Talk(pipelined=pipelined)
    if not pipelined:
        await talk.hears(b"250 Ok\r\n", b"250 Ok\r\n")
        await talk.hears(b"354 Go on\r\n250 2.0.0 taken\r\n")
    else:
        await talk.hears(TAKEN[0] + TAKEN[1])
    with pytest.raises(SMTPResponseException, match="more replies"):
        await talk.result()
    assert talk.dialogue.stage is Stage.DATA
    assert CONTENT not in talk.wire.written


@pytest.mark.parametrize("nonsense", [b"yes\r\n", b"25\r\n", b"\r\n", b"-12 x\r\n", b" 50 x\r\n", b"2x0 Ok\r\n"])
async def test_what_is_no_reply_breaks_the_transaction(nonsense: bytes) -> None:
    talk = Talk(pipelined=True)
    await talk.hears(b"250 Ok\r\n" + nonsense)
    with pytest.raises(SMTPResponseException) as raised:
        await talk.result()
    assert raised.value.code == -1
    assert talk.dialogue.stage is Stage.RCPT


@pytest.mark.parametrize("endless", [b"x" * 1000, b"250-x\r\n" * 200])
async def test_a_reply_without_end_is_given_up(endless: bytes) -> None:
    talk = Talk(pipelined=False)
    await talk.hears(*[endless] * 40)
    with pytest.raises(SMTPResponseException):
        await talk.result()


@pytest.mark.parametrize("answered", range(4))
@pytest.mark.parametrize("how", ["eof", "lost"])
async def test_a_connection_that_breaks_says_how_far_it_had_come(answered: int, how: str) -> None:
    talk = Talk(pipelined=True)
    await talk.hears(*TAKEN[0].splitlines(keepends=True)[:answered])
    if how == "eof":
        assert not talk.dialogue.eof_received()
    else:
        talk.dialogue.connection_lost(OSError("reset"))
    with pytest.raises(SMTPServerDisconnected):
        await talk.result()
    assert talk.dialogue.stage is list(Stage)[1 + answered]
    assert talk.below.is_connected is (how == "eof")


async def test_a_refusal_outlives_the_connection() -> None:
    talk = Talk(pipelined=True)
    await talk.hears(b"250 Ok\r\n550 5.1.1 who\r\n")
    talk.dialogue.connection_lost(None)
    with pytest.raises(SMTPServerDisconnected):
        await talk.result()
    assert talk.dialogue.refusal == Reply(Stage.RCPT, 550, "5.1.1 who")


@pytest.mark.parametrize("pipelined", [False, True])
async def test_silence_has_an_end(pipelined: bool, move_on: MoveOn) -> None:  # noqa: FBT001 - a column
    talk = Talk(pipelined=pipelined, timeout=100)
    await talk.hears(b"250 Ok\r\n")
    move_on(101.0)
    with pytest.raises(TimeoutError):
        await talk.result()
    assert talk.dialogue.stage is Stage.RCPT


@pytest.mark.parametrize("seconds", [100, 30], ids=["as long", "shorter"])
async def test_one_timer_serves_one_transaction_after_the_other(seconds: int, move_on: MoveOn) -> None:
    talk = Talk(pipelined=True, timeout=100)
    await talk.hears(*TAKEN)
    await talk.result()
    move_on(60.0)
    next_one = asyncio.create_task(talk.dialogue.transact(STEPS, pipelined=True, timeout=seconds))
    await asyncio.sleep(0)
    move_on(seconds / 2)  # with 100, the time of the one before is over
    await asyncio.sleep(0.01)
    assert not next_one.done()
    move_on(seconds / 2 + 1)
    await asyncio.sleep(0.01)
    assert next_one.done()
    with pytest.raises(TimeoutError):
        await next_one


async def test_outside_of_a_transaction_everything_is_aiosmtplibs() -> None:
    talk = Talk(pipelined=True)
    await talk.hears(*TAKEN)
    await talk.result()
    asking = asyncio.create_task(talk.below.execute_command(b"NOOP"))
    await talk.hears(b"250 2.0.0 here\r\n")
    assert (await asking).message == "2.0.0 here"
    assert talk.wire.written[-1] == b"NOOP\r\n"


async def test_what_comes_unasked_between_mails_is_no_reply_to_the_next() -> None:
    talk = Talk(pipelined=True)
    await talk.hears(*TAKEN)
    await talk.result()
    await talk.hears(b"250 stray\r\n")
    again = asyncio.create_task(talk.dialogue.transact(STEPS, pipelined=True, timeout=100))
    await talk.hears(b"550 no\r\n503 no\r\n503 no\r\n")
    assert (await again).code == 550


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("addition", [b"\r\nRCPT TO:<eve@example.com>", b"\n", b"\r", b"\r\n"])
async def test_a_command_of_more_than_one_line_is_never_sent(at: int, addition: bytes) -> None:
    steps = [*STEPS]
    steps[at] = steps[at][:-2] + addition + b"\r\n"
    talk = Talk(pipelined=True, steps=tuple(steps))
    with pytest.raises(ValueError, match="one line"):
        await talk.result()
    assert talk.wire.written == []
    assert talk.dialogue.stage is Stage.MAIL


async def test_a_connection_that_is_going_is_not_written_to() -> None:
    talk = Talk(pipelined=True)
    await talk.hears(*TAKEN)
    await talk.result()
    talk.wire.close()
    with pytest.raises(SMTPServerDisconnected):
        await talk.dialogue.transact(STEPS, pipelined=True, timeout=100)
    assert talk.dialogue.stage is Stage.MAIL  # not the last transaction's


async def test_a_cancelled_transaction_hears_no_more() -> None:
    talk = Talk(pipelined=True)
    await asyncio.sleep(0)
    talk.task.cancel()
    await talk.hears(b"250 Ok\r\n")
    with pytest.raises(asyncio.CancelledError):
        await talk.task


async def test_who_says_more_than_was_asked_is_not_spoken_to_again() -> None:
    talk = Talk(pipelined=False)
    await talk.hears(b"250 Ok\r\n", b"250 Ok\r\n", b"354 Go on\r\n", b"250 taken\r\n421 idle for too long\r\n")
    assert await talk.result() == Reply(Stage.CONTENT, 250, "taken")
    assert talk.wire.is_closed
