"""A rate limit: a token bucket, kept as the one time that says everything (GCRA). Pure: the time is passed in."""

LONGEST_DEFERRAL_SECONDS = 300.0
"""Who is sent away comes back within this, however many were before: some of them may never come back."""


class Bucket:
    """``rate`` tokens a second, ``burst`` of them at once after a rest. Times are seconds of one monotonic clock."""

    __slots__ = ("_deferred_until", "_interval", "_slack", "_spent_until")

    def __init__(self, rate: float, burst: int) -> None:
        """``rate`` 0: no limit."""
        self._interval = 1.0 / rate if rate else 0.0
        self._slack = (burst - 1) * self._interval
        self._spent_until = float("-inf")
        self._deferred_until = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0 now."""
        return max(0.0, self._spent_until - self._slack - now)

    def take(self, now: float) -> bool:
        """Take a token, if there is one."""
        if self.wait(now) > 0:
            return False
        self._spent_until = max(self._spent_until, now) + self._interval
        return True

    def defer(self, now: float, seconds: float) -> float:
        """Seconds after which to come back, ``seconds`` at least.

        An interval later for each who is sent away: a thousand of them do not come back for the same token.
        """
        if not self._interval:
            return seconds
        soonest = now + max(seconds, self.wait(now))
        latest = max(soonest, now + LONGEST_DEFERRAL_SECONDS)
        self._deferred_until = min(max(self._deferred_until + self._interval, soonest), latest)
        return self._deferred_until - now
