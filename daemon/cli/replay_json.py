"""What a replay found, for scripts: as ``docs/reference/cli.md`` has it."""

from typing import Any

from daemon.explain.addresses import masked
from daemon.planning.wording import TEXTS
from daemon.replay.difference import Summary, Tally
from daemon.replay.run import Span
from daemon.replay.values import SIDES, Difference, Kind, Outcome


def as_json(summary: Summary, span: Span) -> dict[str, Any]:
    """Keys stay; what there is none of is null or empty."""
    return {
        "since": span.since.isoformat(),
        "until": span.until.isoformat(),
        "events": summary.events,
        "events_differing": summary.differing,
        "differences": {kind.value: summary.count(kind) for kind in Kind},
        "rules": [
            {
                "event": event,
                "audience": audience,
                "channels": [_channel(tally, channel) for channel in tally.channels],
            }
            for (event, audience), tally in sorted(summary.rules.items())
        ],
        "examples": {kind.value: [_example(each) for each in found] for kind, found in summary.examples.items()},
        "failed": {side: summary.failed[number] for number, side in enumerate(SIDES)},
        "failures": [
            {
                "rules": SIDES[failure.side],
                "event_id": failure.past.id,
                "event": failure.past.event.name,
                "subject": failure.past.event.subject,
                "error": failure.error,
            }
            for failure in summary.failures
        ],
        "notes": summary.notes,
    }


def _channel(tally: Tally, channel: str) -> dict[str, Any]:
    return {
        "channel": channel,
        **{
            side: {label: n for (on, label), n in sorted(outcomes.items()) if on == channel}
            for side, outcomes in zip(SIDES, tally.outcomes, strict=True)
        },
        "differences": {kind.value: tally.kinds[channel, kind] for kind in Kind if tally.kinds[channel, kind]},
    }


def _example(difference: Difference) -> dict[str, Any]:
    past, way = difference.past, difference.way
    return {
        "event_id": past.id,
        "event": past.event.name,
        "subject": past.event.subject,
        "planned_at": past.now.isoformat(),
        "audience": way.audience,
        "user": way.user,
        "channel": way.channel,
        "address": masked(way.channel, way.address),
        "before": _plain(difference.before, way.channel),
        "after": _plain(difference.after, way.channel),
    }


def _plain(outcome: Outcome, channel: str) -> dict[str, Any]:
    words = outcome.words
    return {
        "outcome": outcome.label,
        "detail": outcome.detail,
        "at": outcome.at.isoformat() if outcome.at else None,
        "taken_back": outcome.taken_back,
        "title": words.title if words and channel != TEXTS else None,
        "body": words.body if words and channel != TEXTS else None,
        "text": words.text if words and channel == TEXTS else None,
    }
