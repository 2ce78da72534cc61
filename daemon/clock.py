"""The database's clock, as this process knows it: due times, leases and expiry are all by that one."""

import time
from datetime import UTC, datetime, timedelta


class DatabaseClock:
    """The local monotonic clock, set by what the database said last. Good to a round trip."""

    def __init__(self) -> None:
        self._known = datetime.now(UTC)
        self._at = time.monotonic()

    def set(self, now: datetime) -> None:
        """The database has just said that it is ``now``."""
        self._known, self._at = now, time.monotonic()

    def now(self) -> datetime:
        """Aware, in UTC."""
        return self._known + timedelta(seconds=time.monotonic() - self._at)
