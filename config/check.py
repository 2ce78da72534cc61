"""What one part of the configuration says about another: names that must exist elsewhere.

It looks at each part that could be read, also where another could not, so that one mistake does not hide the
next. What could not be read is not held against the others: a name that it may have brought counts as there.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from config.errors import Mistake
from config.mapping import Audience, Watch
from config.names import INBOX
from config.rules import Rule
from config.settings import DeliverySettings
from config.suggestions import did_you_mean
from config.telling import QuietHours, Throttle

CHANNELS_OF_OURS = ("email", "sms", "webpush")
COLUMNS_AT_MOST = 50

Part = TypeVar("Part", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a configuration that can be read; watches and rules by their number in the file."""

    watches: Mapping[int, Watch]
    audiences: Mapping[str, Audience]
    rules: Mapping[int, Rule]
    all_watches: bool
    """False where a watch could not be read: it may have any name and make any event."""
    audience_names: Collection[str]
    """Also of those that could not be read."""
    watched: bool
    """Whether there is any watch at all."""
    present: Collection[str]
    """The sections that the configuration has and that are not empty."""
    throttles: Mapping[int, Throttle]
    quiet_hours: QuietHours | None
    preferences: Mapping[str, Sequence[str]]
    lifetime: timedelta
    """Of what is sent under a rule that does not say."""


def parts_of(raw: Mapping[str, Any]) -> Parts:
    """The readable parts of ``raw``, whatever it is."""
    watches = _readable(_items(raw.get("watch")), Watch)
    audiences = raw.get("audience")
    audiences = audiences if isinstance(audiences, dict) else {}
    preferences = raw.get("preferences")
    preferences = preferences if isinstance(preferences, dict) else {}
    return Parts(
        watches=watches,
        audiences={str(name): audience for name, audience in _readable(audiences, Audience).items()},
        rules=_readable(_items(raw.get("rule")), Rule),
        all_watches="watch" not in raw or (isinstance(raw["watch"], list) and len(watches) == len(raw["watch"])),
        audience_names=[str(name) for name in audiences],
        watched=bool(_items(raw.get("watch"))),
        present={name for name, section in raw.items() if section not in ([], {}, None)},
        throttles=_readable(_items(raw.get("throttle")), Throttle),
        quiet_hours=_readable({"": raw.get("quiet_hours", {})}, QuietHours).get(""),
        lifetime=timedelta(seconds=_lifetime(raw.get("delivery"))),
        preferences={str(name): given for name, given in preferences.items() if _is_names(given)},
    )


def known_channels() -> list[str]:
    """Every channel a rule can name: the inbox, and what is installed under ``orderbell.dispatchers``."""
    installed = {point.name for point in entry_points(group="orderbell.dispatchers")}
    return [INBOX, *sorted(installed | set(CHANNELS_OF_OURS))]


def mistakes_in(parts: Parts) -> list[Mistake]:
    """Every name that leads nowhere, and every part that is missing another."""
    channels = known_channels()
    return [
        *_watches(parts),
        *_audiences(parts),
        *_rules(parts, channels),
        *_elsewhere(parts, channels),
        *_missing(parts),
    ]


def _watches(parts: Parts) -> Iterator[Mistake]:
    first_of: dict[str, int] = {}
    prefix_of: dict[str, int] = {}
    for index, watch in parts.watches.items():
        first = first_of.setdefault(watch.name, index)
        if first != index:
            yield Mistake(f"watch[{index}].name", f'watch[{first}] has the name "{watch.name}" already')
        of_prefix = prefix_of.setdefault(watch.event_prefix, index)
        if of_prefix != index and first == index:
            yield Mistake(
                f"watch[{index}].event_prefix",
                f'watch[{of_prefix}] has "{watch.event_prefix}" already: rows with one key would be one subject',
            )
        if len(watch.captured_columns) > COLUMNS_AT_MOST:
            yield Mistake(f"watch[{index}].columns", f"at most {COLUMNS_AT_MOST} columns can be captured")


def _audiences(parts: Parts) -> Iterator[Mistake]:
    if not parts.all_watches:
        return
    names = [watch.name for watch in parts.watches.values()]
    for name, audience in parts.audiences.items():
        if audience.watch is not None and audience.watch not in names:
            hint = did_you_mean(audience.watch, names)
            yield Mistake(f"audience.{name}.watch", f'unknown watch "{audience.watch}"{hint}')
        looked_at = [watch for watch in parts.watches.values() if audience.watch in (None, watch.name)]
        if audience.column is None or not looked_at:
            continue
        captured = {column for watch in looked_at for column in watch.captured_columns}
        if audience.column not in captured:
            hint = did_you_mean(audience.column, captured)
            yield Mistake(
                f"audience.{name}.column",
                f'"{audience.column}" is not captured by the watch: add it to its columns{hint}',
            )


def _rules(parts: Parts, channels: Collection[str]) -> Iterator[Mistake]:
    prefixes = {watch.event_prefix for watch in parts.watches.values()}
    first_of: dict[tuple[str, str], int] = {}
    for index, rule in parts.rules.items():
        path = f"rule[{index}]"
        yield from _unknown(rule.channels, f"{path}.channels", channels)
        for number, step in enumerate(rule.steps):
            yield from _unknown(step.channels, f"{path}.steps[{number}].channels", channels)
        yield from _too_late(rule, path, parts.lifetime)
        for position, event in enumerate(rule.withdraw_on):
            given, wanted = event.partition(".")[0], rule.event.partition(".")[0]
            if given != wanted:
                yield Mistake(
                    f"{path}.withdraw_on[{position}]", f'"{event}" is about another row than {rule.event}: {wanted}.…'
                )
        if parts.audience_names and rule.audience not in parts.audience_names:
            hint = did_you_mean(rule.audience, parts.audience_names) or f"; define [audience.{rule.audience}]"
            yield Mistake(f"{path}.audience", f'unknown audience "{rule.audience}"{hint}')
        prefix = rule.event.partition(".")[0]
        if parts.watches and parts.all_watches and prefix not in prefixes:
            hint = did_you_mean(prefix, prefixes)
            yield Mistake(f"{path}.event", f'no watch makes events "{prefix}.…"{hint}')
        first = first_of.setdefault((rule.event, rule.audience), index)
        if first != index:
            yield Mistake(path, f"says again what rule[{first}] says: {rule.event} for {rule.audience}")


def _too_late(rule: Rule, path: str, default: timedelta) -> Iterator[Mistake]:
    """What would be planned for a time when it is not to be sent any more."""
    lifetime = timedelta(seconds=rule.expires_after_seconds) if rule.expires_after_seconds else default
    hint = f"set expires_after_seconds of this rule: what is older than {lifetime.total_seconds():.0f} s is not sent"
    for number, step in enumerate(rule.steps):
        if step.after is not None and step.after >= lifetime:
            yield Mistake(f"{path}.steps[{number}].after", f"would never be sent; {hint}")
    if rule.digest is not None and rule.digest.every >= lifetime:
        yield Mistake(f"{path}.digest.every", f"would never be sent; {hint}")


def _unknown(named: Sequence[str], path: str, channels: Collection[str]) -> Iterator[Mistake]:
    for position, channel in enumerate(named):
        if channel not in channels:
            hint = did_you_mean(channel, channels) or f"; there is {', '.join(channels)}"
            yield Mistake(f"{path}[{position}]", f'unknown channel "{channel}"{hint}')


def _elsewhere(parts: Parts, channels: Collection[str]) -> Iterator[Mistake]:
    """Channels that are named outside the rules."""
    for index, throttle in parts.throttles.items():
        if throttle.channel == INBOX:
            yield Mistake(f"throttle[{index}].channel", "the inbox takes everything")
        elif throttle.channel not in channels:
            hint = did_you_mean(throttle.channel, [each for each in channels if each != INBOX])
            yield Mistake(f"throttle[{index}].channel", f'unknown channel "{throttle.channel}"{hint}')
    if parts.quiet_hours is not None:
        yield from _unknown(parts.quiet_hours.channels, "quiet_hours.channels", channels)
    for category, named in parts.preferences.items():
        yield from _unknown(named, f"preferences.{category}", channels)


def _missing(parts: Parts) -> Iterator[Mistake]:
    if not parts.watched:
        return
    if "people" not in parts.present:
        yield Mistake("people.query", "is missing: without it nobody has a name or an address")
    if "audience" not in parts.present:
        yield Mistake("audience", "is missing: say who the customer is, for example [audience.customer]")
    elif "rule" not in parts.present:
        hint = 'preset = "delivery" brings the order lifecycle'
        yield Mistake("rule", f"is missing: without rules nobody is told; {hint}")


def _items(section: Any) -> dict[int, Any]:
    return dict(enumerate(section)) if isinstance(section, list) else {}


def _lifetime(delivery: Any) -> int:
    """``[delivery] expires_after_seconds``, or the default where it cannot be read."""
    given = delivery.get("expires_after_seconds") if isinstance(delivery, dict) else None
    default = DeliverySettings().expires_after_seconds
    return given if isinstance(given, int) and 0 < given < 10**9 else default


def _is_names(given: Any) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(name, str) for name in given)


def _readable(sections: Mapping[Any, Any], model: type[Part]) -> dict[Any, Part]:
    read = {}
    for name, section in sections.items():
        try:
            read[name] = model.model_validate(section)
        except ValidationError:
            continue
    return read
