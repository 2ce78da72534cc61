"""What the configuration says that an explanation needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from config import Settings
from config.mapping import Watch
from config.names import INBOX, Category
from config.rules import Rule
from config.telling import Throttle
from daemon.planning.quiet import zone_of

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Configured:
    """The rules as they are now, and what stands beside them."""

    rules: Mapping[tuple[str, str], Rule] = field(default_factory=dict)
    """(event, audience) -> rule."""
    watches: Mapping[str, Watch] = field(default_factory=dict)
    """By name."""
    preferences: Mapping[Category, Sequence[str]] = field(default_factory=dict)
    zone: ZoneInfo = _UTC
    zones: Mapping[str, str] = field(default_factory=dict)
    """Audience -> its time zone."""
    throttles: Sequence[Throttle] = ()
    region: str = ""
    """Of phone numbers without a country code."""
    history_days: int = 90
    inbox_days: int = 365

    @classmethod
    def of(cls, settings: Settings) -> "Configured":
        """What ``settings`` say."""
        return cls(
            rules={(rule.event, rule.audience): rule for rule in settings.rule},
            watches={watch.name: watch for watch in settings.watch},
            preferences=settings.preferences,
            zone=ZoneInfo(settings.quiet_hours.time_zone),
            zones={name: audience.time_zone for name, audience in settings.audience.items() if audience.time_zone},
            throttles=settings.throttle,
            region=settings.sms.default_region,
            history_days=settings.delivery.history_days,
            inbox_days=settings.delivery.inbox_days,
        )

    def audiences_of(self, event: str) -> list[str]:
        """The audiences that a rule is for."""
        return [audience for name, audience in self.rules if name == event]

    def channels_of(self, event: str, audience: str) -> list[str]:
        """The channels that its rule names, but the inbox."""
        rule = self.rules.get((event, audience))
        return [channel for channel in rule.all_channels if channel != INBOX] if rule is not None else []

    def by_default(self, category: str, channel: str) -> bool:
        """Whether a category is sent on a channel to who has not chosen."""
        channels = {name.value: channels for name, channels in self.preferences.items()}
        if category in channels:
            return channel in channels[category]
        return category != Category.PROMOTION.value

    def zone_for(self, own: Sequence[str], audience: str) -> ZoneInfo:
        """The time zone of a person in ``audience``: the first of ``own`` that there is, else the configured one."""
        return zone_of(*own, self.zones.get(audience, ""), default=self.zone)
