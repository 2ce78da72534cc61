"""The catalogue: words for an event, an audience and a locale, or those that come next to them; never an exception."""

from collections.abc import Container, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any

from daemon.planning.catalogue.digest import MOST_ENTRIES, Entry, common_url, digest_variables, wordless
from daemon.planning.catalogue.limits import Scope
from daemon.planning.catalogue.locales import chain_of, tag_of
from daemon.planning.catalogue.message import DIGEST, WITHDRAWN, Message
from daemon.planning.catalogue.shelf import Needs, Shelf
from daemon.planning.catalogue.templates import EVERY_CHANNEL, Overlay
from daemon.planning.catalogue.text import LANGUAGE, Text
from daemon.planning.catalogue.variables import variables_of
from daemon.planning.values import NOBODY, Event, Person, Words

TITLE_LIMIT = 200
BODY_LIMIT = 4_000
TEXT_LIMIT = 4_000
"""Characters; three SMS of GSM-7, a little over seven of UCS-2."""

ERROR_LIMIT = 500


class Catalogue:
    """The messages of every locale, and the audiences' links."""

    def __init__(
        self,
        messages: Mapping[str, Mapping[str, object]],
        default_locale: str,
        urls: Mapping[str, str] | None = None,
        default_zone: str = "UTC",
        shipped: Container[str] = (),
    ) -> None:
        """``messages``: locale -> the parsed catalogue file; ``urls``: audience -> template of the action's URL;
        ``default_zone``: of times, for people whose own zone is not known; ``shipped``: the locales whose file is as it
        came with Orderbell. Its texts are tested, so each is compiled when somebody first reads it, which holds up the
        loop for some milliseconds; together, they would hold up the start for 0.2 s. All others are compiled now.

        Raises :class:`BrokenMessage`, which has every mistake.
        """
        self.shelf = Shelf(messages, default_locale, urls or {}, shipped)
        self._default_zone = default_zone
        self.channels: Mapping[str, Catalogue] = {}
        """Channel -> this catalogue with the words of that channel over it; only of channels that have any."""
        # Words for a shop with vendors also serve one without: whom a message mentions and nobody defined is nobody.
        self._always = LANGUAGE.globals | dict.fromkeys(self.shelf.audiences, NOBODY)

    def overlaid(self, overlays: Iterable[Overlay]) -> "Catalogue":
        """This catalogue with templates over its words. Compiles nothing, and takes milliseconds for hundreds."""
        by_channel: dict[str, list[Overlay]] = {EVERY_CHANNEL: []}
        for overlay in overlays:
            if overlay.tag:
                by_channel.setdefault(overlay.channel, []).append(overlay)
        made = self._over(by_channel.pop(EVERY_CHANNEL))
        made.channels = {channel: made._over(own) for channel, own in by_channel.items()}  # noqa: SLF001 - of the same class
        return made

    def _over(self, overlays: Sequence[Overlay]) -> "Catalogue":
        made = copy(self)
        made.shelf = self.shelf.overlaid((each.tag, each.key, each.message) for each in overlays)
        made._always = self._always | dict.fromkeys(made.shelf.audiences - self.shelf.audiences, NOBODY)  # noqa: SLF001
        return made

    def on(self, channel: str, event: str, audience: str, locale: str) -> "Catalogue | None":
        """The catalogue that somebody of ``locale`` reads on ``channel``, where that has words of its own for this."""
        own, key = self.channels.get(channel), (event, audience)
        if own is None or key not in own.shelf.over or own.shelf.first(locale, key) is self.shelf.first(locale, key):
            return None
        return own

    def has(self, event: str, audience: str, locale: str | None = None) -> bool:
        """Whether there are words of its own for this, in ``locale`` (default: the default locale) or its language."""
        chain = chain_of(tag_of(locale)) if locale else (self.shelf.default_locale,)
        return any(
            (event, audience) in self.shelf.locales[each].messages for each in chain if each in self.shelf.locales
        )

    def locale_of(self, wanted: str, event: str, audience: str) -> str:
        """The locale whose words ``wanted`` gets: ``de-AT``, else ``de``, else the default."""
        for locale in self.shelf.chain(wanted):
            if (event, audience) in self.shelf.locales[locale].messages:
                return locale
        return self.shelf.default_locale

    def needs(self, event: str, audience: str) -> Needs:
        """What the words for this depend on."""
        return self.shelf.needs((event, audience))

    def names_in(self, event: str, audience: str) -> frozenset[str]:
        """Every variable that this message mentions in any locale, and its link: which other audiences it needs."""
        every = (self, *self.channels.values())
        return frozenset().union(*(each.needs(event, audience).names for each in every))

    def variant(self, event: str, audience: str, locale: str, zone: str) -> tuple[str, str]:
        """The locale and time zone to render this in for a person of ``locale`` and ``zone``. People for whom this is
        the same read the same words, unless these mention the recipient.
        """
        needs = self.needs(event, audience)
        if not needs.of_locale:
            return self.shelf.chain(locale)[0], ""
        nearest, tag = self.shelf.chain(locale)[0], tag_of(locale)
        return tag if nearest in chain_of(tag) else nearest, zone if needs.of_zone else ""

    def render(
        self,
        event: Event,
        audience: str,
        locale: str,
        people: Mapping[str, Person],
        recipient: Person,
        zone: str = "",
    ) -> Words:
        """The words for ``audience`` in ``locale`` and, where it has times, in the time zone ``zone``.

        Never raises. A message that is missing or fails gives the words of the next locale (``de-AT``, ``de``, the
        default), then those of the fallback, with the errors in them. No catalogue for the locale is no error.
        """
        known = self._always | variables_of(event, people, recipient)
        errors: list[str] = []
        nearest = self.shelf.chain(locale)[0]
        message = self.shelf.locales[nearest].messages.get((event.name, audience))
        if message is not None:  # as nearly always; the way below would try it first, too
            try:
                return self._render(
                    message, self.shelf.urls.get(audience), self._scope(known, locale, nearest, zone), errors
                )
            except Exception as failure:  # noqa: BLE001 - a template may raise whatever its data make it raise
                errors.append(_failed(event.name, audience, nearest, failure, message.template))
        candidates = (
            each for each in self.shelf.candidates(locale, (event.name, audience), errors) if each[1] is not message
        )
        return self._best(candidates, event, audience, (locale, zone), known, errors)

    def render_withdrawn(self, event: Event, audience: str, locale: str, zone: str = "") -> Words:
        """The words in place of a notification of ``event`` that holds no longer, on a device that shows it.

        Never raises; falls back as :meth:`render` does.
        """
        known = self._always | variables_of(event, {}, NOBODY)
        errors: list[str] = []
        candidates = self.shelf.special(WITHDRAWN, locale, (event.name, audience), errors)
        return self._best(candidates, event, audience, (locale, zone), known, errors)

    def render_digest(
        self, entries: Sequence[Entry], audience: str, locale: str, zone: str = "", event: str | None = None
    ) -> Words:
        """Many notifications as one, in the words for ``event`` (where all are of one), else in those for any.

        Never raises; falls back as :meth:`render` does, at last to the titles of the entries.
        """
        errors: list[str] = []
        url = common_url(entries)
        for tag, message in self.shelf.special(DIGEST, locale, (event or "", audience), errors):
            try:
                words = self._digest(message, entries, event, (locale, tag, zone), errors)
            except Exception as failure:  # noqa: BLE001 - as below
                errors.append(_failed(f"{event or 'any'} digest", audience, tag, failure))
            else:
                return replace(words, url=url, action=words.action if url else None)
        return wordless(entries, _said(errors))

    def _digest(
        self,
        message: Message,
        entries: Sequence[Entry],
        event: str | None,
        voice: tuple[str, str, str],
        errors: Sequence[str],
    ) -> Words:
        """Names as many of ``entries`` as a body has room for. Raises whatever a template raises."""
        shown = MOST_ENTRIES
        while True:
            known = self._always | digest_variables(entries, event, shown)
            fits = len(message.body.render(self._scope(known, *voice)).strip()) <= BODY_LIMIT
            if fits or shown == 1:
                return self._render(message, None, self._scope(known, *voice), errors)
            shown //= 2

    def _best(
        self,
        candidates: Iterable[tuple[str, Message]],
        event: Event,
        audience: str,
        voice: tuple[str, str],
        known: dict[str, Any],
        errors: list[str],
    ) -> Words:
        """The words of the first of ``candidates`` that does not fail."""
        locale, zone = voice
        for tag, message in candidates:
            scope = self._scope(known, locale, tag, zone)
            try:
                return self._render(message, self.shelf.urls.get(audience), scope, errors)
            except Exception as failure:  # noqa: BLE001 - as above
                errors.append(_failed(event.name, audience, tag, failure, message.template))
        plain = f"{event.label}: {event.name}"
        return Words(plain, plain, plain, None, None, _said(errors))

    def _scope(self, known: dict[str, Any], locale: str, tag: str, zone: str) -> Scope:
        return Scope(LANGUAGE, known, _written(locale, tag), zone or self._default_zone)

    def _render(self, message: Message, url: Text | None, scope: Scope, errors: Sequence[str]) -> Words:
        title = _one_line(message.title.render(scope), TITLE_LIMIT)
        return Words(
            title=title,
            body=_shortened(message.body.render(scope).strip(), BODY_LIMIT),
            text=_one_line(message.text.render(scope), TEXT_LIMIT) if message.text else title,
            url=url.render(scope).strip() if url else None,
            action=_one_line(message.action.render(scope), TITLE_LIMIT) if message.action else None,
            error=_said(errors) if errors else None,
        )


@lru_cache(maxsize=4_096)
def _written(locale: str, tag: str) -> str:
    """How numbers and dates are written beside words in ``tag``: as in the recipient's region where it speaks so."""
    own = tag_of(locale)
    return own if tag in chain_of(own) else tag


def _failed(event: str, audience: str, tag: str, failure: Exception, template: int | None = None) -> str:
    what = "message" if template is None else f"template {template} of"
    return f"{what} {event}.{audience} in {tag}: {type(failure).__name__}: {failure}"


def _said(errors: Sequence[str]) -> str | None:
    return _one_line("; ".join(errors), ERROR_LIMIT) if errors else None


def _one_line(text: str, limit: int) -> str:
    return _shortened(" ".join(text.split()), limit)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
