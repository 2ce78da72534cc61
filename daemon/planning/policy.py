"""What the configuration says about planning, ready to be looked up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from config.names import Category, Priority
from config.quiet import QuietWindow
from config.rules import Rule
from config.telling import Throttle
from daemon.planning.catalogue import Catalogue
from daemon.planning.known import Choices
from daemon.planning.quiet import zone_of
from daemon.planning.sms.words import sized
from daemon.planning.values import Event, Person, Words

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules, and what stands beside them."""

    rules: Mapping[str, Sequence[Rule]]
    """Event name -> rules."""
    withdrawals: Mapping[str, Sequence[Rule]]
    """Event name -> rules whose notifications it takes back."""
    catalogue: Catalogue
    channels: frozenset[str]
    """Channels that have a dispatcher; what a rule says beyond them is left out."""
    expires_after: timedelta
    quiet: Sequence[QuietWindow] = ()
    """For whoever has not chosen their own."""
    waiting: frozenset[str] = frozenset()
    """Channels that wait for the end of quiet hours."""
    zone: ZoneInfo = _UTC
    """Of people whose own is not known, nor their audience's."""
    zones: Mapping[str, str] = field(default_factory=dict)
    """Audience -> its time zone."""
    preferences: Mapping[Category, Sequence[str]] = field(default_factory=dict)
    """Category -> channels that it is sent on until a person chooses otherwise."""
    segments: int = 3
    """Of a text at most, where its rule does not say."""
    transliterate: bool = True
    throttles: Sequence[tuple[str, Throttle]] = ()
    """Each with the name that its count is kept under."""

    @classmethod
    def of(
        cls, rules: Iterable[Rule], catalogue: Catalogue, channels: Iterable[str], expires_after: timedelta
    ) -> "Policy":
        """The policy of these rules, for people who are never disturbed and prefer nothing: see the other fields."""
        by_event: dict[str, list[Rule]] = {}
        withdrawals: dict[str, list[Rule]] = {}
        for rule in rules:
            by_event.setdefault(rule.event, []).append(rule)
            for event in rule.withdraw_on:
                withdrawals.setdefault(event, []).append(rule)
        return cls(by_event, withdrawals, catalogue, frozenset(channels), expires_after)

    @property
    def digests(self) -> bool:
        """Whether any rule puts events together."""
        return any(rule.digest for rules in self.rules.values() for rule in rules)

    def rules_for(self, event: Event) -> Sequence[Rule]:
        """Those that say who is told about ``event``."""
        return self.rules.get(event.name, ()) if event.direct is None else (event.direct.rule,)

    def audiences_for(self, event: Event, known: Iterable[str]) -> set[str]:
        """The audiences that must be looked up for ``event``: those told, and those its messages mention."""
        if event.direct is not None:
            return set() if event.direct.people else {event.direct.rule.audience}
        told = {rule.audience for rule in self.rules.get(event.name, ())}
        mentioned = {name for audience in told for name in self.catalogue.names_in(event.name, audience)}
        return told | (mentioned & set(known))

    def zone_for(self, person: Person, audience: str) -> ZoneInfo:
        """The time zone that this person lives in: their own, else the audience's, else the default."""
        return zone_of(person.time_zone, self.zones.get(audience, ""), default=self.zone)

    def wants(self, choices: Choices, user: str, category: Category, channel: str) -> bool:
        """Whether this person wants a category on a channel. A switch that is off is off, however wide it is; one that
        is on counts for the category that it names.
        """
        if choices:
            named = [choices.get((user, category, channel)), choices.get((user, category, ""))]
            if False in (*named, choices.get((user, "", channel)), choices.get((user, "", ""))):
                return False
            if True in named:
                return True
        if category in self.preferences:
            return channel in self.preferences[category]
        return category is not Category.PROMOTION

    def throttles_of(self, category: Category, channel: str) -> list[tuple[str, Throttle]]:
        """Those that a message of this category on this channel counts towards."""
        return [
            (name, throttle)
            for name, throttle in self.throttles
            if throttle.channel == channel and throttle.category in (None, category)
        ]

    def sized(self, words: Words, rule: Rule | None = None) -> Words:
        """``words`` with a text that is as short as ``rule`` wants it."""
        most = rule.sms_segments if rule is not None and rule.sms_segments else self.segments
        return sized(words, most, transliterate=self.transliterate)

    def waits(self, channel: str, priority: Priority) -> bool:
        """Whether a message like this waits for the end of quiet hours."""
        return channel in self.waiting and priority is not Priority.URGENT
