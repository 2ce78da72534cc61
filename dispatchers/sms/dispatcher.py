"""The SMS channel."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from config.channels import Sms
from dispatchers.base import Delivery, Outcome, Rejected, Retry
from dispatchers.failover import Clock, Failover, Provider, ping_all
from dispatchers.gate import Gate
from dispatchers.sms.callbacks import status_callback
from dispatchers.sms.number import NotANumber, to_e164
from dispatchers.sms.sender import CannotSay, Text, TwilioSender

CLOCKS_APART = timedelta(seconds=5)
"""The database's clock and Twilio's, at most; Twilio's times are whole seconds."""

LOOK_UP_AGAIN_SECONDS = 10.0


class SmsDispatcher:
    """Texts each delivery in one request, through the first of its providers that takes it."""

    channel = "sms"
    batch_size = 1
    repeatable = False
    """Twilio has no idempotency key for messages: sent twice is two texts."""

    def __init__(self, settings: Sms, clock: Clock | None = None, *, public_url: str = "") -> None:
        """``public_url`` is where Twilio reports to; without one, it does not."""
        self.concurrency = settings.concurrency
        self._default_region = settings.default_region
        self._clock = clock or Clock()
        self._first = settings.provider[0].name
        self._senders = [
            TwilioSender(each, settings.concurrency, self._clock, status_callback(public_url, each.name))
            for each in settings.provider
        ]
        self._failover: Failover[Text] = Failover(
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
        for sender in self._senders:
            await sender.start()

    async def stop(self) -> None:
        await asyncio.gather(*(sender.stop() for sender in self._senders))

    async def ping(self) -> None:
        """Raise Unusable unless each account is known and active."""
        await ping_all(sender.ping() for sender in self._senders)

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        return [await self._send(delivery) for delivery in batch]

    async def _send(self, delivery: Delivery) -> Outcome:
        text = self._read(delivery)
        if isinstance(text, Rejected):
            return text
        if delivery.uncertain:
            try:
                found = await self._find(text, delivery.created_at - CLOCKS_APART)
            except CannotSay as failure:
                return Retry(error=str(failure), after=LOOK_UP_AGAIN_SECONDS, provider=self._first)
            # Twilio is sure that a text to be tried later reached nobody; one that it refused is not tried again.
            if found is not None and not isinstance(found, Retry):
                return found
        return await self._failover.send(text)

    async def _find(self, text: Text, since: datetime) -> Outcome | None:
        """What became of a text that may have been sent, through any of the accounts. Raises CannotSay."""
        for sender in self._senders:
            found = await sender.find(text, since)
            if found is not None:
                return replace(found, provider=sender.name)
        return None

    def _read(self, delivery: Delivery) -> Text | Rejected:
        """What to ask of a provider, or why none need be asked."""
        number = to_e164(delivery.address, self._default_region)
        if not delivery.text.strip():
            return Rejected(error="the text is empty", provider=self._first)
        if isinstance(number, NotANumber):
            return Rejected(error=number.reason, suppress_address=True, provider=self._first)
        return Text(number, delivery.text, delivery.expires_at)
