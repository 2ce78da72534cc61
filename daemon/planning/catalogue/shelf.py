"""Every locale's messages, and in which order they are tried for whom."""

from collections.abc import Container, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache

from daemon.planning.catalogue.locales import chain_of, is_tag, tag_of
from daemon.planning.catalogue.message import (
    DIGEST,
    FALLBACK,
    OCCASIONS,
    BrokenMessage,
    Key,
    Message,
    Messages,
    messages_of,
)
from daemon.planning.catalogue.text import BrokenTemplate, Text, checked_text_of, text_of

_REMEMBERED = 4_096
"""Spellings of locales."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the words for one event and audience depend on, in whatever locale."""

    names: frozenset[str]
    """Every variable that they and the audience's link mention."""
    personal: bool
    """They mention their recipient."""
    of_locale: bool
    """They have numbers, money or times, which each region writes in its own way."""
    of_zone: bool
    """They have times."""


class Shelf:
    """What there are words for, in which locale."""

    def __init__(
        self,
        messages: Mapping[str, Mapping[str, object]],
        default_locale: str,
        urls: Mapping[str, str],
        shipped: Container[str] = (),
    ) -> None:
        """As :class:`Catalogue` has it. Raises :class:`BrokenMessage`."""
        self.default_locale = tag_of(default_locale)
        self.locales, self.urls = _by_tag(messages, urls, shipped)
        if self.default_locale not in self.locales or self.locales[self.default_locale].fallback is None:
            wanted = f"the catalogue of the default locale needs a [{FALLBACK}] message"
            raise BrokenMessage([(f"{default_locale}: {FALLBACK}", wanted)])
        self.chain = lru_cache(maxsize=_REMEMBERED)(self._chain_of)
        """Locale, as somebody writes it -> the catalogues that serve it, nearest first; at last the default's."""
        self.needs = lru_cache(maxsize=_REMEMBERED)(self._needs_of)
        """Key -> what the words for this depend on."""
        self.over: frozenset[Key] = frozenset()
        """What it has other words for than the shelf that it was made of."""

    def overlaid(self, messages: Iterable[tuple[str, Key, Message]]) -> "Shelf":
        """This with ``messages`` (locale, key, message) before its own, which come next. Compiles nothing."""
        by_locale: dict[str, dict[Key, Message]] = {}
        for tag, key, message in messages:
            by_locale.setdefault(tag, {})[key] = message
        made = copy(self)
        made.locales = self.locales | {
            tag: _before(self.locales.get(tag, _NOTHING), own) for tag, own in by_locale.items()
        }
        made.chain = lru_cache(maxsize=_REMEMBERED)(made._chain_of)  # noqa: SLF001 - of the same class
        made.over = frozenset(key for own in by_locale.values() for key in own)
        made.needs = lru_cache(maxsize=_REMEMBERED)(made._needs_of)  # noqa: SLF001
        return made

    def first(self, locale: str, key: Key) -> Message | None:
        """What somebody of ``locale`` reads, unless it fails."""
        found = (self.locales[tag].messages.get(key) for tag in self.chain(locale))
        return next((message for message in found if message is not None), None)

    @property
    def audiences(self) -> frozenset[str]:
        """Everyone for whom there is any message."""
        return frozenset(audience for each in self.locales.values() for _, audience in each.messages)

    def candidates(self, locale: str, key: Key, errors: list[str]) -> Iterator[tuple[str, Message]]:
        """(locale, message), the best first, the fallbacks last; notes in ``errors`` where one should be and is not."""
        chain = self.chain(locale)
        told = False
        for tag in chain:
            message = self.locales[tag].messages.get(key)
            if message is not None:
                told = True
                yield tag, message
                for each in self.locales[tag].behind.get(key, ()):
                    yield tag, each
            elif self.locales[tag].whole and "-" not in tag and not told:
                # A region needs no more words than those that differ.
                errors.append(f"no message {key[0]}.{key[1]} in the catalogue {tag}")
        yield from self._fallbacks(chain)

    def special(self, occasion: str, locale: str, key: Key, errors: list[str]) -> Iterator[tuple[str, Message]]:
        """As :meth:`candidates`, for an occasion: in each locale the words for the event, then those for any."""
        chain = self.chain(locale)
        told = False
        for tag in chain:
            messages = self.locales[tag].occasions[occasion]
            found = [messages[each] for each in (key, ("", "")) if each in messages]
            if not found and self.locales[tag].whole and "-" not in tag and not told:
                errors.append(f"no [{occasion}] in the catalogue {tag}")
            for message in found:
                told = True
                yield tag, message
        if occasion != DIGEST:
            yield from self._fallbacks(chain)

    def _fallbacks(self, chain: Iterable[str]) -> Iterator[tuple[str, Message]]:
        for tag in chain:
            fallback = self.locales[tag].fallback
            if fallback is not None:
                yield tag, fallback

    def _chain_of(self, locale: str) -> tuple[str, ...]:
        own = [tag for tag in chain_of(tag_of(locale)) if tag in self.locales]
        return tuple(dict.fromkeys((*own, self.default_locale)))

    def _needs_of(self, key: Key) -> Needs:
        messages = [
            message
            for each in self.locales.values()
            if key in each.messages
            for message in (each.messages[key], *each.behind.get(key, ()))
        ]
        texts = [text for message in messages for text in message.texts.values()]
        if key[1] in self.urls:
            texts.append(self.urls[key[1]])
        names = frozenset(name for text in texts for name in text.names)
        return Needs(
            names=names,
            personal="recipient" in names,
            of_locale=any(text.of_locale for text in texts),
            of_zone=any(text.of_zone for text in texts),
        )


_NOTHING = Messages({}, {occasion: {} for occasion in OCCASIONS}, None, whole=False)


def _before(behind: Messages, own: Mapping[Key, Message]) -> Messages:
    """``own`` before what there is ``behind`` it."""
    covered = {key: (behind.messages[key], *behind.behind.get(key, ())) for key in own.keys() & behind.messages.keys()}
    return replace(behind, messages={**behind.messages, **own}, behind={**behind.behind, **covered})


def _by_tag(
    messages: Mapping[str, Mapping[str, object]], urls: Mapping[str, str], shipped: Container[str]
) -> tuple[dict[str, Messages], dict[str, Text]]:
    """Everything by its tag or audience. Raises :class:`BrokenMessage`."""
    mistakes: list[tuple[str, str]] = []
    locales: dict[str, Messages] = {}
    links: dict[str, Text] = {}
    for name, sections in messages.items():
        tag = tag_of(name)
        if not is_tag(name):
            mistakes.append((name, "is not a locale, such as de or de-AT"))
        elif tag in locales:
            mistakes.append((name, f"there is another catalogue of the locale {tag}"))
        else:
            try:
                locales[tag] = messages_of(sections, text_of if name in shipped else checked_text_of)
            except BrokenMessage as error:
                mistakes += [(f"{name}.toml: {path}", problem) for path, problem in error.mistakes]
    for audience, url in urls.items():
        try:
            links[audience] = checked_text_of(url)
        except BrokenTemplate as error:
            mistakes.append((f"audience.{audience}.url", str(error)))
    if mistakes:
        raise BrokenMessage(mistakes)
    return locales, links
