"""From settings to what the planner works by: words, rules, lookups."""

import tomllib
from collections.abc import Iterable
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from config import Settings
from config.errors import ConfigError, Mistake
from daemon.planning.catalogue import BrokenMessage, Catalogue
from daemon.planning.plan import Policy
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
    return Planning(
        watches={watch.name: watch for watch in settings.watch},
        lookup=Lookup(settings.audience, settings.people, settings.sms.default_region),
        policy=policy,
        node=node,
        batch_size=settings.capture.batch_size,
        lease_seconds=settings.delivery.lease_seconds,
    )


def catalogue_of(settings: Settings) -> Catalogue:
    """The built-in messages with the operator's over them."""
    messages = _built_in()
    if settings.messages.directory is not None:
        for locale, own in _in_directory(Path(settings.messages.directory)).items():
            ours = messages.setdefault(locale, {})
            for event, audiences in own.items():
                ours[event] = {**ours.get(event, {}), **audiences} if isinstance(audiences, dict) else audiences
    urls = {name: audience.url for name, audience in settings.audience.items() if audience.url}
    try:
        return Catalogue(messages, settings.messages.default_locale, urls)
    except BrokenMessage as error:
        raise ConfigError("messages", [Mistake("", str(error))]) from error


def _built_in() -> dict[str, dict[str, Any]]:
    return {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in (files("config") / "messages").iterdir()
        if file.name.endswith(".toml")
    }


def _in_directory(directory: Path) -> dict[str, dict[str, Any]]:
    mistakes: list[Mistake] = []
    found: dict[str, dict[str, Any]] = {}
    if not directory.is_dir():
        raise ConfigError("messages.directory", [Mistake("", f"{directory} is not a directory")])
    for file in sorted(directory.glob("*.toml")):
        try:
            found[file.stem] = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            mistakes.append(Mistake("", f"{file.name}: {error}"))
    if mistakes:
        raise ConfigError(str(directory), mistakes)
    return found
