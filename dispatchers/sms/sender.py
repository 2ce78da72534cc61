"""One account: texts through it, and says what came of each."""

import math
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from config.channels import SmsProvider
from dispatchers.base import Outcome, Retry, Sent, Unknown, Unusable
from dispatchers.failover import Clock
from dispatchers.http import HttpFailure, NoAnswer, NotSent
from dispatchers.sms.client import Refused, TwilioClient
from dispatchers.sms.outcome import explain, outcome_of, outcome_of_status

LEAST_SECONDS = 60
"""Of validity, where clocks differ: whether it has expired was decided by the database's."""

CREATED = str(HTTPStatus.CREATED.value)


class CannotSay(Exception):
    """A provider does not tell whether it took a text."""


@dataclass(frozen=True, slots=True)
class Text:
    """What is to be sent to whom."""

    to: str
    """E.164."""
    body: str
    expires_at: datetime


class TwilioSender:
    """A provider of the SMS channel. Neither numbers nor texts reach a log or an error."""

    def __init__(self, provider: SmsProvider, connections: int, clock: Clock, callback: str | None = None) -> None:
        """``callback`` is where Twilio reports to."""
        self._provider = provider
        self.name = provider.name
        self._clock = clock
        self.client = TwilioClient(provider, connections, clock.utc, callback)

    async def start(self) -> None:
        await self.client.open()

    async def stop(self) -> None:
        await self.client.close()

    async def ping(self) -> None:
        """Raise Unusable unless Twilio knows the account and it is active."""
        if not self._provider.account_sid or not self._provider.auth_token.get_secret_value():
            raise Unusable(f"{self._provider.name}: set account_sid and auth_token of [[sms.provider]]")
        try:
            status = await self.client.fetch_account()
        except Refused as refused:
            if refused.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
                raise Unusable(
                    f"{self._provider.name}: HTTP {refused.status}: check account_sid, auth_token "
                    "and base_url of [[sms.provider]]"
                ) from None
            raise Unusable(f"{self._provider.name}: {explain(refused.status, refused.code)}") from None
        except HttpFailure as failure:
            raise Unusable(f"{self._provider.name}: no answer from {self.client.host}: {failure}") from None
        if status != "active":
            raise Unusable(f"{self._provider.name}: the account is {status}: see the Twilio console")

    async def find(self, text: Text, since: datetime) -> Outcome | None:
        """What became of this text, if it was taken here since then; None where it was not.

        Raises :class:`CannotSay` where Twilio does not tell.
        """
        try:
            found = await self.client.find_message(text.to, text.body, since)
        except (Refused, HttpFailure) as failure:
            raise CannotSay(f"{self._provider.name} cannot be asked whether it was sent: {failure}") from None
        if found is None:
            return None
        sid, status, code = found
        ended = outcome_of_status(status, code)
        return Sent(provider_id=sid, code=status) if ended is None or isinstance(ended, Sent) else ended

    async def send(self, text: Text) -> Outcome:
        """What Twilio made of it."""
        remaining_seconds = (text.expires_at - self._clock.utc()).total_seconds()
        # Twilio takes 1 to 36,000 whole seconds; the setting is within that already.
        validity_seconds = min(self._provider.validity_seconds, max(LEAST_SECONDS, math.floor(remaining_seconds)))
        try:
            sid = await self.client.create_message(text.to, text.body, validity_seconds)
        except Refused as refused:
            return outcome_of(refused.status, refused.code, refused.after)
        except NotSent as failure:
            return Retry(error=str(failure))
        except NoAnswer as failure:
            return Unknown(error=str(failure))
        return Sent(provider_id=sid, code=CREATED)
