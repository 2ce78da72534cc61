"""The e-mail channel."""

import asyncio
from collections.abc import Mapping, Sequence

from config.channels import Email
from dispatchers.base import Delivery, Outcome, Rejected
from dispatchers.email.address import BadAddress
from dispatchers.email.message import Composer, Envelope
from dispatchers.email.sender import SmtpSender
from dispatchers.failover import Clock, Failover, Provider, ping_all
from dispatchers.gate import Gate


class EmailDispatcher:
    """Sends each delivery as one message, through the first of its providers that takes it."""

    channel = "email"
    batch_size = 1
    repeatable = True
    """Many mailboxes keep a Message-ID once; the others show two equal mails in one thread."""

    def __init__(
        self, settings: Email, clock: Clock | None = None, *, public_url: str = "", secret: str | None = None
    ) -> None:
        """Read the configured addresses; see :class:`Composer` for ``public_url`` and ``secret``.

        Raises:
            ValueError: one of them is none, or the DKIM key is; the text names the key.
        """
        self.concurrency = settings.concurrency
        self._clock = clock or Clock()
        self._composer = Composer(settings, public_url=public_url, secret=secret)
        self._first = settings.provider[0].name
        self._senders = [SmtpSender(provider) for provider in settings.provider]
        self._failover: Failover[Envelope] = Failover(
            self.channel,
            [
                Provider(given.name, sender.send, Gate(rate_per_second=given.rate_per_second, burst=given.burst))
                for given, sender in zip(settings.provider, self._senders, strict=True)
            ],
            self._clock,
        )

    def resting(self) -> Mapping[str, str | None]:
        return self._failover.resting()

    async def start(self) -> None:
        """Connections are made when the first message needs them."""

    async def stop(self) -> None:
        await asyncio.gather(*(sender.stop() for sender in self._senders))

    async def ping(self) -> None:
        await ping_all(sender.ping() for sender in self._senders)

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        if len(batch) == 1:
            return [await self._send(batch[0])]
        return await asyncio.gather(*map(self._send, batch))

    async def _send(self, delivery: Delivery) -> Outcome:
        try:
            envelope = await self._compose(delivery)
        except BadAddress as error:
            return Rejected(str(error), suppress_address=True, provider=self._first)
        return await self._failover.send(envelope)

    async def _compose(self, delivery: Delivery) -> Envelope:
        if self._composer.takes_long:
            return await asyncio.to_thread(self._composer.compose, delivery, self._clock.utc())
        return self._composer.compose(delivery, self._clock.utc())
