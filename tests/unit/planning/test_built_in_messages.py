"""The catalogues that ship: complete, alike, and short enough for a text."""

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from config.load import preset_rules
from daemon.planning.catalogue.text import checked_text_of, text_of
from daemon.planning.values import NOBODY, Event, Person, Words
from daemon.policy import catalogue_of
from tests.unit.planning.words import settings

LOCALES = ("de", "en", "es", "fr", "ka")
CATALOGUE = catalogue_of(settings())
FOLDER = files("config") / "messages"
BUILT_IN = {locale: tomllib.loads((FOLDER / f"{locale}.toml").read_text("utf-8")) for locale in LOCALES}
RULES = [(rule["event"], rule["audience"]) for rule in preset_rules("delivery")["rule"]]

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""3GPP TS 23.038, 6.2.1; each of these takes a septet, those of the extension two."""
GSM_7_EXTENSION = frozenset("^{}\\[~]|€\f")

PEOPLE = {
    "de": ("Gasthaus Zur Goldenen Gans", "Maximilian Hofmann"),
    "en": ("The Golden Goose Kitchen", "Christopher Wright"),
    "es": ("Panadería La Flor del Día", "María José Rodríguez"),
    "fr": ("Boulangerie Aux Délices", "Jean-François Lefèvre"),
    "ka": ("რესტორანი ოქროს ბატი", "გიორგი კვარაცხელია"),
}


def segments(text: str) -> int:
    if set(text) <= GSM_7 | GSM_7_EXTENSION:
        length, one, many = len(text) + sum(each in GSM_7_EXTENSION for each in text), 160, 153
    else:
        length, one, many = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= one else -(-length // many)


def texts(sections: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for name, value in sections.items():
        if isinstance(value, dict):
            yield from texts(value, f"{path}{name}/")
        else:
            yield f"{path}{name}", value


def render(event: str, audience: str, locale: str, vendor: str, other: str) -> Words:
    people = {"vendor": Person("1", name=vendor)} | dict.fromkeys(("customer", "driver"), Person("2", name=other))
    happened = Event(event, "order:1", "orders", "1", "#104711", {}, datetime.now(UTC))
    return CATALOGUE.render(happened, audience, locale, people, NOBODY)


def test_the_catalogues_that_ship_are_these() -> None:
    assert sorted(file.name for file in FOLDER.iterdir() if file.name.endswith(".toml")) == [
        f"{locale}.toml" for locale in LOCALES
    ]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_text_compiles(locale: str) -> None:
    for _, source in texts(BUILT_IN[locale]):
        checked_text_of(source)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_catalogue_has_the_sections_and_fields_of_the_english_one(locale: str) -> None:
    assert [path for path, _ in texts(BUILT_IN[locale])] == [path for path, _ in texts(BUILT_IN["en"])]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_mentions_the_same_variables_in_every_language(locale: str) -> None:
    def mentioned(sections: dict[str, Any]) -> dict[str, set[str]]:
        names: dict[str, set[str]] = {}
        for path, source in texts(sections):
            names.setdefault(path.rpartition("/")[0], set()).update(text_of(source).names)
        return names

    assert mentioned(BUILT_IN[locale]) == mentioned(BUILT_IN["en"])


@pytest.mark.parametrize("locale", LOCALES)
def test_every_rule_of_the_preset_has_words_in_every_language(locale: str) -> None:
    for event, audience in RULES:
        assert CATALOGUE.locale_of(locale, event, audience) == locale
        assert render(event, audience, locale, *PEOPLE[locale]).error is None


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("known", [True, False])
def test_a_text_takes_two_segments_at_most_with_typical_names(locale: str, known: bool) -> None:  # noqa: FBT001
    for event, audience in RULES:
        words = render(event, audience, locale, *(PEOPLE[locale] if known else ("", "")))
        assert segments(words.text) <= 2, f"{event}.{audience}: {words.text}"


@pytest.mark.parametrize("locale", LOCALES)
def test_without_names_no_sentence_has_a_hole(locale: str) -> None:
    for event, audience in RULES:
        words = render(event, audience, locale, "", "")
        for text in (words.title, words.body, words.text):
            assert not re.search(r"  | [.,)]|\( |: ?\.|\(\)|None|:$", text), text


def test_georgian_is_written_in_georgian() -> None:
    for path, source in texts(BUILT_IN["ka"]):
        plain = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{n\}", "", source)
        assert not re.search(r"[A-Za-z]", plain), path


@pytest.mark.parametrize(("character", "count"), [("x", 160), ("ა", 70)])
def test_segments_are_counted_as_networks_count_them(character: str, count: int) -> None:
    assert [segments(character * each) for each in (count, count + 1)] == [1, 2]
    assert segments("€" * 80) == 1
    assert segments("€" * 81) == 2
