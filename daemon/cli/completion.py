"""What a shell may complete: names that the configuration has. Whatever goes wrong, nothing is said of it."""

from collections.abc import Iterable
from pathlib import Path

import typer

from config import Settings, load
from config.check import known_channels
from config.names import INBOX
from daemon.cli.call import PLACES


def channels(incomplete: str) -> list[str]:
    """Those that something is sent on."""
    return _beginning(incomplete, (name for name in known_channels() if name != INBOX))


def events(context: typer.Context, incomplete: str) -> list[str]:
    """Those that a rule is for."""
    return _beginning(incomplete, {rule.event for rule in _settings(context).rule})


def audiences(context: typer.Context, incomplete: str) -> list[str]:
    """Those that a rule tells."""
    return _beginning(incomplete, {rule.audience for rule in _settings(context).rule})


def subjects(context: typer.Context, incomplete: str) -> list[str]:
    """The part of a subject before its key, as ``order:``, of each watch."""
    return _beginning(incomplete, {f"{watch.event_prefix}:" for watch in _settings(context).watch})


def _settings(context: typer.Context) -> Settings:
    given = context.params.get("config")
    path = Path(given) if given else next((place for place in PLACES if place.is_file()), None)
    try:
        return load(path) if path else Settings()
    except Exception:  # noqa: BLE001 - nobody reads a traceback between two words
        return Settings()


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
