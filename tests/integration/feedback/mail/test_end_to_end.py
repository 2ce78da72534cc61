"""A mail that is sent, comes back, and is the last one to that address."""

import asyncio
import smtplib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from config.channels import Email
from daemon.connections import Pool
from daemon.feedback.mail.service import ReturnedMail
from daemon.feedback.record import Feedback
from demo.sinks.mail import Mail
from demo.sinks.smtp import SmtpSink
from dispatchers.base import Sent
from dispatchers.email import EmailDispatcher
from tests.deliveries import delivery
from tests.integration.delivery.conftest import Queue, working
from tests.integration.feedback.conftest import SECRET, Rows

BOUNCES = "bounces@shop.example"


@pytest.fixture
async def sink() -> AsyncIterator[SmtpSink]:
    sink = SmtpSink()
    await sink.start()
    yield sink
    await sink.stop()


def email(sink: SmtpSink, **sections: Any) -> Email:
    provider = {"host": "127.0.0.1", "port": sink.port, "security": "none"}
    return Email.model_validate({"sender": "Bella Shop <hello@shop.example>", "provider": [provider]} | sections)


def bounce_of(mail: Mail) -> bytes:
    """As Postfix would return it."""
    lines = [
        "From: MAILER-DAEMON@mx.example",
        f"To: {mail.sender}",
        "Subject: Undelivered Mail Returned to Sender",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="report"',
        "",
        "--report",
        "Content-Type: text/plain",
        "",
        "I'm sorry.",
        "--report",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example",
        "",
        f"Final-Recipient: rfc822; {mail.to[0]}",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown",
        "",
        "--report",
        "Content-Type: message/rfc822",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + mail.raw + b"\r\n--report--\r\n"


@pytest.mark.parametrize("way", ["maildir", "listener"])
async def test_a_mail_that_came_back_is_the_last_to_its_address(
    database: str, sink: SmtpSink, pool: Pool, feedback: Feedback, rows: Rows, tmp_path: Path, way: str
) -> None:
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    settings = email(sink, bounces={"address": BOUNCES, "maildir": str(tmp_path), "poll_seconds": 0.05, "port": 0})
    queue = Queue(database)
    returned_mail = ReturnedMail(settings, SECRET, pool, feedback)
    await returned_mail.start()
    running = asyncio.create_task(returned_mail.run())
    dispatcher: Any = EmailDispatcher(settings, secret=SECRET)
    try:
        async with working(database, dispatcher):
            queue.put(channel="held")
            queue.sql("UPDATE orderbell.delivery SET channel = 'email', address = 'Zoe@Example.com'")
            await queue.until(lambda: queue.finished() == {"sent": 1})
            (mail,) = sink.mails
            assert mail.sender.startswith("bounces+")

            if way == "maildir":
                # As mail servers do: whoever looks sees all of it.
                (tmp_path / "tmp" / "1.mx").write_bytes(bounce_of(mail))
                (tmp_path / "tmp" / "1.mx").rename(tmp_path / "new" / "1.mx")
            else:
                assert returned_mail.listener is not None
                await asyncio.to_thread(_return, returned_mail.listener.port, mail)
            await queue.until(lambda: queue.finished() == {"failed": 1})
            closed = rows("SELECT channel, address, reason FROM orderbell.suppression")
            assert [tuple(row.values()) for row in closed] == [("email", "zoe@example.com", "bounce")]

            queue.put(channel="held")
            queue.sql("UPDATE orderbell.delivery SET channel = 'email', address = 'zoe@example.com'")
            await queue.until(lambda: queue.finished() == {"failed": 1, "skipped": 1})
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        queue.close()
    assert sink.received == 1
    assert rows("SELECT reason FROM orderbell.delivery_history WHERE state = 'skipped'") == [{"reason": "suppressed"}]


def _return(port: int, mail: Mail) -> None:
    """The mail server that had it, by the null sender."""
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
        smtp.sendmail("", [mail.sender.upper()], bounce_of(mail))


async def test_a_signature_survives_the_way_through_smtp(sink: SmtpSink) -> None:
    key = rsa.generate_private_key(65537, 2048)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    settings = email(sink, dkim={"selector": "mail2026", "private_key": text}, bounces={"address": BOUNCES})
    dispatcher = EmailDispatcher(settings, public_url="https://notify.shop.example", secret=SECRET)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(dispatcher.stop)
        words = {"channel": "email", "address": "zoe@example.com", "body": ".\n..dots\n.\nGrüße", "title": "Grüezi"}
        outcomes = await dispatcher.send([delivery(id=number, **words) for number in range(1, 9)])
    assert {type(outcome) for outcome in outcomes} == {Sent}

    def dns(name: bytes, timeout: int = 5) -> bytes | None:
        return b"v=DKIM1; k=rsa; p=" + public if name == b"mail2026._domainkey.shop.example." else None

    assert len(sink.mails) == 8
    assert all(dkim.verify(mail.raw, dnsfunc=dns) for mail in sink.mails)
    assert not dkim.verify(sink.mails[0].raw.replace(b"dots", b"dogs"), dnsfunc=dns)


async def test_where_nothing_can_come_back_nothing_runs(sink: SmtpSink, pool: Pool, feedback: Feedback) -> None:
    returned_mail = ReturnedMail(email(sink, bounces={"address": BOUNCES}), SECRET, pool, feedback)
    await returned_mail.start()
    async with asyncio.timeout(30):
        await returned_mail.run()
