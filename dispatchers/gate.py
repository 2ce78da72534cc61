"""Whether one provider may be asked now: its circuit breaker, its rate limit, and the pauses that it asked for."""

from dataclasses import dataclass

from dispatchers.base import Fault, Outcome, Rejected, Retry, Sent, Unknown
from dispatchers.breaker import Breaker, Permit, Rules, State
from dispatchers.bucket import Bucket

PAUSE_SECONDS = 1.0
"""For a provider that wants a pause and does not say for how long; if it goes on so, the breaker opens."""
LONGEST_PAUSE_SECONDS = 3600.0
"""Who asks for more is asked again after an hour: one header must not silence a channel for a day."""
LONG_PAUSE_SECONDS = 60.0
"""Who wants to be left alone for longer is out, whatever the reason."""
PROBE_SECONDS = 2.0
"""When to ask again while another's probe is out."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Not now: why, and the seconds after which to ask again."""

    reason: str
    wait_seconds: float


class Gate:
    """Times are seconds of one monotonic clock."""

    __slots__ = ("_breaker", "_bucket", "paused_until")

    def __init__(self, *, rate_per_second: float = 0.0, burst: int = 1, rules: Rules | None = None) -> None:
        self._breaker = Breaker(rules)
        self._bucket = Bucket(rate_per_second, burst)
        self.paused_until = float("-inf")
        """Because the provider asked for it."""

    def state(self, now: float) -> State:
        """The breaker's."""
        return self._breaker.state(now)

    def resting(self, now: float) -> str | None:
        """Why it is left alone, None where it is not: neither a short pause nor its rate limit is a reason. Changes
        nothing.
        """
        if (seconds := self._breaker.wait(now)) > 0:
            return f"is left alone after failures, for {seconds:.0f} s more"
        if (seconds := self.paused_until - now) >= LONG_PAUSE_SECONDS:
            return f"wants a pause, of {seconds:.0f} s more"
        return None

    def enter(self, now: float) -> Permit | Closed:
        """Leave to ask once, or why not.

        Whoever is given leave must give it back: by :meth:`leave`, or by :meth:`abandon`.
        """
        pausing, resting = self.paused_until - now, self._breaker.wait(now)
        if pausing > max(resting, 0.0):
            return Closed("wants a pause", pausing)
        if resting > 0:
            return Closed("is left alone after failures", resting)
        if (wait := self._bucket.wait(now)) > 0:
            return Closed("is at its rate limit", wait)
        permit = self._breaker.enter(now)
        if permit is None:
            return Closed("is being tried after failures", PROBE_SECONDS)
        self._bucket.take(now)
        return permit

    def defer(self, now: float, closed: Closed) -> float:
        """Seconds after which to come back for whoever found it ``closed``."""
        return self._bucket.defer(now, closed.wait_seconds)

    def leave(self, permit: Permit, outcome: Outcome, now: float) -> None:
        """What came of it."""
        match outcome:
            case Retry(fault=Fault.SETTINGS):
                self._breaker.trip(permit, now)
            case Retry(fault=Fault.LIMIT, after=float() as after) if after > 0:
                # It works, and said itself for how long it wants to be left alone.
                self._breaker.abandoned(permit)
            case Unknown() | Retry(fault=Fault.PROVIDER | Fault.LIMIT):
                self._breaker.failed(permit, now)
            case Sent() | Rejected() | Retry():
                self._breaker.succeeded(permit, now)
        if isinstance(outcome, Retry) and outcome.fault in {Fault.LIMIT, Fault.PROVIDER}:
            default = PAUSE_SECONDS if outcome.fault is Fault.LIMIT else 0.0
            pause = min(outcome.after or default, LONGEST_PAUSE_SECONDS)
            self.paused_until = max(self.paused_until, now + pause)

    def abandon(self, permit: Permit) -> None:
        """Whoever asked has gone: the answer will not be known."""
        self._breaker.abandoned(permit)
