"""A reason -> a sentence. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from config.telling import Step
from daemon.explain.configured import Configured
from daemon.explain.moments import Moments, length
from daemon.explain.records import (
    CarrierRow,
    ChoiceRow,
    ClosedRow,
    FinishedRow,
    NewerRow,
    NotificationRow,
    PersonRow,
)
from daemon.explain.values import Reason

NO_ADDRESS = {
    "email": "no e-mail address is known for them",
    "sms": "no phone number is known for them",
    "webpush": "no browser of theirs has asked for pushes",
}


@dataclass(frozen=True, slots=True)
class Skip:
    """A delivery that was skipped, and what is known around it."""

    row: FinishedRow
    notification: NotificationRow
    configured: Configured
    choices: Sequence[ChoiceRow] = ()
    """Of this person, whatever they are about."""
    person: PersonRow | None = None
    newer: NewerRow | None = None
    carrier: CarrierRow | None = None
    closed: ClosedRow | None = None
    withdrawn_by: str | None = None
    takes_back: bool = False
    """It would have told a device that the notification holds no longer."""

    @property
    def detail(self) -> str:
        """What the row itself says."""
        return self.row.error or ""


def why_skipped(skip: Skip, moment: Moments) -> str:  # noqa: C901 - a case for each reason
    """Why it was not sent, in words."""
    reason = Reason(skip.row.reason or "")
    match reason:
        case Reason.SUPERSEDED:
            why = _superseded(skip, moment)
        case Reason.PREFERENCE:
            why = _preference(skip, moment)
        case Reason.SUPPRESSED:
            why = _suppressed(skip, moment)
        case Reason.WITHDRAWN:
            why = _withdrawn(skip, moment)
        case Reason.EXPIRED:
            why = _expired(skip, moment)
        case Reason.READ:
            why = _read(skip, moment)
        case Reason.NO_ADDRESS:
            why = NO_ADDRESS.get(skip.row.channel, f"no address on {skip.row.channel} is known for them")
        case Reason.DIGESTED:
            why = _digested(skip, moment)
        case Reason.CONDITION:
            why = _condition(skip, moment)
        case Reason.THROTTLED:
            why = _throttled(skip)
        case _:
            assert_never(reason)
    return why


def _read(skip: Skip, moment: Moments) -> str:
    read_at = skip.notification.read_at
    return "they had read it in the inbox" + (f" at {moment(read_at)}" if read_at else "")


def _superseded(skip: Skip, moment: Moments) -> str:
    if skip.takes_back:
        return f"it was to take back what the device shows, which was a newer message by {moment(skip.row.finished_at)}"
    if skip.newer is None:
        return f"superseded by a newer status at {moment(skip.row.finished_at)}"
    return f"superseded by {skip.newer.event} at {moment(skip.newer.created_at)}"


def _preference(skip: Skip, moment: Moments) -> str:
    category, channel = skip.notification.category, skip.row.channel
    if skip.detail == "do not disturb":
        return _undisturbed(skip, moment)
    about = [c for c in skip.choices if c.category in ("", category) and c.channel in ("", channel)]
    off = [choice for choice in about if not choice.enabled]
    if off:
        first = min(off, key=lambda choice: choice.changed_at)
        what = f"category {first.category}" if first.category else "everything"
        where = first.channel or "every channel"
        since = "since" if first.changed_at <= skip.row.finished_at else "last changed"
        return f"they switched off {what} on {where}, {since} {moment(first.changed_at)}"
    if skip.person is not None and skip.person.do_not_disturb:
        return _undisturbed(skip, moment)
    if not skip.configured.by_default(category, channel):
        return f"category {category} is not sent on {channel} unless a person asks for it, and they had not"
    if about:
        last = max(about, key=lambda choice: choice.changed_at)
        return f"they had switched it off; since {moment(last.changed_at)} they want it again"
    return "they had switched it off, and have taken that back since"


def _undisturbed(skip: Skip, moment: Moments) -> str:
    if skip.person is None or not skip.person.do_not_disturb:
        return "they had chosen not to be disturbed, and have taken that back since"
    return f"they do not want to be disturbed (their settings are of {moment(skip.person.changed_at)})"


def _suppressed(skip: Skip, moment: Moments) -> str:
    closed = skip.closed
    if closed is None:
        return "the address was suppressed, and has been opened again since"
    detail = f": {closed.detail}" if closed.detail else ""
    if closed.since > skip.row.finished_at:
        return f"the address was suppressed, and is again since {moment(closed.since)} ({closed.reason}{detail})"
    return f"the address is suppressed since {moment(closed.since)} ({closed.reason}{detail})"


def _withdrawn(skip: Skip, moment: Moments) -> str:
    if skip.notification.withdrawn_at is None:
        return skip.detail or "its notification was taken back"
    by = f" by {skip.withdrawn_by}" if skip.withdrawn_by else ""
    return f"taken back{by} at {moment(skip.notification.withdrawn_at)}"


def _expired(skip: Skip, moment: Moments) -> str:
    end = skip.notification.expires_at
    said = f"not to be sent after {moment(end)}" if end else "it had become too old"
    match skip.detail:
        case "quiet hours never end":
            return "their quiet hours never end"
        case "quiet until after its end":
            return f"{said}, and quiet hours end later"
        case "its end comes first":
            return f"{said}, and it would have been due later"
        case "while it waited":
            return f"{said}, and it was still waiting then"
        case _:
            return f"{said}: it was {moment(skip.row.finished_at)} by then"


def _digested(skip: Skip, moment: Moments) -> str:
    carrier = skip.carrier
    if skip.row.carrier is None:
        return "told in a digest"
    if carrier is None:
        return f"told in a digest, with delivery d{skip.row.carrier}, of which nothing is kept any more"
    about = f" ({carrier.event} of {carrier.subject})" if carrier.event else ""
    match carrier.state:
        case "sent" | "delivered":
            became = f"sent {moment(carrier.at)}"
        case "failed":
            became = f"which failed {moment(carrier.at)}"
        case "skipped":
            became = f"which was skipped {moment(carrier.at)}: {carrier.reason}"
        case _:
            became = "which is still to be sent"
    return f"told in a digest with delivery d{carrier.id}{about}, {became}"


def _condition(skip: Skip, moment: Moments) -> str:
    rule = skip.configured.rules.get((skip.notification.event, skip.notification.audience))
    steps = [step for step in rule.all_steps if skip.row.channel in step.channels] if rule is not None else []
    seen = skip.notification.seen_at
    if seen is not None and seen <= skip.row.finished_at and any(step.unless == "seen" for step in steps):
        return f"its step is only for who has not seen it, and they had, at {moment(seen)}"
    said = " or ".join(text for step in steps if (text := condition_of(step)))
    return f"its step's condition did not hold at {moment(skip.row.finished_at)}" + (f": {said}" if said else "")


def condition_of(step: Step) -> str:
    """``where total > 100, unless seen``; empty where there is none."""
    where = f"where {step.where}" if step.where else ""
    unless = f"unless {step.unless}" if step.unless else ""
    return ", ".join(part for part in (where, unless) if part)


def _throttled(skip: Skip) -> str:
    channel = skip.row.channel
    limits = [t for t in skip.configured.throttles if t.channel == channel]
    about = [t for t in limits if t.category in (None, skip.notification.category)]
    said = " or ".join(f"{t.at_most} in {length(t.per)}" for t in about) or skip.detail.removeprefix("more than ")
    return f"they had been sent enough on {channel}" + (f": at most {said}" if said else "")
