"""Templates that staff have written (``orderbell.template``), compiled: messages to lay over those of the catalogue.

For a person of ``de-AT``, the nearest locale that has any words wins: ``de-AT``, then ``de``, then the default. Within
a locale, a template for the channel comes before one for all, and that before the catalogue's message. Whichever of
them fails, the next one is used, with the error in the words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from daemon.planning.catalogue.limits import Scope
from daemon.planning.catalogue.locales import tag_of
from daemon.planning.catalogue.message import FIELDS, BrokenMessage, Key, Message, message_of
from daemon.planning.catalogue.text import BrokenTemplate, Text

EVERY_CHANNEL: Final = ""


@dataclass(frozen=True, slots=True)
class Template:
    """One version of somebody's words, as it is kept."""

    id: int
    event: str
    audience: str
    channel: str
    """``sms``; :data:`EVERY_CHANNEL` for all of them and the inbox."""
    locale: str
    version: int
    title: str
    body: str
    text: str | None = None
    action: str | None = None

    @property
    def fields(self) -> Mapping[str, str]:
        """Field -> template source, of those that there are."""
        every = {name: getattr(self, name) for name in FIELDS}
        return {name: source for name, source in every.items() if source is not None}


@dataclass(frozen=True, slots=True)
class Overlay:
    """A compiled template, and where it goes."""

    channel: str
    tag: str
    """Locale, as BCP 47 writes it; empty where it is none, so that nobody reads it."""
    key: Key
    message: Message


class _Broken(Text):
    """A text that could not be compiled: it fails when somebody wants to read it, as one that fails later does."""

    def __init__(self, problem: str) -> None:
        super().__init__("")
        self._problem = problem

    def render(self, _: Scope) -> str:
        raise BrokenTemplate(self._problem)


def overlay_of(template: Template) -> Overlay:
    """``template``, compiled. One that is broken is there too, so that its place is not silently another's."""
    try:
        message = message_of(template.fields)
    except BrokenMessage as error:
        broken = _Broken("; ".join(f"{path}: {problem}" for path, problem in error.mistakes))
        message = Message(broken, broken, None, None)
    made = Message(message.title, message.body, message.text, message.action, template.id)
    return Overlay(template.channel, tag_of(template.locale), (template.event, template.audience), made)
