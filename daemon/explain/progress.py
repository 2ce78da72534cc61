"""How far a delivery has come, in words. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from config.rules import Rule
from daemon.explain.moments import Moments, length
from daemon.explain.records import FinishedRow, PersonRow, WaitingRow
from daemon.explain.words import condition_of
from daemon.planning.timing import QUIET

OVERDUE = timedelta(minutes=1)
"""Due for so long, and nobody has taken it up."""

WAITED_FOR_THE_NIGHT = "quiet hours"
"""As the last look before sending says it in ``delivery.error``."""


def why_ended(row: FinishedRow, error: str, moment: Moments, *, takes_back: bool) -> str:
    """What became of a delivery that was not skipped; ``error`` is the row's as it may be shown."""
    by = f" by {row.provider}" if row.provider else ""
    number = f" (id {_short(row.provider_id)})" if row.provider_id else ""
    sent = f"{moment(row.finished_at)}{by}{number}" + (", to take back what the device shows" if takes_back else "")
    error = error or "no reason was given"
    if row.state == "failed" and row.reported_at is not None:
        return f"{moment(row.reported_at)}, came back: {error}; sent {sent}"
    if row.state == "failed":
        tries = f", after {_attempts(row.attempt)}" if row.attempt > 1 else ""
        return f"{moment(row.finished_at)}{by}{tries}: {error}"
    if row.state == "delivered":
        arrived = moment(row.reported_at) if row.reported_at is not None else "the provider says"
        return f"{arrived}, sent {sent}"
    return sent


def why_waiting(
    row: WaitingRow,
    error: str,
    rule: Rule | None,
    person: PersonRow | None,
    zone: ZoneInfo,
    now: datetime,
    moment: Moments,
) -> str:
    """When it goes out, and what it waits for; ``error`` is the row's as it may be shown."""
    due = f"{moment(row.due_at)} ({moment.in_zone(row.due_at, zone)})"
    if row.state == "sending":
        why = _sending(row, now, moment)
    elif now - row.due_at > OVERDUE:
        why = f"due since {due}, and no daemon has taken it up{_tried(row, error)}"
    elif row.hold == QUIET or error == WAITED_FOR_THE_NIGHT:
        snoozed = person is not None and person.snoozed_until == row.due_at
        why = f"held until {due}, as they asked (snoozed)" if snoozed else f"held by quiet hours until {due}"
    elif row.hold is not None:
        why = f"waits for its digest, which closes {due}"
    elif row.attempt or error:
        why = f"next attempt {due}{_tried(row, error)}"
    else:
        why = f"due {due}{_step(row, rule)}"
    return why + ("; an earlier attempt may have been sent" if row.uncertain else "")


def _step(row: WaitingRow, rule: Rule | None) -> str:
    """What its step waits for."""
    if rule is None or row.step >= len(rule.all_steps):
        return ""
    step = rule.all_steps[row.step]
    after = f"{length(step.after)} after the event" if step.after is not None else ""
    return "".join(f", {part}" for part in (after, condition_of(step)) if part)


def _sending(row: WaitingRow, now: datetime, moment: Moments) -> str:
    by = f" by {row.leased_by}" if row.leased_by else ""
    attempt = f"attempt {row.attempt}{by}"
    if row.due_at <= now:
        return f"{attempt}; its lease ran out at {moment(row.due_at)}, so any daemon takes it up"
    return f"{attempt}, leased until {moment(row.due_at)}"


def _tried(row: WaitingRow, error: str) -> str:
    tries = f", after {_attempts(row.attempt)}" if row.attempt else ""
    return tries + (f": {error}" if error else "")


def _attempts(count: int) -> str:
    return f"{count} attempt{'' if count == 1 else 's'}"


def _short(number: str) -> str:
    """Push services answer with a URL, of which the end names the message."""
    return number.rstrip("/").rpartition("/")[2] if number.startswith(("http://", "https://")) else number
