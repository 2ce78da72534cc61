"""When a message may go out: at once, after its step's time, when its digest closes, when the night is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from config.names import Priority
from config.quiet import QuietWindow
from config.rules import Rule
from config.telling import Digest, Step
from daemon.planning.known import Hold
from daemon.planning.policy import Policy
from daemon.planning.quiet import NEVER, quiet_until
from daemon.planning.values import Person

QUIET = "quiet"
"""The name under which messages wait for the same person's night to end."""


@dataclass(slots=True)
class When:
    """The moment, and what it is waited for under: None where it is not to be put together with others."""

    due_at: datetime
    hold: str | None = None
    zone: str = ""
    """The recipient's time zone, where quiet hours count."""


class Schedule:
    """Says when each delivery of a plan is due, and remembers the digests that it opens."""

    def __init__(self, policy: Policy, windows: Mapping[Hold, datetime], now: datetime) -> None:
        self._policy = policy
        self._windows = dict(windows)
        self._now = now

    def when(self, rule: Rule, step: Step, person: Person, channel: str, address: str, subject: str) -> When:
        """When the delivery of ``step`` to ``address`` may go out. ``NEVER`` where it never may."""
        policy = self._policy
        waits = policy.waits(channel, rule.priority)
        zone = policy.zone_for(person, rule.audience) if waits else None
        key = zone.key if zone else ""
        hold = None
        at = self._now + step.after if step.after else self._now
        if rule.digest is not None and step.after is None:
            hold = name_of(rule.digest, rule, subject)
            open_one = self._windows.get((person.user_id, channel, address, hold))
            at = open_one if open_one is not None and open_one > self._now else self._now + rule.digest.every
        later = at
        if zone is not None:
            windows = policy.quiet if person.quiet is None else person.quiet
            if windows or person.snoozed_until:
                later = open_from(at, windows, zone, person.snoozed_until)
        if hold is not None:
            self._windows[person.user_id, channel, address, hold] = later
        return When(later, hold or (QUIET if later > at else None), key)


def name_of(digest: Digest, rule: Rule, subject: str) -> str:
    """The name under which the events of ``rule`` wait for their digest to close."""
    # What closes after another time, or passes quiet hours, is another window: each closes on time.
    own = f"digest:{digest.every.total_seconds():.0f}{'!' if rule.priority is Priority.URGENT else ''}:{rule.audience}"
    match digest.by:
        case "subject":
            return f"{own}:{subject}"
        case "event":
            return f"{own}:{rule.event}"
        case "audience":
            return own


def open_from(
    at: datetime, windows: Sequence[QuietWindow], zone: ZoneInfo, snoozed_until: datetime | None = None
) -> datetime:
    """The first instant from ``at`` on at which a person may be disturbed; ``NEVER`` where there is none."""
    # Each turn goes on in time; a snooze may end in the night, and a night in a snooze.
    while True:
        later = max(at, snoozed_until) if snoozed_until is not None else at
        later = quiet_until(windows, zone, later) or later
        if later == at or later >= NEVER:
            return later
        at = later
