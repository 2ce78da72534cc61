"""An SMTP server (RFC 5321) for mails that come back, and for nothing else.

It takes mails to one mailbox and passes none on, so that nobody can send through it. It says 250 once a mail is dealt
with, so that a mail is never in our hands only: what we cannot use stays with the server that brought it.
"""

import asyncio
import logging
import socket
from typing import Any, Final

import psycopg
import structlog
from aiosmtpd.smtp import MISSING, SMTP

from daemon.api.listen import listen
from daemon.feedback.mail.taking import Taken, Taking
from daemon.kept import one_line
from dispatchers.email.returning import ReturnPaths

log = structlog.get_logger(__name__)

SETTING: Final = "email.bounces.port"
LARGEST_BYTES: Final = 2**20
"""A report with a mail of ours in it has some 20 KB."""
MOST_CONNECTIONS: Final = 50
MOST_RECIPIENTS: Final = 10
IDLE_SECONDS: Final = 60.0

BUSY: Final = b"421 4.3.2 Too many connections, try again later\r\n"
NOT_HERE: Final = "550 5.1.1 Only mails that come back are taken here"
TOO_MANY: Final = "452 4.5.3 Too many recipients"
OK: Final = "250 2.0.0 Ok"
LATER: Final = "451 4.3.0 Try again later"
NOT_UNDERSTOOD: Final = "554 5.6.0 This is no delivery report, and nobody reads this mailbox"


class Listener:
    """Serves until it is cancelled."""

    def __init__(self, host: str, port: int, return_paths: ReturnPaths, taking: Taking) -> None:
        self._host = host
        self._port = port
        self.return_paths = return_paths
        self._taking = taking
        self._socket: socket.socket | None = None
        self.sessions: set[_Session] = set()

    def start(self) -> None:
        """Bind and listen: from now on connections wait to be served. Raises ListenError."""
        # At INFO aiosmtpd writes every command to the log, with the addresses in it.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        self._socket = listen(self._host, self._port, setting=SETTING)
        log.info("returned_mail.listening", port=self.port)

    @property
    def port(self) -> int:
        """The real one, also where the settings say 0."""
        if self._socket is None:
            raise RuntimeError("not started")
        port: int = self._socket.getsockname()[1]
        return port

    async def run(self) -> None:
        """Serve for ever."""
        if self._socket is None:
            raise RuntimeError("not started")
        server = await asyncio.get_running_loop().create_server(self._session, sock=self._socket)
        try:
            await server.serve_forever()
        finally:
            server.close()
            for session in list(self.sessions):
                session.cut()

    async def take(self, content: bytes, recipients: list[str]) -> str:
        """The reply to a mail."""
        try:
            taken = await self._taking.take(content, recipients)
        except psycopg.Error as error:
            log.warning("returned_mail.waits", error=one_line(error), hint="the sender tries again")
            return LATER
        match taken:
            case Taken.UNDERSTOOD:
                return OK
            case Taken.LATER:
                return LATER
            case Taken.NOT_UNDERSTOOD:
                log.warning("returned_mail.not_understood", hint="the server that brought it was told so")
                return NOT_UNDERSTOOD

    def _session(self) -> "_Session":
        return _Session(
            self,
            _Commands(self),
            hostname=self.return_paths.mailbox.domain,  # the default asks the resolver, at every connection
            ident="Orderbell",
            data_size_limit=LARGEST_BYTES,
            enable_SMTPUTF8=True,
            timeout=IDLE_SECONDS,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
        )


class _Commands:
    """What aiosmtpd calls for each command; MISSING has it do the usual."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> Any:
        if not self._listener.return_paths.takes(address):
            return NOT_HERE
        return MISSING if len(envelope.rcpt_tos) < MOST_RECIPIENTS else TOO_MANY

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        return await self._listener.take(envelope.content, list(envelope.rcpt_tos))

    async def handle_exception(self, error: Exception) -> str:
        """Keep the mail where it is: it is a fault of ours, or of what aiosmtpd makes of a command."""
        log.error("returned_mail.failed", exc_info=error)
        return LATER


class _Session(SMTP):
    """One connection."""

    line_length_limit = 65_536
    """Some servers write longer lines than they may, in what they say themselves."""

    def __init__(self, listener: Listener, commands: _Commands, **options: Any) -> None:
        self._listener = listener
        super().__init__(commands, **options)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._listener.sessions) >= MOST_CONNECTIONS:
            if isinstance(transport, asyncio.WriteTransport):
                transport.write(BUSY)
            transport.close()
            return
        self._listener.sessions.add(self)
        super().connection_made(transport)
        if self._handler_coroutine is not None:
            self._handler_coroutine.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Close what aiosmtpd leaves half open where a client goes away before it is greeted."""
        if not task.cancelled():
            task.exception()  # a client that went away is no news; unseen, the event loop would report it
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._listener.sessions:
            self._listener.sessions.discard(self)
            super().connection_lost(error)

    def cut(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
