"""One SMTP server: sends envelopes over its kept connections, and says what came of each."""

import contextlib

from config.channels import EmailProvider
from dispatchers.base import Outcome, Unusable
from dispatchers.email.connection import Connection
from dispatchers.email.connections import Connections
from dispatchers.email.message import Envelope
from dispatchers.email.outcome import of_failure, of_reply
from dispatchers.email.reply import Broken, Reply, Stage, cause_of, is_closing


class SmtpSender:
    """A provider of the e-mail channel."""

    def __init__(self, provider: EmailProvider) -> None:
        self._provider = provider
        self.connections = Connections(provider)

    async def stop(self) -> None:
        await self.connections.stop()

    async def ping(self) -> None:
        """Raise Unusable unless the server greets, encrypts and takes the login, as configured."""
        provider = self._provider
        try:
            async with self.connections.slots:
                connection = await self.connections.open()
                try:
                    await connection.noop(provider.timeout_seconds)
                finally:
                    await connection.quit()
        except Broken as failure:
            where = f"{provider.name} at {provider.host}:{provider.port} (security: {provider.security})"
            raise Unusable(f"email provider {where}: {cause_of(failure)}; check [[email.provider]]") from failure

    async def send(self, envelope: Envelope) -> Outcome:
        """What the server made of it."""
        try:
            async with self.connections.slots:
                reply = await self._transmit(envelope)
        except Broken as failure:
            return of_failure(failure, provider=self._provider.name)
        return of_reply(reply, message_id=envelope.message_id, provider=self._provider.name)

    async def _transmit(self, envelope: Envelope) -> Reply:
        """The server's reply, over a kept connection where there is one.

        Raises:
            Broken: there is no reply.
        """
        kept = await self.connections.take()
        if kept is not None:
            with contextlib.suppress(_GivenUp):
                return await self._transmit_over_kept(kept, envelope)
        return await self._transmit_over(await self.connections.open(), envelope)

    async def _transmit_over_kept(self, connection: Connection, envelope: Envelope) -> Reply:
        """As :meth:`_transmit_over`, but :class:`_GivenUp` where the server had given up the idle connection.

        That says nothing about the message, and before the final dot the server cannot have taken it. A
        timeout has cost its time already, so it is left to the retries.
        """
        try:
            reply = await self._transmit_over(connection, envelope)
        except Broken as failure:
            if failure.stage is Stage.CONTENT or isinstance(failure.__cause__, TimeoutError):
                raise
            raise _GivenUp from failure
        if is_closing(reply) and reply.stage is not Stage.CONTENT:
            raise _GivenUp
        return reply

    async def _transmit_over(self, connection: Connection, envelope: Envelope) -> Reply:
        try:
            return await connection.send(envelope, self._provider.timeout_seconds)
        finally:
            self.connections.give_back(connection)


class _GivenUp(Exception):
    """The server had closed a kept connection, and certainly has not taken the message."""
