"""The messages of one catalogue file."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.planning.catalogue.text import BrokenTemplate, Text, checked_text_of

FALLBACK = "fallback"
DIGEST = "digest"
WITHDRAWN = "withdrawn"
OCCASIONS = (DIGEST, WITHDRAWN)
"""Words for more than the event itself: in a section of their own, and beside an event's where these say it better."""

FIELDS = ("title", "body", "text", "action")


class BrokenMessage(ValueError):
    """Messages that cannot be compiled, each with the path to it; ``mistakes`` has every one, as (path, problem)."""

    def __init__(self, mistakes: list[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for path, problem in mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    title: Text
    body: Text
    text: Text | None
    action: Text | None
    template: int | None = None
    """Its id in ``orderbell.template``; None where it stands in a catalogue file."""

    @property
    def texts(self) -> Mapping[str, Text]:
        """Field -> template."""
        fields = {"title": self.title, "body": self.body, "text": self.text, "action": self.action}
        return {name: text for name, text in fields.items() if text is not None}


Key = tuple[str, str]
"""(event, audience); both are empty in a message for whatever there is."""

Understand = Callable[[str], Text]
"""Makes a text of its source; may raise :class:`BrokenTemplate`."""


@dataclass(frozen=True, slots=True)
class Messages:
    """What one locale has words for."""

    messages: Mapping[Key, Message]
    occasions: Mapping[str, Mapping[Key, Message]]
    """Occasion -> messages; under ("", ""), the one for every event that has none of its own."""
    fallback: Message | None
    behind: Mapping[Key, tuple[Message, ...]] = field(default_factory=dict)
    """What a message from a template stands before: the words to use when it fails."""
    whole: bool = True
    """There is a catalogue for this locale, which should have every message; else, only templates."""


def messages_of(sections: Mapping[str, Any], text: Understand = checked_text_of) -> Messages:
    """The messages of a catalogue file, each text made by ``text``. Raises :class:`BrokenMessage`, with paths in the
    file.
    """
    messages: dict[Key, Message] = {}
    occasions: dict[str, dict[Key, Message]] = {occasion: {} for occasion in OCCASIONS}
    mistakes: list[tuple[str, str]] = []
    fallback = None
    for event, audience, fields in _sections(sections, mistakes):
        own = {name: words for name, words in fields.items() if name in OCCASIONS and audience}
        path = path_to(event, audience)
        message = _message(path, {name: words for name, words in fields.items() if name not in own}, mistakes, text)
        for occasion, words in own.items():
            special = _message(f"{path}.{occasion}", words, mistakes, text)
            if special is not None:
                occasions[occasion][event, audience] = special
        if message is None:
            continue
        if event == FALLBACK:
            fallback = message
        elif event in OCCASIONS:
            occasions[event]["", ""] = message
        else:
            messages[event, audience] = message
    if mistakes:
        raise BrokenMessage(mistakes)
    return Messages(messages, occasions, fallback)


def path_to(event: str, audience: str = "", field: str = "") -> str:
    """As a catalogue file writes it: ``"order.ready".customer.body``."""
    name = f'"{event}"' if "." in event else event
    return ".".join(part for part in (name, audience, field) if part)


def _sections(
    sections: Mapping[str, Any], mistakes: list[tuple[str, str]]
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(event, audience, fields) of each message."""
    for event, audiences in sections.items():
        if not isinstance(audiences, Mapping):
            mistakes.append((event, 'stands in no section: write ["EVENT".AUDIENCE] above it'))
        elif event in {FALLBACK, *OCCASIONS}:
            yield event, "", audiences
        else:
            for audience, fields in audiences.items():
                if isinstance(fields, Mapping) and "." in event:
                    yield event, audience, fields
                else:
                    problem = 'write ["EVENT".AUDIENCE] with the event in quotes, then title and body'
                    mistakes.append((path_to(event, audience), problem))


def _message(path: str, fields: Any, mistakes: list[tuple[str, str]], text: Understand) -> Message | None:
    if not isinstance(fields, Mapping):
        mistakes.append((path, "must be a section with title and body"))
        return None
    found = [(f"{path}.{name}", f"unknown key; there is {', '.join(FIELDS)}") for name in fields if name not in FIELDS]
    found += [(f"{path}.{name}", "is missing") for name in ("title", "body") if name not in fields]
    texts: dict[str, Text] = {}
    for name in FIELDS:
        if name not in fields:
            continue
        if not isinstance(fields[name], str):
            found.append((f"{path}.{name}", "must be a text"))
            continue
        try:
            texts[name] = text(fields[name])
        except BrokenTemplate as error:
            found.append((f"{path}.{name}", str(error)))
    if found:
        mistakes += found
        return None
    return Message(texts["title"], texts["body"], texts.get("text"), texts.get("action"))


def message_of(fields: Mapping[str, Any]) -> Message:
    """One compiled message. Raises :class:`BrokenMessage`, with the field as the path of each mistake."""
    mistakes: list[tuple[str, str]] = []
    message = _message("", fields, mistakes, checked_text_of)
    if message is None:
        raise BrokenMessage([(path.removeprefix("."), problem) for path, problem in mistakes])
    return message
