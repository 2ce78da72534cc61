"""The e-mail channel."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from config.channels import Email, EmailProvider
from dispatchers.base import Delivery, Outcome, Rejected, Unusable
from dispatchers.email.address import BadAddress
from dispatchers.email.connection import Connection
from dispatchers.email.connections import Connections
from dispatchers.email.message import Composer, Envelope
from dispatchers.email.outcome import Broken, Reply, Stage, cause_of, is_closing, of_failure, of_reply


def utc_now() -> datetime:
    return datetime.now(UTC)


class EmailDispatcher:
    """Sends each delivery as one message over a kept SMTP connection."""

    channel = "email"
    batch_size = 1
    repeatable = True
    """Many mailboxes keep a Message-ID once; the others show two equal mails in one thread."""

    def __init__(self, settings: Email, provider: EmailProvider, clock: Callable[[], datetime] = utc_now) -> None:
        """Read the configured addresses.

        Raises:
            ValueError: one of them is none; the text names the key.
        """
        self.concurrency = settings.concurrency
        self._provider = provider
        self._clock = clock
        self._composer = Composer(settings)
        self._connections = Connections(provider)

    async def start(self) -> None:
        """Connections are made when the first message needs them."""

    async def stop(self) -> None:
        await self._connections.stop()

    async def ping(self) -> None:
        provider = self._provider
        try:
            async with self._connections.slot():
                connection = await self._connections.open()
                try:
                    await connection.noop(provider.timeout_seconds)
                finally:
                    await connection.quit()
        except Broken as failure:
            where = f"{provider.name} at {provider.host}:{provider.port} (security: {provider.security})"
            raise Unusable(f"email provider {where}: {cause_of(failure)}; check [[email.provider]]") from failure

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        if len(batch) == 1:
            return [await self._send(batch[0])]
        return await asyncio.gather(*map(self._send, batch))

    async def _send(self, delivery: Delivery) -> Outcome:
        provider = self._provider.name
        try:
            envelope = self._composer.compose(delivery, self._clock())
        except BadAddress as error:
            return Rejected(str(error), suppress_address=True, provider=provider)
        try:
            async with self._connections.slot():
                reply = await self._transmit(envelope)
        except Broken as failure:
            return of_failure(failure, provider=provider)
        return of_reply(reply, message_id=envelope.message_id, provider=provider)

    async def _transmit(self, envelope: Envelope) -> Reply:
        """The server's reply, over a kept connection where there is one.

        Raises:
            Broken: there is no reply.
        """
        kept = await self._connections.take()
        if kept is not None:
            with contextlib.suppress(_GivenUp):
                return await self._transmit_over_kept(kept, envelope)
        return await self._transmit_over(await self._connections.open(), envelope)

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
            self._connections.give_back(connection)


class _GivenUp(Exception):
    """The server had closed a kept connection, and certainly has not taken the message."""
