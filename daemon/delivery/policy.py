"""What becomes of a delivery after an attempt. Pure: values in, a verdict out.

Nobody changes a verdict once it is made; that it is not ``frozen`` is for speed (``daemon.planning.values``).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from config.names import Closed
from config.settings import DeliverySettings
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown


@dataclass(slots=True, unsafe_hash=True)
class Finish:
    """The delivery has ended."""

    state: str
    """``sent``, ``failed`` or ``skipped``."""
    reason: str | None = None
    """Why it was skipped."""
    provider: str = ""
    provider_id: str | None = None
    error: str | None = None
    closed: Closed | None = None
    """The address itself is the reason, and will be for every later delivery."""
    cause: str = field(default="", compare=False)
    """Why it failed, in a word for the metrics: ``address`` and ``rejected`` are the recipient's doing, ``gave_up`` and
    ``expired`` are not."""


@dataclass(slots=True, unsafe_hash=True)
class TryAgain:
    """Another attempt, not before ``after_seconds`` from now."""

    after_seconds: float
    error: str
    uncertain: bool = False
    """This attempt, or one before it, may have been sent."""
    free: bool = False
    """Nobody was asked (a breaker is open, a rate is used up): it does not count as an attempt."""
    chosen: bool = field(default=False, compare=False)
    """The recipient wants it no sooner, so until then it is not late."""


Verdict = Finish | TryAgain

UNKNOWN_SECONDS = 5.0
"""What may have been sent is looked up, or sent again, no sooner: providers list a message a moment after taking it."""


def after_sending(
    outcome: Outcome,
    delivery: Delivery,
    settings: DeliverySettings,
    now: datetime,
    chance: float,
) -> Verdict:
    """What ``outcome`` means for ``delivery``.

    ``chance`` is a random number in [0, 1): retries wait that share of an exponentially growing time ("full jitter"),
    so that what failed together does not come back together.
    """
    match outcome:
        case Sent():
            return Finish("sent", provider=outcome.provider, provider_id=outcome.provider_id)
        case Rejected():
            return Finish(
                "failed",
                provider=outcome.provider,
                error=outcome.error,
                closed=outcome.closed if outcome.suppress_address else None,
                cause="address" if outcome.suppress_address else "rejected",
            )
        case Unknown():
            verdict = _again(outcome, UNKNOWN_SECONDS, delivery, settings, now, chance)
            return replace(verdict, uncertain=True) if isinstance(verdict, TryAgain) else verdict
        case Retry():
            verdict = _again(outcome, outcome.after, delivery, settings, now, chance)
            # What was not certain before is no more certain for a provider that did not say.
            return replace(verdict, uncertain=delivery.uncertain) if isinstance(verdict, TryAgain) else verdict
        case _:
            assert_never(outcome)


def _again(
    outcome: Retry | Unknown,
    after: float | None,
    delivery: Delivery,
    settings: DeliverySettings,
    now: datetime,
    chance: float,
) -> Verdict:
    error, provider, code = outcome.error, outcome.provider, outcome.code
    free = isinstance(outcome, Retry) and not outcome.tries and not code
    if delivery.attempt >= settings.max_attempts and not free:
        said = f"gave up after {delivery.attempt} attempts: {error}"
        return Finish("failed", provider=provider, error=said, cause="gave_up")
    # The exponent is bounded before the power is taken: 2.0 ** 2000 is an OverflowError.
    longest = min(settings.retry_max_seconds, settings.retry_base_seconds * 2.0 ** min(delivery.attempt - 1, 60))
    wait = max(longest * chance, after or 0.0)
    if now + timedelta(seconds=min(wait, 10**9)) >= delivery.expires_at:
        said = f"would expire before another attempt: {error}"
        return Finish("failed", provider=provider, error=said, cause="expired")
    return TryAgain(wait, error, free=free)
