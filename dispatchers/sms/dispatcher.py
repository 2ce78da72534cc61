"""Texts deliveries through Twilio."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus

from config.channels import Sms, SmsProvider
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown, Unusable
from dispatchers.http import HttpFailure, NoAnswer, NotSent
from dispatchers.sms.client import Refused, TwilioClient
from dispatchers.sms.number import NotANumber, to_e164
from dispatchers.sms.outcome import explain, outcome_of


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Draft:
    to: str
    text: str
    validity_seconds: int


class SmsDispatcher:
    """One request per delivery over one pooled session. Neither numbers nor texts reach a log or an error."""

    channel = "sms"
    batch_size = 1
    repeatable = False
    """Twilio has no idempotency key for messages: sent twice is two texts."""

    def __init__(self, settings: Sms, provider: SmsProvider, clock: Callable[[], datetime] = _now) -> None:
        self.concurrency = settings.concurrency
        self._default_region = settings.default_region
        self._provider = provider
        self._clock = clock
        self._client = TwilioClient(provider, settings.concurrency, clock)

    async def start(self) -> None:
        await self._client.open()

    async def stop(self) -> None:
        await self._client.close()

    async def ping(self) -> None:
        """Raise Unusable unless Twilio knows the account and it is active."""
        if not self._provider.account_sid or not self._provider.auth_token.get_secret_value():
            raise Unusable(f"{self._provider.name}: set account_sid and auth_token of [[sms.provider]]")
        try:
            status = await self._client.fetch_account()
        except Refused as refused:
            if refused.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
                raise Unusable(
                    f"{self._provider.name}: HTTP {refused.status}: check account_sid, auth_token "
                    "and base_url of [[sms.provider]]"
                ) from None
            raise Unusable(f"{self._provider.name}: {explain(refused.status, refused.code)}") from None
        except HttpFailure as failure:
            raise Unusable(f"{self._provider.name}: no answer from {self._client.host}: {failure}") from None
        if status != "active":
            raise Unusable(f"{self._provider.name}: the account is {status}: see the Twilio console")

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        return [await self._send(delivery) for delivery in batch]

    async def _send(self, delivery: Delivery) -> Outcome:
        name = self._provider.name
        draft = self._draft(delivery)
        if isinstance(draft, Rejected):
            return replace(draft, provider=name)
        try:
            sid = await self._client.create_message(draft.to, draft.text, draft.validity_seconds)
        except Refused as refused:
            return replace(outcome_of(refused.status, refused.code, refused.after), provider=name)
        except NotSent as failure:
            return Retry(error=str(failure), provider=name)
        except NoAnswer as failure:
            return Unknown(error=str(failure), provider=name)
        return Sent(provider_id=sid, provider=name)

    def _draft(self, delivery: Delivery) -> _Draft | Rejected:
        """What to ask of Twilio, or why it need not be asked."""
        number = to_e164(delivery.address, self._default_region)
        remaining_seconds = (delivery.expires_at - self._clock()).total_seconds()
        if not delivery.text.strip():
            return Rejected(error="the text is empty")
        if isinstance(number, NotANumber):
            return Rejected(error=number.reason, suppress_address=True)
        if remaining_seconds <= 0:
            return Rejected(error="expired before it could be sent")
        # Twilio takes 1 to 36,000 whole seconds; the setting is within that already.
        validity_seconds = min(self._provider.validity_seconds, max(1, math.floor(remaining_seconds)))
        return _Draft(number, delivery.text, validity_seconds)
