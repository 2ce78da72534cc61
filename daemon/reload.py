"""SIGHUP: the configuration is read again, and what can change while the daemon runs changes; or nothing does."""

from collections.abc import Callable
from typing import Protocol

import structlog

from config import ConfigError, Settings
from daemon import metrics

log = structlog.get_logger(__name__)

RELOADED = frozenset(
    {"preset", "people", "audience", "rule", "messages", "preferences", "quiet_hours", "throttle", "hub", "delivery"}
)
"""Sections that take effect at once; the others wait for a restart."""

Read = Callable[[], Settings]
"""Reads the configuration anew. Raises ConfigError."""


class Manager(Protocol):
    """The service manager, as far as it is told of a reload."""

    def reloading(self) -> None: ...
    def ready(self) -> None: ...


def changed(old: Settings, new: Settings) -> set[str]:
    """The sections in which the two differ. Pure."""
    return {name for name in Settings.model_fields if getattr(old, name) != getattr(new, name)}


def merged(old: Settings, new: Settings) -> Settings:
    """``old`` with those sections of ``new`` that can change while the daemon runs. Pure."""
    return old.model_copy(update={name: getattr(new, name) for name in RELOADED})


class Reloader:
    """Holds the settings that are in force."""

    def __init__(self, settings: Settings, read: Read, apply: Callable[[Settings], None], manager: Manager) -> None:
        """``apply`` puts settings in force; it raises ConfigError before it has changed anything."""
        self._settings = settings
        self._read = read
        self._apply = apply
        self._manager = manager

    def reload(self) -> bool:
        """Read the configuration again; False where it is refused, and the old one stays in force."""
        self._manager.reloading()
        try:
            new = self._read()
            differing = changed(self._settings, new)
            settings = merged(self._settings, new)
            self._apply(settings)
        except ConfigError as error:
            metrics.RELOADS.labels("refused").inc()
            for mistake in error.mistakes:
                log.error("reload.refused", source=error.source, mistake=str(mistake))
            return False
        else:
            self._settings = settings
            metrics.RELOADS.labels("done").inc()
            log.info("reload.done", changed=sorted(differing & RELOADED))
            if waiting := differing - RELOADED:
                log.warning("reload.needs_restart", sections=sorted(waiting))
            return True
        finally:
            self._manager.ready()
