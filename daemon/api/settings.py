"""A person's settings as they hold: what they chose, else what the application or the configuration says. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from config.names import NOT_DECLINED, Category
from config.quiet import QuietWindow
from daemon.planning.catalogue.locales import tag_of
from daemon.planning.policy import Policy
from daemon.planning.quiet import NEVER, zone_of
from daemon.planning.timing import open_from
from daemon.planning.values import Person

ALL = ""
"""In a choice: every category, or every channel."""

OwnChoices = Mapping[tuple[str, str], bool]
"""(category, channel) -> what this person chose."""


@dataclass(frozen=True, slots=True)
class Own:
    """What a person chose; None where they did not."""

    locale: str | None = None
    time_zone: str | None = None
    quiet: Sequence[QuietWindow] | None = None
    """An empty one: no quiet hours at all. None also where what is kept cannot be read."""
    snoozed_until: datetime | None = None
    do_not_disturb: bool = False
    choices: OwnChoices = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    own: bool


@dataclass(frozen=True, slots=True)
class QuietHours:
    windows: Sequence[QuietWindow]
    own: bool


@dataclass(frozen=True, slots=True)
class Channel:
    channel: str
    enabled: bool
    """Not switched off as a whole."""
    own: bool
    waits: bool
    """For the end of quiet hours and of a snooze."""
    reachable: bool
    """There is an address, and none that nothing is sent to any more."""


@dataclass(frozen=True, slots=True)
class Preference:
    category: Category
    channel: str
    enabled: bool
    own: bool


@dataclass(frozen=True, slots=True)
class AlwaysTold:
    """A rule that is critical: no preference counts."""

    event: str
    channels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Effective:
    """What the daemon goes by."""

    locale: Text
    time_zone: Text
    do_not_disturb: bool
    snoozed_until: datetime | None
    """None also where it is over."""
    quiet_hours: QuietHours
    quiet_until: datetime | None
    """Channels that wait are silent until then; None: they are not, at this moment."""
    channels: Sequence[Channel]
    preferences: Sequence[Preference]
    not_declined: Sequence[Category]
    critical: Sequence[AlwaysTold]


def effective(
    own: Own,
    person: Person,
    closed: frozenset[tuple[str, str]],
    policy: Policy,
    of_rows: frozenset[str],
    now: datetime,
) -> Effective:
    """``person`` is what the application says, with the person's own choices over it; ``closed`` are those (channel,
    address) of theirs that nothing is sent to; ``of_rows`` are the audiences that anybody may be in, with a row.
    """
    zone = zone_of(person.time_zone, default=policy.zone)
    windows = policy.quiet if own.quiet is None else own.quiet
    snoozed_until = own.snoozed_until if own.snoozed_until is not None and own.snoozed_until > now else None
    opens = open_from(now, windows, zone, snoozed_until)
    return Effective(
        locale=Text(tag_of(person.locale) or policy.catalogue.shelf.default_locale, own=bool(own.locale)),
        time_zone=Text(zone.key, own=bool(own.time_zone) and own.time_zone == zone.key),
        do_not_disturb=own.do_not_disturb,
        snoozed_until=None if snoozed_until is None else snoozed_until.astimezone(UTC),
        quiet_hours=QuietHours(tuple(windows), own=own.quiet is not None),
        quiet_until=min(opens, NEVER) if opens > now else None,
        channels=[_channel(name, own, person, closed, policy) for name in sorted(policy.channels)],
        preferences=[
            _preference(category, name, own, person, policy)
            for category in Category
            for name in sorted(policy.channels)
        ],
        not_declined=sorted(NOT_DECLINED),
        critical=_critical(policy, of_rows),
    )


def _critical(policy: Policy, of_rows: frozenset[str]) -> list[AlwaysTold]:
    """What is told to an audience that is always the same is not said: it would tell everybody of that audience."""
    told: dict[str, dict[str, None]] = {}
    for event, rules in sorted(policy.rules.items()):
        for rule in rules:
            if rule.critical and rule.audience in of_rows:
                told.setdefault(event, {}).update(dict.fromkeys(rule.all_channels))
    return [AlwaysTold(event, list(channels)) for event, channels in told.items()]


def _channel(name: str, own: Own, person: Person, closed: frozenset[tuple[str, str]], policy: Policy) -> Channel:
    whole = [own.choices.get((ALL, name)), own.choices.get((ALL, ALL))]
    return Channel(
        channel=name,
        enabled=False not in whole,
        own=any(choice is not None for choice in whole),
        waits=name in policy.waiting,
        reachable=any((name, address) not in closed for address in person.addresses.get(name, ())),
    )


def _preference(category: Category, name: str, own: Own, person: Person, policy: Policy) -> Preference:
    wants = policy.wants(
        {(person.user_id, *key): choice for key, choice in own.choices.items()}, person.user_id, category, name
    )
    # Decided by themselves: something is switched off, or this category is switched on.
    named = [own.choices.get((category, name)), own.choices.get((category, ALL))]
    wide = [own.choices.get((ALL, name)), own.choices.get((ALL, ALL))]
    return Preference(category, name, wants, own=True in named or False in (*named, *wide))
