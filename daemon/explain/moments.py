"""Points in time as a person reads them."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo


@dataclass(frozen=True, slots=True)
class Moments:
    """Writes points in time in ``zone`` (None: this machine's); the date is left out where it is ``day``."""

    zone: tzinfo | None = None
    day: date | None = None

    def beside(self, at: datetime) -> "Moments":
        """The same, beside something that says the date of ``at``."""
        return replace(self, day=at.astimezone(self.zone).date())

    def __call__(self, at: datetime) -> str:
        return self._said(at.astimezone(self.zone), "%H:%M:%S")

    def in_zone(self, at: datetime, zone: tzinfo) -> str:
        """On the wall of somebody in ``zone``, beside the same in ours: ``07:00 in Europe/Berlin``."""
        return f"{self.beside(at)._said(at.astimezone(zone), '%H:%M')} in {zone}"  # noqa: SLF001 - one of its own

    def _said(self, local: datetime, clock: str) -> str:
        return local.strftime(clock if local.date() == self.day else f"%Y-%m-%d {clock}")


def length(time: timedelta) -> str:
    """``90 s``, ``2 min``, ``1 h 30 min``, ``7 d``."""
    days, rest = divmod(round(time.total_seconds()), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")) if n]
    return " ".join(parts) or "0 s"
