"""Rows -> a timeline. Pure: what was read, the configuration and how to write times are all it knows."""

from collections.abc import Sequence
from datetime import UTC

from daemon.explain.ahead import ahead_of
from daemon.explain.configured import Configured
from daemon.explain.moments import Moments
from daemon.explain.notes import history_is_gone, notes_of
from daemon.explain.records import Ask, CountRow, EventRow, NotificationRow, Rows
from daemon.explain.values import Count, Happening, Rest, Timeline, Told
from daemon.explain.ways import Ways, grouped

UTC_ALWAYS = Moments(UTC)


def timeline(
    rows: Rows, ask: Ask, configured: Configured, moment: Moments = UTC_ALWAYS, *, addresses: bool = False
) -> Timeline:
    """What ``rows`` say about ``ask``. With ``addresses``, those are shown in full."""
    told = grouped(rows.notifications, lambda row: row.event_id)
    ways = Ways(rows, configured, ask.channel, addresses=addresses)
    return Timeline(
        subject=ask.subject,
        user=ask.user,
        channel=ask.channel,
        events=[
            _happening(event, told.get(event.id, []), rows, ask, configured, ways, moment) for event in rows.events
        ],
        ahead=list(ahead_of(rows, ways.clean, moment)),
        more_events=rows.more_events,
    )


def _happening(
    event: EventRow,
    shown: list[NotificationRow],
    rows: Rows,
    ask: Ask,
    configured: Configured,
    ways: Ways,
    moment: Moments,
) -> Happening:
    kept = not history_is_gone(event, configured, rows.now)
    told = tuple(
        _told(row, ways, _withdrawn_by(row, rows, configured), moment.beside(event.captured_at), kept=kept)
        for row in shown
    )
    return Happening(
        id=event.id,
        name=event.name,
        label=event.label,
        captured_at=event.captured_at,
        planned_at=event.planned_at,
        remarks=tuple(event.remarks),
        remarks_total=event.remarks_total,
        told=told,
        rest=_rest(shown, rows.rest.get(event.id, ())),
        notes=tuple(notes_of(event, told, ask.user, configured, rows.now)),
    )


def _told(row: NotificationRow, ways: Ways, withdrawn_by: str | None, moment: Moments, *, kept: bool) -> Told:
    return Told(
        notification=row.id,
        user=row.user_id,
        audience=row.audience,
        category=row.category,
        priority=row.priority,
        critical=row.critical,
        time_zone=ways.zone_of(row).key,
        created_at=row.created_at,
        expires_at=row.expires_at,
        seen_at=row.seen_at,
        read_at=row.read_at,
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=withdrawn_by,
        ways=tuple(ways.of(row, withdrawn_by, moment, kept=kept)),
    )


def _rest(shown: list[NotificationRow], counts: Sequence[CountRow]) -> Rest | None:
    """Of those that are not listed; None where all are."""
    left = shown[0].total - len(shown) if shown else 0
    if not left:
        return None
    said = (Count(row.channel, row.outcome, row.count) for row in counts)
    return Rest(left, tuple(sorted(said, key=lambda count: (count.channel, -count.count, count.outcome))))


def _withdrawn_by(row: NotificationRow, rows: Rows, configured: Configured) -> str | None:
    """The event in whose transaction it was taken back."""
    rule = configured.rules.get((row.event, row.audience))
    if row.withdrawn_at is None or rule is None:
        return None
    return next(
        (
            event.name
            for event in rows.events
            if event.planned_at == row.withdrawn_at and event.name in rule.withdraw_on
        ),
        None,
    )
