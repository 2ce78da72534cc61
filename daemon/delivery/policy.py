"""What becomes of a delivery after an attempt. Pure: values in, a verdict out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from config.settings import DeliverySettings
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown


@dataclass(frozen=True, slots=True)
class Finish:
    """The delivery has ended."""

    state: str
    """``sent``, ``failed`` or ``skipped``."""
    reason: str | None = None
    """Why it was skipped."""
    provider: str = ""
    provider_id: str | None = None
    error: str | None = None
    forget_address: bool = False
    """The address itself is the reason, and will be for every later delivery."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Another attempt, not before ``after_seconds`` from now."""

    after_seconds: float
    error: str


Verdict = Finish | TryAgain


def before_sending(delivery: Delivery, now: datetime) -> Finish | None:
    """Why ``delivery`` must not be sent after all, or None."""
    if now >= delivery.expires_at:
        return Finish("skipped", "expired")
    return None


def after_sending(
    outcome: Outcome,
    delivery: Delivery,
    settings: DeliverySettings,
    now: datetime,
    chance: float,
    *,
    repeatable: bool,
) -> Verdict:
    """What ``outcome`` means for ``delivery``.

    ``chance`` is a random number in [0, 1): retries wait that share of an exponentially growing time ("full jitter"),
    so that what failed together does not come back together. ``repeatable``: sent twice, people see it once.
    """
    match outcome:
        case Sent():
            return Finish("sent", provider=outcome.provider, provider_id=outcome.provider_id)
        case Rejected():
            return Finish(
                "failed",
                provider=outcome.provider,
                error=outcome.error,
                forget_address=outcome.suppress_address,
            )
        case Unknown() if not repeatable:
            return Finish(
                "failed", provider=outcome.provider, error=f"outcome unknown, not sent again: {outcome.error}"
            )
        case Unknown():
            return _again(outcome.error, outcome.provider, None, delivery, settings, now, chance)
        case Retry():
            return _again(outcome.error, outcome.provider, outcome.after, delivery, settings, now, chance)
        case _:
            assert_never(outcome)


def _again(
    error: str,
    provider: str,
    after: float | None,
    delivery: Delivery,
    settings: DeliverySettings,
    now: datetime,
    chance: float,
) -> Verdict:
    if delivery.attempt >= settings.max_attempts:
        return Finish("failed", provider=provider, error=f"gave up after {delivery.attempt} attempts: {error}")
    # The exponent is bounded before the power is taken: 2.0 ** 2000 is an OverflowError.
    longest = min(settings.retry_max_seconds, settings.retry_base_seconds * 2.0 ** min(delivery.attempt - 1, 60))
    wait = max(longest * chance, after or 0.0)
    if now + timedelta(seconds=min(wait, 10**9)) >= delivery.expires_at:
        return Finish("failed", provider=provider, error=f"would expire before another attempt: {error}")
    return TryAgain(wait, error)
