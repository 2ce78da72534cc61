"""A mail transaction on the wire (RFC 5321 3.3): what we say, and the server's replies to it.

aiosmtplib opens the connection, encrypts it and logs in, and keeps what is said between mails. Its own dialogue wakes a
task for each reply, and loses replies that come together, as they do where commands are sent together (PIPELINING, RFC
2920). So for the time of a transaction this protocol stands between the transport and aiosmtplib's: it reads the
replies itself and writes the next step as soon as it may.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from aiosmtplib import SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol

from dispatchers.email.reply import CLOSING, Reply, Stage

STAGES: Final = (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT)
REPLY_MAX: Final = 32 * 1024
"""Octets of all replies that are not complete, as in aiosmtplib."""

_DATA: Final = STAGES.index(Stage.DATA)
_CONTENT: Final = STAGES.index(Stage.CONTENT)
_START_INPUT: Final = 354


class Dialogue(asyncio.Protocol):
    """One transaction at a time; whatever comes outside of one is aiosmtplib's."""

    def __init__(self, transport: asyncio.Transport, protocol: SMTPProtocol) -> None:
        """Take ``transport`` over from ``protocol``, which goes on to be told what becomes of it."""
        self._transport = transport
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._replied: asyncio.Future[Reply] | None = None
        """Of the transaction under way."""
        self._steps: Sequence[bytes] = ()
        self._at = 0
        """The step whose reply is next."""
        self._is_pipelined = False
        self._received = b""
        """Of replies that are not complete."""
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.refusal: Reply | None = None
        """The first of the transaction, whatever came after it."""
        transport.set_protocol(self)

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        return STAGES[self._at]

    async def transact(
        self,
        steps: Sequence[bytes],
        *,
        pipelined: bool,
        timeout: float,  # noqa: ASYNC109 - bounds all steps together
    ) -> Reply:
        """The reply that decided it: the first refusal, or the one to the final dot.

        ``steps`` are what is written at each of :data:`STAGES`, with the line's end. Must not be called again after
        an exception; :attr:`stage` says at which step it was, :attr:`refusal` what the server had said before.

        Raises:
            TimeoutError: ``timeout`` seconds were over.
            ValueError: a step before the content is not one line.
            SMTPServerDisconnected, SMTPResponseException: as aiosmtplib does.
        """
        self._steps, self._at, self._is_pipelined = steps, 0, pipelined
        self._received, self.refusal = b"", None
        commands = b"".join(steps[:_CONTENT])
        if not commands.count(b"\r") == commands.count(b"\n") == commands.count(b"\r\n") == _CONTENT:
            raise ValueError("a command that is not one line")
        if self._transport.is_closing():
            raise SMTPServerDisconnected("Connection lost")
        self._replied = self._loop.create_future()
        self._deadline = self._loop.time() + timeout
        if self._timer is None or self._timer.when() > self._deadline:
            self._watch()
        self._transport.write(commands if pipelined else steps[0])
        try:
            return await self._replied
        finally:
            self._replied = None
            self._steps = ()

    def data_received(self, data: bytes) -> None:
        if self._replied is None:
            self._protocol.data_received(data)
            return
        if self._replied.done():
            return
        self._received += data
        try:
            while self._received and not self._replied.done() and (found := self._next_reply()) is not None:
                self._take(*found)
        except SMTPResponseException as error:
            self._fail(error)
        if self._received and self._replied.done():
            self._transport.close()  # it said more than was asked, a 421 as a rule: no answer to the next mail

    def eof_received(self) -> bool | None:
        self._fail(SMTPServerDisconnected("Unexpected EOF received"))
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        error = SMTPServerDisconnected("Connection lost")
        error.__cause__ = exc
        self._fail(error)
        if self._timer is not None:
            self._timer.cancel()
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def _take(self, code: int, text: str) -> None:
        """Go on from a reply to the step that was next."""
        at = self._at
        accepted = code == _START_INPUT if at == _DATA else code // 100 == 2
        if accepted and at < _CONTENT and self.refusal is None:
            if at == _DATA or not self._is_pipelined:
                self._say(self._steps[at + 1])
            self._at += 1
            return
        reply = self.refusal or Reply(self.stage, code, text)
        if at == _CONTENT or not self._is_pipelined or code == CLOSING:
            self._end(reply)
            return
        # What was sent together is answered in full: else the next mail would take these replies for its own.
        self.refusal = reply
        if at < _DATA:
            self._at += 1
            return
        if accepted:
            # It waits for a mail though it knows no recipient. RFC 2920 3.1 has a single dot for that; but an empty
            # mail must never be taken for one.
            self._transport.close()
        self._end(reply)

    def _say(self, step: bytes) -> None:
        if self._received:
            # An answer to what was not said yet. Counted as one, it would take a mail that was never seen.
            raise SMTPResponseException(-1, "more replies than commands")
        self._transport.write(step)

    def _end(self, reply: Reply) -> None:
        if self._replied is not None and not self._replied.done():
            self._replied.set_result(reply)

    def _fail(self, error: Exception) -> None:
        if self._replied is not None and not self._replied.done():
            self._replied.set_exception(error)

    def _watch(self) -> None:
        """Have one timer for many transactions: most are over long before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._replied is None:
            return
        if self._loop.time() < self._deadline:
            self._watch()
        else:
            self._fail(TimeoutError())

    def _next_reply(self) -> tuple[int, str] | None:
        """Code and text of the first complete reply (RFC 5321 4.2.1) in what was received, which is taken from it.

        Raises:
            SMTPResponseException: it is none.
        """
        texts = []
        start = 0
        while (end := self._received.find(b"\n", start)) >= 0:
            line = self._received[start:end]
            code, mark = line[:3], line[3:4]
            if not code.isdigit() or len(code) < 3:
                raise SMTPResponseException(-1, f"Malformed SMTP response line: {line.decode('utf-8', 'replace')}")
            texts.append(line[4:].strip(b" \t\r"))
            start = end + 1
            if mark != b"-":
                self._received = self._received[start:]
                return int(code), b"\n".join(texts).decode("utf-8", "surrogateescape")
        if len(self._received) > REPLY_MAX:
            raise SMTPResponseException(-1, "Response too long")
        return None
