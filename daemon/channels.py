"""The channels that are installed: entry points of the group ``orderbell.dispatchers``."""

from importlib.metadata import entry_points

import structlog

from config import ConfigError, Mistake, Settings
from config.names import INBOX
from dispatchers.base import Dispatcher, DispatcherFactory

log = structlog.get_logger(__name__)


def dispatchers_of(settings: Settings) -> list[Dispatcher]:
    """A dispatcher for each channel that the configuration gives a provider. Raises ConfigError."""
    made: list[Dispatcher] = []
    for point in sorted(entry_points(group="orderbell.dispatchers"), key=lambda point: point.name):
        factory: DispatcherFactory = point.load()
        try:
            dispatcher = factory(settings)
        except ValueError as error:
            raise ConfigError("the configuration", [Mistake("", str(error))]) from error
        if dispatcher is not None:
            made.append(dispatcher)
    unserved = {c for rule in settings.rule for c in rule.all_channels} - {d.channel for d in made} - {INBOX}
    if unserved:
        log.warning(
            "channels.without_provider",
            channels=sorted(unserved),
            hint="their rules' other channels are used",
        )
    return made
