"""A mail server on loopback that keeps what it is sent and delivers to nobody, on aiosmtpd.

It runs in the caller's event loop and takes everything, unless a :data:`Script` has it answer something else,
wait, or hang up at some step. It can ask for TLS and a login, and counts connections and commands.
"""

import asyncio
import logging
import re
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, AnyStr, Final, Never

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope

from demo.sinks.mail import Mail, read_mail

__all__ = ["HangUp", "Mail", "Script", "SmtpSink", "Step", "Visit"]

LARGEST_MAIL_BYTES: Final = 2**25

_SIMPLE_PATH: Final = re.compile(r"<([\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+)>(.*)")


class Step(StrEnum):
    """Where a script is asked."""

    CONNECT = "CONNECT"
    """The answer takes the greeting's place."""
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    READ = "READ"
    """After the 354, before the content is read: to wait or to hang up here, an answer is ignored."""
    CONTENT = "CONTENT"
    """After the final dot. Any answer, also a 250, means that the mail is not kept."""
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"


class HangUp(Exception):
    """Raised by a script to cut the connection without a word."""


@dataclass(slots=True)
class Visit:
    """One connection, as the sink saw it."""

    number: int
    """1 for the first."""
    commands: Counter[str] = field(default_factory=Counter)
    mails: int = 0
    is_open: bool = True
    is_encrypted: bool = False
    hang_up: Callable[[], None] = lambda: None
    """Cut it, as a server that goes down would."""


Script = Callable[[Step, Visit], Awaitable[str | None]]
"""Asked at each step: returns a reply (``550 5.1.1 unknown``) or None for the usual one, or raises HangUp."""


class SmtpSink:
    """The server. ``tls`` is required by STARTTLS; with ``implicit_tls``, from the first byte."""

    def __init__(
        self,
        *,
        port: int = 0,
        on_mail: Callable[[Mail], None] | None = None,
        script: Script | None = None,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        login: tuple[str, str] | None = None,
        smtputf8: bool = True,
        keep: bool = True,
    ) -> None:
        """Opens nothing yet; ``login`` is the user name and password to ask for, ``keep`` fills ``mails``."""
        self.port = port
        """Where it listens; with 0, known after start."""
        self.script = script
        """May be changed at any time."""
        self.delay_seconds = 0.0
        """Waited before each mail is confirmed; may be changed at any time."""
        self.mails: list[Mail] = []
        self.received = 0
        """Mails taken, kept or not."""
        self.visits: list[Visit] = []
        self._on_mail = on_mail
        self._keep = keep
        self._tls = tls
        self._implicit_tls = implicit_tls
        self._login = login
        self._smtputf8 = smtputf8
        self._server: asyncio.Server | None = None
        self._sessions: set[_Session] = set()

    @property
    def connections(self) -> int:
        """Connections there have been."""
        return len(self.visits)

    @property
    def open_connections(self) -> int:
        return len(self._sessions)

    def count(self, command: str) -> int:
        """How often ``command`` was given, over all connections."""
        return sum(visit.commands[command] for visit in self.visits)

    async def start(self) -> None:
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd warns of itself at every login
        self._server = await asyncio.get_running_loop().create_server(
            self._session, "127.0.0.1", self.port, ssl=self._tls if self._implicit_tls else None, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and cut every connection; may be started again, on the same port."""
        if self._server is None:
            return
        self._server.close()
        sessions = list(self._sessions)
        for session in sessions:
            session.visit.hang_up()
        await asyncio.gather(*(session.task for session in sessions if session.task), return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def ask(self, step: Step, visit: Visit) -> str | None:
        """What the script answers; never returns where it hangs up."""
        if self.script is None:
            return None
        try:
            return await self.script(step, visit)
        except HangUp:
            visit.hang_up()
            return await _until_cancelled()

    async def take(self, envelope: Any, raw: bytes, visit: Visit) -> str:
        """Keep a mail and confirm it, or answer what the script says."""
        if (answer := await self.ask(Step.CONTENT, visit)) is not None:
            return answer
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        mail = read_mail(envelope.mail_from, tuple(envelope.rcpt_tos), raw)
        visit.mails += 1
        self.received += 1
        if self._keep:
            self.mails.append(mail)
        if self._on_mail is not None:
            self._on_mail(mail)
        return f"250 2.0.0 Ok: queued as {self.received:08X}"

    def opened(self, session: "_Session") -> Visit:
        visit = Visit(number=len(self.visits) + 1)
        self.visits.append(visit)
        self._sessions.add(session)
        return visit

    def closed(self, session: "_Session") -> None:
        session.visit.is_open = False
        self._sessions.discard(session)

    def _session(self) -> "_Session":
        return _Session(
            self,
            _Hooks(self, asks_login=self._login is not None),
            hostname="localhost",  # the default asks the resolver, at every connection
            ident="Orderbell sink",
            data_size_limit=LARGEST_MAIL_BYTES,
            enable_SMTPUTF8=self._smtputf8,
            tls_context=None if self._implicit_tls else self._tls,
            require_starttls=self._tls is not None and not self._implicit_tls,
            auth_require_tls=self._tls is not None and not self._implicit_tls,
            authenticator=self._authenticate,
            auth_exclude_mechanism=() if self._login else ("LOGIN", "PLAIN"),
        )

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> Any:
        username, password = self._login or ("", "")
        return AuthResult(success=given == (username.encode(), password.encode()), handled=False)


class _Hooks:
    """What aiosmtpd calls for each command; MISSING has it do the usual."""

    def __init__(self, sink: SmtpSink, *, asks_login: bool) -> None:
        self._sink = sink
        self._asks_login = asks_login

    async def handle_EHLO(  # noqa: N802
        self, server: "_Session", session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        server.visit.commands["EHLO"] += 1
        if server.transport is not None:
            server.visit.is_encrypted = server.transport.get_extra_info("sslcontext") is not None
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: "_Session", session: Any, _envelope: Any, *_: Any
    ) -> Any:
        if self._asks_login and not session.authenticated:
            return "530 5.7.0 Authentication required"
        return await self._step(Step.MAIL, server)

    async def handle_RCPT(self, server: "_Session", *_: Any) -> Any:  # noqa: N802
        return await self._step(Step.RCPT, server)

    async def handle_RSET(self, server: "_Session", *_: Any) -> Any:  # noqa: N802
        return await self._step(Step.RSET, server)

    async def handle_NOOP(self, server: "_Session", *_: Any) -> Any:  # noqa: N802
        return await self._step(Step.NOOP, server)

    async def handle_QUIT(self, server: "_Session", *_: Any) -> Any:  # noqa: N802
        return await self._step(Step.QUIT, server)

    async def handle_AUTH(self, server: "_Session", *_: Any) -> Any:  # noqa: N802
        server.visit.commands["AUTH"] += 1
        return MISSING

    async def _step(self, step: Step, server: "_Session") -> Any:
        server.visit.commands[step.value] += 1
        answer = await self._sink.ask(step, server.visit)
        return MISSING if answer is None else answer


class _Session(SMTP):
    """aiosmtpd's server, made fast where it reads a path or the content."""

    line_length_limit = LARGEST_MAIL_BYTES

    def __init__(self, sink: SmtpSink, hooks: _Hooks, **options: Any) -> None:
        self.visit = Visit(number=0)
        self.task: asyncio.Task[None] | None = None
        self._sink = sink
        self._greeted = False
        super().__init__(hooks, **options)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self.visit.number:  # and not when STARTTLS makes it anew
            self.visit = self._sink.opened(self)
        super().connection_made(transport)
        self.visit.hang_up = transport.abort if isinstance(transport, asyncio.WriteTransport) else transport.close
        if self.task is None and self._handler_coroutine is not None:
            self.task = self._handler_coroutine
            self.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Close what aiosmtpd leaves half open where a client goes away before it is greeted."""
        if not task.cancelled():
            task.exception()  # a client that went away is no news; unseen, the event loop would report it
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._sink.closed(self)
        super().connection_lost(error)

    async def push(self, status: AnyStr) -> None:
        if not self._greeted:
            self._greeted = True
            if (answer := await self._sink.ask(Step.CONNECT, self.visit)) is not None:
                await super().push(answer)
                return
        await super().push(status)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """The content in a few reads; aiosmtpd wakes up for each line."""
        self.visit.commands["DATA"] += 1
        if arg or self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("501 Syntax: DATA" if arg else "503 Error: need RCPT command")
            return
        if (answer := await self._sink.ask(Step.DATA, self.visit)) is not None:
            await self.push(answer)
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        await self._sink.ask(Step.READ, self.visit)
        raw = await self._reader.readuntil(b".\r\n")
        while raw != b".\r\n" and not raw.endswith(b"\r\n.\r\n"):
            raw += await self._reader.readuntil(b".\r\n")  # a line that ends with a dot
        reply = await self._sink.take(self.envelope, raw[:-3].replace(b"\r\n..", b"\r\n."), self.visit)
        self.envelope = Envelope()
        await self.push(reply)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Most paths need no parser of RFC 5322, which takes longer than all the rest of a mail."""
        simple = _SIMPLE_PATH.fullmatch(arg)
        return (simple[1], simple[2]) if simple else super()._getaddr(arg)


async def _until_cancelled() -> Never:
    """The cut connection cancels who serves it."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("unreachable")
