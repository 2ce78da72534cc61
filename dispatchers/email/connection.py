"""One connection to an SMTP server: opening it, one message over it, and leaving it."""

import asyncio
import contextlib
import ssl
from typing import Final, cast

import aiosmtplib

from config.channels import EmailProvider
from dispatchers.email.address import Mailbox
from dispatchers.email.dialogue import Dialogue
from dispatchers.email.message import Envelope
from dispatchers.email.reply import Broken, Reply, Stage, is_closing

PROBE_SECONDS: Final = 5.0
"""A kept connection that does not answer a RSET or NOOP within this is dead."""
QUIT_SECONDS: Final = 2.0

_NEEDS_SMTPUTF8: Final = "5.6.7 the address needs SMTPUTF8 (RFC 6531), which the server does not offer"
"""The reply that RFC 6531 3.5 has for it, in place of the server's: it must not be asked."""
_FAILURES: Final = (OSError, EOFError, aiosmtplib.SMTPException, ValueError)
"""What aiosmtplib raises, and what the event loop's TLS lets through it."""


class Connection:
    """Carries one message at a time. After :class:`Broken`, or a cancelled call, it can only be closed."""

    def __init__(self, smtp: aiosmtplib.SMTP) -> None:
        """``smtp`` is connected and greeted. Raises SMTPServerDisconnected where it is not any more."""
        if smtp.protocol is None or smtp.transport is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        self._smtp = smtp
        self._dialogue = Dialogue(cast("asyncio.Transport", smtp.transport), smtp.protocol)
        self._pipelines = smtp.supports_extension("pipelining")
        self._states_size = smtp.supports_extension("size")
        self._dirty = False
        self.messages = 0
        """Messages tried over it."""

    @classmethod
    async def open(cls, provider: EmailProvider, tls: ssl.SSLContext | None, local_hostname: str) -> "Connection":
        """A connection that is encrypted, logged in and greeted, as ``provider`` says.

        Raises:
            Broken: at ``Stage.CONNECT``; some of it failed, or all of it took longer than the timeout.
        """
        smtp = aiosmtplib.SMTP(
            hostname=provider.host,
            port=provider.port,
            username=provider.username,
            password=provider.password.get_secret_value() if provider.password is not None else None,
            local_hostname=local_hostname,
            timeout=None,  # one clock for the whole of it, below
            use_tls=provider.security == "tls",
            start_tls=provider.security == "starttls",
            tls_context=tls,
        )
        try:
            async with asyncio.timeout(provider.timeout_seconds):
                await smtp.connect()
                if smtp.is_ehlo_or_helo_needed:
                    await _greet(smtp)
            return cls(smtp)
        except _FAILURES as error:
            smtp.close()
            raise Broken(Stage.CONNECT) from error
        except BaseException:
            smtp.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether the other side was still there when we last heard of it."""
        return self._smtp.is_connected

    async def send(self, envelope: Envelope, timeout: float) -> Reply:  # noqa: ASYNC109 - bounds all steps together
        """One transaction (RFC 5321 3.3), and the reply that decided it.

        That is the first refusal, or the reply to the final dot.

        Raises:
            Broken: with the stage at which the connection failed, or ``timeout`` seconds were over.
        """
        if envelope.needs_smtputf8 and not self._smtp.supports_extension("smtputf8"):
            return Reply(Stage.MAIL, 550, _NEEDS_SMTPUTF8)
        self.messages += 1
        dialogue = self._dialogue
        try:
            reply = await dialogue.transact(self._steps(envelope), pipelined=self._pipelines, timeout=timeout)
        except _FAILURES as error:
            self.close()
            if dialogue.refusal is not None:  # it came in time
                return dialogue.refusal
            raise Broken(dialogue.stage) from error
        except BaseException:
            self.close()
            raise
        if is_closing(reply):
            self.close()
        self._dirty = reply.code // 100 != 2 or reply.stage is not Stage.CONTENT
        return reply

    @property
    def is_ready(self) -> bool:
        """Whether it can carry another message, as far as can be known without asking."""
        return not self._dirty and self.is_open

    async def probe(self) -> bool:
        """Whether it can carry another message; asked after an open transaction and after a long rest."""
        if not self.is_open:
            return False
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await (self._smtp.rset() if self._dirty else self._smtp.noop())
        except _FAILURES:
            self.close()
            return False
        except BaseException:
            self.close()
            raise
        self._dirty = False
        return self.is_open

    async def noop(self, timeout: float) -> None:  # noqa: ASYNC109 - see send
        """Have it answer once.

        Raises:
            Broken: it did not.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._smtp.noop()
        except _FAILURES as error:
            raise Broken(Stage.CONNECT) from error

    async def quit(self) -> None:
        """Leave politely, but not at any price."""
        try:
            with contextlib.suppress(*_FAILURES):
                async with asyncio.timeout(QUIT_SECONDS):
                    await self._smtp.quit()
        finally:
            self.close()

    def close(self) -> None:
        """Hang up."""
        self._smtp.close()

    def _steps(self, envelope: Envelope) -> tuple[bytes, bytes, bytes, bytes]:
        options = b""
        if self._states_size:  # RFC 1870: a server that finds it too long says so before it travels
            options += b" SIZE=%d" % len(envelope.content)
        if envelope.needs_smtputf8:
            options += b" BODY=8BITMIME SMTPUTF8"  # RFC 6531 3.1: who offers the one offers the other
        return (
            b"MAIL FROM:<%b>%b\r\n" % (_octets(envelope.sender), options),
            b"RCPT TO:<%b>\r\n" % _octets(envelope.recipient),
            b"DATA\r\n",
            envelope.content + b".\r\n",
        )


async def _greet(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.ehlo()
    except aiosmtplib.SMTPHeloError:
        await smtp.helo()


def _octets(mailbox: Mailbox) -> bytes:
    return str(mailbox).encode()
