"""Pushes deliveries to browsers through whatever push services these chose (RFC 8030)."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver

from config.channels import WebPush
from config.names import Priority
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Unknown, Unusable
from dispatchers.failover import Clock
from dispatchers.http import NoAnswer, NotSent, retry_after
from dispatchers.webpush import subscription
from dispatchers.webpush.endpoint import NotPublic, PublicResolver
from dispatchers.webpush.origins import Origins
from dispatchers.webpush.outcome import outcome_of, token_was_refused
from dispatchers.webpush.payload import payload, topic
from dispatchers.webpush.subscription import BadSubscription, Subscription
from dispatchers.webpush.vapid import BadKey, Signer
from dispatchers.webpush.wire import Wire

PROVIDER = "webpush"
"""One label for all: push services are named by browsers, so their names are as many as anybody likes."""

LEAST_TTL_SECONDS = 60
"""Where clocks differ: with 0, a push service would drop it for a device that is asleep."""

READ_BYTES = 4096
"""Enough of an answer to tell why; who answers is not to be trusted with our memory."""

URGENCY = {Priority.LOW: "low", Priority.NORMAL: "normal", Priority.HIGH: "high", Priority.URGENT: "high"}
"""RFC 8030, 5.3 knows nothing above high."""


@dataclass(frozen=True, slots=True)
class _Push:
    delivery: Delivery
    target: Subscription
    authorization: str
    ttl_seconds: int


class WebPushDispatcher:
    """One request per delivery over pooled connections; each payload is encrypted for its device.

    There is no other provider to fail over to: a subscription is at home with one push service. So each service has a
    breaker of its own, and one that is down stops no other.
    """

    channel = "webpush"
    batch_size = 1
    repeatable = True
    """The second push replaces the first: by its Topic while that waits, by its tag once it is shown."""

    def __init__(
        self,
        settings: WebPush,
        *,
        clock: Clock | None = None,
        resolver: Callable[[], AbstractResolver] = aiohttp.DefaultResolver,
    ) -> None:
        """``resolver`` is made in the loop; its answers are filtered, unless private ones are allowed."""
        self.concurrency = settings.concurrency
        self._settings = settings
        self._clock = clock or Clock()
        self._origins: Origins[_Push] = Origins(self.channel, PROVIDER, self._push, self._clock)
        self._resolver = resolver
        secret = settings.vapid_private_key
        self._signer = Signer(
            secret.get_secret_value() if secret else "", settings.vapid_subject, lambda: self._clock.utc().timestamp()
        )
        self._wire: Wire | None = None

    def resting(self) -> Mapping[str, str | None]:
        """One of the push services is enough to be in use."""
        return {PROVIDER: self._origins.resting()}

    async def start(self) -> None:
        resolver = self._resolver()
        self._wire = Wire(
            timeout_seconds=self._settings.timeout_seconds,
            connections=self._settings.concurrency,
            resolver=resolver if self._settings.allow_private_endpoints else PublicResolver(resolver),
            read_bytes=READ_BYTES,
        )

    async def stop(self) -> None:
        if self._wire is not None:
            await self._wire.close()
            self._wire = None

    async def ping(self) -> None:
        """Raise Unusable unless the key loads and a contact is set. There is no one service to ask."""
        try:
            self._signer.authorization("https://push.example.net")
        except BadKey as error:
            raise Unusable(f"webpush.vapid_private_key: {error}; `orderbell vapid` makes one") from None
        if not self._settings.vapid_subject:
            raise Unusable("webpush.vapid_subject: set mailto: or https: of who runs this; push services ask for it")

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        return [await self._send(delivery) for delivery in batch]

    async def _send(self, delivery: Delivery) -> Outcome:
        remaining_seconds = (delivery.expires_at - self._clock.utc()).total_seconds()
        try:
            target = subscription.read(delivery.address, allow_private=self._settings.allow_private_endpoints)
            authorization = self._signer.authorization(target.origin)
        except BadSubscription as error:
            return Rejected(error=str(error), suppress_address=True, provider=PROVIDER)
        except BadKey as error:
            # A setting: the delivery waits for whoever puts it right.
            return Retry(error=str(error), provider=PROVIDER)
        # Whether it has expired was decided by the database's clock; by ours it is at most a little late.
        ttl_seconds = min(self._settings.ttl_seconds, max(LEAST_TTL_SECONDS, math.floor(remaining_seconds)))
        push = _Push(delivery, target, authorization, ttl_seconds)
        return await self._origins.of(target.origin).send(push)

    async def _push(self, push: _Push) -> Outcome:
        if self._wire is None:
            raise RuntimeError("start() first")
        delivery, target = push.delivery, push.target
        head = (
            f"{target.head}"
            f"Authorization: {push.authorization}\r\n"
            "Content-Encoding: aes128gcm\r\n"
            "Content-Type: application/octet-stream\r\n"
            f"TTL: {push.ttl_seconds}\r\n"
            f"Topic: {topic(delivery.subject)}\r\n"
            f"Urgency: {URGENCY[delivery.priority]}\r\n"
        )
        plaintext = payload(delivery)
        try:
            answer = await self._wire.post(target.origin, head, lambda: target.encrypt(plaintext))
        except NotSent as failure:
            return _unsent(failure)
        except NoAnswer as failure:
            return Unknown(error=str(failure))
        if token_was_refused(answer.status):
            self._signer.forget(target.origin)
        return outcome_of(
            answer.status,
            answer.body or "",
            answer.headers.get("Location"),
            retry_after(answer.headers.get("Retry-After"), self._clock.utc()),
        )


def _unsent(failure: NotSent) -> Outcome:
    cause = failure.__cause__
    if isinstance(cause, aiohttp.ClientConnectorError) and isinstance(cause.os_error, NotPublic):
        # Not suppressed: a resolver that is broken or captive for an hour must not cost a subscription.
        return Rejected(error="the endpoint is not at a public address")
    return Retry(error=str(failure))
