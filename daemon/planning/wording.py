"""The words of one event for one audience, each rendered once for all who read the same."""

from collections.abc import Mapping

from config.rules import Rule
from daemon.planning.catalogue import Catalogue
from daemon.planning.direct import Direct
from daemon.planning.policy import Policy
from daemon.planning.values import NOBODY, Event, Person, PlannedMessage

TEXTS = "sms"
"""The channel whose messages are paid by their length."""


class Wording:
    """Adds to a plan's messages, and says which of them is whose."""

    def __init__(
        self, policy: Policy, event: Event, rule: Rule, named: Mapping[str, Person], messages: list[PlannedMessage]
    ) -> None:
        """``named``: what templates mean by an audience's name; ``messages``: the plan's, which grow."""
        self._policy = policy
        self._event = event
        self._rule = rule
        self._named = named
        self._messages = messages
        self._needs = policy.catalogue.needs(event.name, rule.audience)
        self._rendered: dict[tuple[str, str, str, str], int] = {}

    def of(self, person: Person, number: int) -> int:
        """The message that ``person`` reads in the inbox, about the plan's event ``number``."""
        return self._message(self._policy.catalogue, person, number, "")

    def on(self, channel: str, person: Person, number: int) -> int | None:
        """The message on ``channel``; None where that has no words of its own."""
        catalogue = self._policy.catalogue
        if not catalogue.channels or self._event.direct is not None:
            return None
        own = catalogue.on(channel, self._event.name, self._rule.audience, person.locale)
        return None if own is None else self._message(own, person, number, channel)

    def _as_given(self, direct: Direct, number: int) -> int:
        """One message for everybody; around it, each mail is in its reader's language all the same."""
        variant = ("", "", "", "")
        if variant not in self._rendered:
            words = self._policy.sized(direct.words) if TEXTS in direct.rule.all_channels else direct.words
            self._rendered[variant] = len(self._messages)
            self._messages.append(PlannedMessage(number, direct.rule.audience, "", words))
        return self._rendered[variant]

    def _message(self, catalogue: Catalogue, person: Person, number: int, channel: str) -> int:
        event, audience = self._event, self._rule.audience
        if event.direct is not None:
            return self._as_given(event.direct, number)
        needs = catalogue.needs(event.name, audience) if channel else self._needs
        zone = self._policy.zone_for(person, audience).key if needs.of_zone else ""
        spoken, zone = catalogue.variant(event.name, audience, person.locale, zone)
        variant = (channel, spoken, zone, person.user_id if needs.personal else "")
        if variant not in self._rendered:
            reader = person if needs.personal else NOBODY
            words = catalogue.render(event, audience, spoken, self._named, reader, zone)
            if channel == TEXTS or (not channel and TEXTS in self._rule.all_channels):
                words = self._policy.sized(words, self._rule)
            locale = catalogue.locale_of(spoken, event.name, audience)
            self._rendered[variant] = len(self._messages)
            self._messages.append(PlannedMessage(number, audience, locale, words))
        return self._rendered[variant]
