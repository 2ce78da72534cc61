"""From settings to what the planner works by: words, rules, lookups."""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config import Settings
from config.errors import ConfigError, Mistake
from daemon.delivery.lastlook import LastLook
from daemon.planning.catalogue import BrokenMessage, Catalogue
from daemon.planning.catalogue.locales import is_tag, tag_of
from daemon.planning.policy import Policy
from daemon.store.lookup import Lookup
from daemon.store.planner import Planning


def planning_of(settings: Settings, channels: Iterable[str], node: str) -> Planning:
    """What the planner needs. Raises :class:`config.ConfigError` for words that cannot be used."""
    policy = Policy.of(
        rules=settings.rule,
        catalogue=catalogue_of(settings),
        channels=channels,
        expires_after=timedelta(seconds=settings.delivery.expires_after_seconds),
    )
    quiet = settings.quiet_hours
    policy = replace(
        policy,
        quiet=quiet.window,
        waiting=frozenset(quiet.channels),
        zone=ZoneInfo(quiet.time_zone),
        zones={name: audience.time_zone for name, audience in settings.audience.items() if audience.time_zone},
        preferences=settings.preferences,
        segments=settings.sms.segments,
        transliterate=settings.sms.transliterate,
        throttles=[(throttle.name, throttle) for throttle in settings.throttle],
    )
    return Planning(
        watches={watch.name: watch for watch in settings.watch},
        lookup=Lookup(settings.audience, settings.people, settings.sms.default_region),
        policy=policy,
        node=node,
        batch_size=settings.capture.batch_size,
        lease_seconds=settings.delivery.lease_seconds,
    )


def last_look_of(settings: Settings, policy: Policy, online: Callable[[str], bool], node: str = "") -> LastLook:
    """What the workers go by just before they send."""
    return LastLook(
        rules={(rule.event, rule.audience): rule for rule in settings.rule},
        watches={watch.event_prefix: watch for watch in settings.watch},
        policy=policy,
        online=online,
        node=node,
    )


def catalogue_of(settings: Settings) -> Catalogue:
    """The built-in messages with the operator's over them. Raises :class:`config.ConfigError` with every mistake."""
    messages = _built_in()
    shipped = set(messages)
    if settings.messages.directory is not None:
        for locale, own in _in_directory(Path(settings.messages.directory)).items():
            shipped.discard(locale)
            ours = messages.setdefault(locale, {})
            for event, audiences in own.items():
                ours[event] = _over(ours.get(event, {}), audiences)
    urls = {name: audience.url for name, audience in settings.audience.items() if audience.url}
    try:
        return Catalogue(messages, settings.messages.default_locale, urls, settings.quiet_hours.time_zone, shipped)
    except BrokenMessage as error:
        raise ConfigError("messages", [Mistake(path, problem) for path, problem in error.mistakes]) from error


def _over(ours: Any, own: Any) -> Any:
    """The operator's section over ours: an audience's message takes the place of ours, but not that of its digest."""
    if not isinstance(ours, dict) or not isinstance(own, dict):
        return own
    merged = {**ours, **own}
    for audience, fields in own.items():
        if isinstance(fields, dict) and isinstance(ours.get(audience), dict):
            merged[audience] = {name: part for name, part in ours[audience].items() if isinstance(part, dict)} | fields
    return merged


def _built_in() -> dict[str, dict[str, Any]]:
    return {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in (files("config") / "messages").iterdir()
        if file.name.endswith(".toml")
    }


def _in_directory(directory: Path) -> dict[str, dict[str, Any]]:
    """Locale -> what its file has."""
    mistakes: list[Mistake] = []
    found: dict[str, dict[str, Any]] = {}
    if not directory.is_dir():
        raise ConfigError("messages.directory", [Mistake("", f"{directory} is not a directory")])
    for file in sorted(directory.glob("*.toml")):
        locale = tag_of(file.stem)
        if not is_tag(file.stem):
            mistakes.append(Mistake(file.name, "is not named after a locale, such as de.toml or de-AT.toml"))
        elif locale in found:
            mistakes.append(Mistake(file.name, f"there is another file for {locale}"))
        else:
            try:
                found[locale] = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                mistakes.append(Mistake(file.name, str(error)))
    if mistakes:
        raise ConfigError(str(directory), mistakes)
    return found
