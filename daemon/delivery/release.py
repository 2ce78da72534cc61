"""What becomes of messages that have waited together: alone, as one, later, or not at all. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from types import MappingProxyType

from config.names import Priority
from daemon.delivery.lastlook import Finding, LastLook, Later, Row
from daemon.planning.catalogue import Catalogue, Entry
from daemon.planning.values import Words


@dataclass(frozen=True, slots=True)
class Member:
    """One delivery that waits with others."""

    id: int
    user_id: str
    channel: str
    address: str
    hold: str
    expires_at: datetime
    zone: str | None
    locale: str
    event_id: int | None
    event: str | None
    subject: str | None
    audience: str | None
    priority: str | None
    label: str | None
    title: str | None
    body: str | None
    text: str | None
    url: str | None
    step: int
    critical: bool
    seen: bool
    newer: bool
    own_zone: str | None
    quiet: str | None
    snoozed_until: datetime | None
    do_not_disturb: bool
    reason: str | None

    @property
    def group(self) -> tuple[str, str, str, str]:
        return self.user_id, self.channel, self.address, self.hold

    @property
    def row(self) -> Row:
        return Row(
            self.reason,
            self.seen,
            self.newer,
            self.own_zone,
            self.zone,
            self.quiet,
            self.snoozed_until,
            self.do_not_disturb,
        )


@dataclass(slots=True)
class Release:
    """What becomes of a batch of groups."""

    alone: list[int] = field(default_factory=list)
    """Go out with their own words."""
    later: list[tuple[int, datetime]] = field(default_factory=list)
    left_out: list[tuple[int, str, str]] = field(default_factory=list)
    """(id, reason, in words)"""
    digests: list[tuple[Member, datetime, Words]] = field(default_factory=list)
    """(the one that carries it; until when; its words)"""


def release(
    members: Sequence[Member],
    catalogue: Catalogue,
    look: LastLook,
    now: datetime,
    unmet: Mapping[int, Finding] = MappingProxyType({}),
) -> Release:
    """Decide about the due ``members`` of some groups; ``unmet``: whose step's ``where`` does not hold. Pure."""
    done = Release()
    for _, group in groupby(sorted(members, key=lambda m: (m.group, m.id)), key=lambda m: m.group):
        _decide(list(group), catalogue, look, now, unmet, done)
    return done


def _decide(
    group: Sequence[Member],
    catalogue: Catalogue,
    look: LastLook,
    now: datetime,
    unmet: Mapping[int, Finding],
    done: Release,
) -> None:
    kept: list[Member] = []
    for member in group:
        finding = _finding(member, look, now) or unmet.get(member.id)
        if isinstance(finding, Later):
            done.later.append((member.id, min(finding.due_at, member.expires_at)))
        elif finding is not None:
            done.left_out.append((member.id, finding, "while it waited"))
        else:
            kept.append(member)
    if not kept:
        return
    if len(kept) == 1:
        done.alone.append(kept[0].id)
        return
    newest = kept[-1]
    # Whatever somebody chooses before it is sent, a critical one is told.
    leader = max(kept, key=lambda m: (m.critical, m.id))
    entries = [
        Entry(m.title or "", m.body or "", m.text or "", m.url, m.label or "", m.event or "", m.subject or "")
        for m in kept
    ]
    same = {member.event for member in kept}
    words = catalogue.render_digest(
        entries,
        newest.audience or "",
        newest.locale,
        newest.zone or look.zone.key,
        event=same.pop() if len(same) == 1 else None,
    )
    done.digests.append((leader, max(m.expires_at for m in kept), words))
    done.left_out += [(m.id, "digested", f"told with delivery {leader.id}") for m in kept if m is not leader]


def _finding(member: Member, look: LastLook, now: datetime) -> Finding:
    """What speaks against telling this now: it holds no longer, or this person has chosen other hours since."""
    step = look.step_of(member)
    if member.reason is not None:
        return member.reason
    if step is not None and (reason := look.unwanted(step, member.user_id, member.row)):
        return reason
    if look.leaves_alone(member.row, member.channel, critical=member.critical):
        return "preference"
    return look.disturbs(member.channel, Priority(member.priority or Priority.NORMAL), member.row, now)
