"""The SMTP server for mails that come back, over real sockets."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import aiosmtplib
import psycopg
import pytest

from daemon.api.listen import ListenError
from daemon.feedback.mail import listener as listener_module
from daemon.feedback.mail.listener import Listener
from daemon.feedback.mail.taking import Taken, Taking
from dispatchers.email.returning import ReturnPaths
from tests.integration.feedback.conftest import Rows, SentDelivery
from tests.integration.feedback.mail.conftest import ADDRESS, PathOf
from tests.unit.feedback.mail import mails
from tests.unit.feedback.mail.mails import crlf, postfix


@pytest.fixture
async def listener(return_paths: ReturnPaths, taking: Taking) -> AsyncIterator[Listener]:
    listener = Listener("127.0.0.1", 0, return_paths, taking)
    listener.start()
    serving = asyncio.create_task(listener.run())
    yield listener
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    async with asyncio.timeout(30):
        while listener.sessions:
            await asyncio.sleep(0.01)


@pytest.fixture
async def client(listener: Listener) -> AsyncIterator[aiosmtplib.SMTP]:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port, timeout=60, start_tls=False)
    await client.connect()
    yield client
    client.close()


async def reply_to(client: aiosmtplib.SMTP, content: bytes, recipient: str = ADDRESS, sender: str = "") -> str:
    """The last reply to a mail, or to the command that was refused."""
    try:
        await client.mail(sender)
        await client.rcpt(recipient)
        answer = await client.data(content)
    except aiosmtplib.SMTPResponseException as refusal:
        answer = aiosmtplib.SMTPResponse(refusal.code, refusal.message)
    return f"{answer.code} {answer.message}"


async def test_a_report_is_taken_once_it_is_written(
    client: aiosmtplib.SMTP, sent: SentDelivery, path_of: PathOf, rows: Rows
) -> None:
    id_ = await sent("email", "zoe@example.com")
    # The token stands in the envelope only.
    assert await reply_to(client, postfix(), path_of(id_)) == "250 2.0.0 Ok"
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "failed"}]
    assert rows("SELECT reason FROM orderbell.suppression") == [{"reason": "bounce"}]


async def test_several_mails_may_come_over_one_connection(
    client: aiosmtplib.SMTP, sent: SentDelivery, path_of: PathOf, rows: Rows
) -> None:
    for _ in range(30):
        id_ = await sent("email", "zoe@example.com")
        assert await reply_to(client, postfix(), path_of(id_)) == "250 2.0.0 Ok"
    assert rows("SELECT count(*) FROM orderbell.delivery_history WHERE state = 'failed'") == [{"count": 30}]


@pytest.mark.parametrize(
    "recipient",
    ["someone@elsewhere.example", "hello@shop.example", "postmaster@shop.example", "bounces@shop.example.evil.test"],
)
async def test_nothing_is_taken_for_anybody_else(client: aiosmtplib.SMTP, recipient: str) -> None:
    assert (await reply_to(client, postfix(), recipient)).startswith("550 5.1.1 ")


async def test_a_sender_may_be_named(client: aiosmtplib.SMTP) -> None:
    assert await reply_to(client, postfix(), sender="mailer-daemon@mx.example") == "250 2.0.0 Ok"


async def test_what_is_not_understood_stays_with_who_brought_it(client: aiosmtplib.SMTP) -> None:
    mail = crlf(mails.VACATION.format(to=ADDRESS))
    assert (await reply_to(client, mail)).startswith("554 5.6.0 ")
    assert await reply_to(client, postfix()) == "250 2.0.0 Ok"


async def test_a_mail_that_is_too_large_is_refused(client: aiosmtplib.SMTP) -> None:
    assert (await reply_to(client, postfix() + b"x" * 998 + b"\r\n" + b"y\r\n" * 2**20)).startswith("552 ")


async def test_lines_may_be_longer_than_they_may_be(client: aiosmtplib.SMTP) -> None:
    assert await reply_to(client, postfix().replace(b"I'm sorry", b"sorry " * 5_000)) == "250 2.0.0 Ok"


@pytest.mark.parametrize("answer", [psycopg.OperationalError("away"), Taken.LATER, RuntimeError("a fault of ours")])
async def test_what_cannot_be_written_now_is_to_come_again(
    client: aiosmtplib.SMTP, listener: Listener, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    async def take(*_: object) -> Taken:
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Taken)
        return answer

    monkeypatch.setattr(listener._taking, "take", take)
    assert (await reply_to(client, postfix())).startswith("451 4.3.0 ")


async def test_there_are_only_so_many_connections(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "MOST_CONNECTIONS", 2)
    streams = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(3)]
    greetings = [await reader.readline() for reader, _ in streams]
    assert [line[:3] for line in greetings] == [b"220", b"220", b"421"]
    assert await streams[2][0].read() == b""
    for _, writer in streams:
        writer.close()
    async with asyncio.timeout(30):
        while listener.sessions:
            await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    assert (await reader.readline()).startswith(b"220 ")
    writer.close()


@pytest.mark.parametrize(
    "said",
    [
        b"\x00\xff\r\n",
        b"MAIL FROM:<a\r\n",
        b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<\r\n",
        b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<@\xff>\r\n",
        b"EHLO x\r\nRCPT TO:<bounces@shop.example>\r\nDATA\r\n",
        b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<bounces@shop.example>\r\nDATA\r\nunfinished",
        b"A" * 100_000 + b"\r\n",
        b"AUTH PLAIN AAAA\r\n",
        b"",
    ],
)
async def test_whatever_is_said_to_it_it_goes_on(listener: Listener, client: aiosmtplib.SMTP, said: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(said)
    writer.write_eof()
    answer = await reader.read()
    assert not re.search(rb"^(250 2\.0\.0 Ok|235)", answer, re.MULTILINE)
    writer.close()
    assert await reply_to(client, postfix()) == "250 2.0.0 Ok"


async def test_a_port_that_is_taken_is_named_by_its_setting(listener: Listener, return_paths: ReturnPaths) -> None:
    with pytest.raises(ListenError, match=r"email\.bounces\.port"):
        Listener("127.0.0.1", listener.port, return_paths, listener._taking).start()
