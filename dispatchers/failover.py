"""Providers of one channel in their order: the first that may be asked is asked, and if it cannot, the next.

What ends an attempt: a provider took the message, or refused it for the recipient's sake, or did not answer. After
silence nobody else is asked: the message may have been sent, and nobody is to be told twice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

from dispatchers import metrics
from dispatchers.base import Fault, Outcome, Rejected, Retry, Sent, Try, Unusable
from dispatchers.breaker import Permit, State
from dispatchers.gate import Closed, Gate

PATIENCE_SECONDS = 1.0
"""So long a provider's rate limit or pause is waited for: a slot is held meanwhile, which others may need."""

T = TypeVar("T")
"""What is sent."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """The times that a channel goes by."""

    utc: Callable[[], datetime] = utc_now
    """For people."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds, for breakers and rates."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Provider(Generic[T]):
    """One of them."""

    name: str
    ask: Callable[[T], Awaitable[Outcome]]
    """One request; raises nothing that a provider can bring about."""
    gate: Gate


class Failover(Generic[T]):
    """Asks ``providers``, the first first."""

    def __init__(
        self, channel: str, providers: Iterable[Provider[T]], clock: Clock | None = None, *, gauges: bool = True
    ) -> None:
        """``gauges``: show the providers' state to Prometheus, under their names."""
        self._channel = channel
        self._providers = tuple(providers)
        self._clock = clock or Clock()
        if gauges:
            for provider in self._providers:
                self._show(provider.name, provider.gate)

    async def send(self, item: T) -> Outcome:
        """What came of it, with a try for each provider that was asked, in that order; perhaps for none."""
        patience = PATIENCE_SECONDS
        left = list(self._providers)
        asked: list[Outcome] = []
        while True:
            closed: list[tuple[Provider[T], Closed]] = []
            for provider in tuple(left):
                leave = provider.gate.enter(self._clock.monotonic())
                if isinstance(leave, Closed):
                    closed.append((provider, leave))
                    continue
                left.remove(provider)
                outcome = await self._ask(provider, leave, item)
                asked.append(outcome)
                if _ends(outcome):
                    return outcome if len(asked) == 1 else replace(outcome, tries=_tries_of(asked))
            soonest = min((shut.wait_seconds for _, shut in closed), default=0.0)
            if not closed or soonest > patience:
                return self._refused(asked, closed)
            patience -= soonest
            await self._clock.sleep(soonest)

    def resting(self) -> Mapping[str, str | None]:
        """Provider -> None where it may be asked now, else why it is left alone."""
        now = self._clock.monotonic()
        return {provider.name: provider.gate.resting(now) for provider in self._providers}

    def state(self, name: str) -> State:
        """The breaker's of the provider of that name."""
        now = self._clock.monotonic()
        return max((p.gate.state(now) for p in self._providers if p.name == name), default=State.CLOSED)

    async def _ask(self, provider: Provider[T], permit: Permit, item: T) -> Outcome:
        started_at = self._clock.utc()
        try:
            outcome = await provider.ask(item)
        except BaseException:  # cancelled: the probe that it may have been must not stay out for ever
            provider.gate.abandon(permit)
            raise
        provider.gate.leave(permit, outcome, self._clock.monotonic())
        metrics.requests(self._channel, provider.name, outcome.code).inc()
        tried = Try(
            provider.name,
            started_at,
            self._clock.utc(),
            type(outcome).__name__.lower(),
            outcome.code,
            "" if isinstance(outcome, Sent) else outcome.error,
        )
        return replace(outcome, provider=provider.name, tries=(tried,))

    def _refused(self, asked: Sequence[Outcome], closed: Sequence[tuple[Provider[T], Closed]]) -> Outcome:
        """The outcome where nobody took it, and it is not the recipient's doing."""
        retries = [outcome for outcome in asked if isinstance(outcome, Retry)]
        if not retries and not closed:
            return replace(asked[-1], tries=_tries_of(asked))
        now = self._clock.monotonic()
        waits = [(outcome.after or 0.0, outcome.provider) for outcome in retries]
        waits += [(provider.gate.defer(now, shut), provider.name) for provider, shut in closed]
        after, soonest = min(waits)
        if retries:
            return replace(retries[-1], after=after or None, tries=_tries_of(asked))
        said = [outcome.error for outcome in asked if isinstance(outcome, Rejected)]
        said += [f"{provider.name} {shut.reason}" for provider, shut in closed]
        return Retry("; ".join(said), after or None, soonest, tries=_tries_of(asked))

    def _show(self, name: str, gate: Gate) -> None:
        """The state is looked at when Prometheus asks: time alone changes it."""

        def paused_until() -> float:
            seconds = gate.paused_until - self._clock.monotonic()
            return self._clock.utc().timestamp() + seconds if seconds > 0 else 0.0

        metrics.begin_series(self._channel, name)
        metrics.BREAKER_STATE.labels(self._channel, name).set_function(lambda: gate.state(self._clock.monotonic()))
        metrics.PAUSED_UNTIL.labels(self._channel, name).set_function(paused_until)


async def ping_all(pings: Iterable[Awaitable[None]]) -> None:
    """Raise one :class:`Unusable` that says of each provider what is wrong with it."""
    found = await asyncio.gather(*pings, return_exceptions=True)
    for error in found:
        if error is not None and not isinstance(error, Unusable):
            raise error
    if wrong := [str(error) for error in found if error is not None]:
        raise Unusable("; ".join(wrong))


def _ends(outcome: Outcome) -> bool:
    """Whether no other provider is to be asked."""
    return not isinstance(outcome, Retry | Rejected) or outcome.fault is Fault.RECIPIENT


def _tries_of(asked: Iterable[Outcome]) -> tuple[Try, ...]:
    return tuple(tried for outcome in asked for tried in outcome.tries)
