"""Words tried out before anybody reads them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from daemon.planning.catalogue.samples import SOMEBODY, plausible_row
from daemon.planning.catalogue.templates import Template, overlay_of
from daemon.planning.policy import Policy
from daemon.planning.values import Event, Person, Words


class NotRead(LookupError):
    """Somebody of that locale would not read these words; the text says it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What words are rendered with."""

    event: Event
    named: Mapping[str, Person]
    """Audience -> its first person."""
    recipient: Person


def plausible(template: Template, audiences: Iterable[str], now: datetime) -> Trial:
    """Where nothing like this has happened yet."""
    row = plausible_row(overlay_of(template).message, template.event)
    prefix = template.event.partition(".")[0]
    happened = Event(template.event, f"{prefix}:4711", "", "4711", "#4711", row, now)
    return Trial(happened, dict.fromkeys(audiences, SOMEBODY), SOMEBODY)


def rendered(template: Template, found: Trial, policy: Policy, reader: str) -> Words:
    """As the planner does it for somebody whose locale is ``reader``, with no other template beside this one.

    Raises NotRead.
    """
    catalogue = policy.catalogue.overlaid([overlay_of(template)])
    catalogue = catalogue.channels.get(template.channel, catalogue)
    first = catalogue.shelf.first(reader, (template.event, template.audience))
    if first is None or first.template != template.id:
        raise NotRead(f"somebody of {reader or 'no locale'} does not read words in {template.locale}")
    zone = policy.zone_for(found.recipient, template.audience).key
    return catalogue.render(found.event, template.audience, reader, found.named, found.recipient, zone)


def as_text(words: Words, template: Template, policy: Policy) -> Words:
    """``words`` with their text as it would be sent by SMS; its error is only what is wrong with that."""
    rule = next((rule for rule in policy.rules.get(template.event, ()) if rule.audience == template.audience), None)
    return policy.sized(Words(words.title, words.body, words.text, words.url, words.action), rule)
