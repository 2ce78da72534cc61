"""Words: rendered, or the fallback, and never an exception."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.planning.catalogue import BODY_LIMIT, TITLE_LIMIT, BrokenMessage, Catalogue
from daemon.planning.values import NOBODY, Event, Person, Words

FALLBACK = {"title": "{{ subject_name }} {{ label }}: {{ event_name }}", "body": "now: {{ event_name }}"}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
VENDOR = Person("9", name="Café <Blue>")


def event(name: str = "order.ready", **row: Any) -> Event:
    return Event(name, "order:7", "orders", "7", "#7", row, NOON)


def catalogue(message: Mapping[str, str], **locales: Any) -> Catalogue:
    english = {"fallback": FALLBACK, "order.ready": {"customer": message}}
    return Catalogue({"en": english, **locales}, "en", {"customer": "https://shop.example/o/{{ key }}"})


def render(message: Mapping[str, str], locale: str = "en", **row: Any) -> Words:
    return catalogue(message).render(event(**row), "customer", locale, {"vendor": VENDOR}, NOBODY)


def test_a_message_knows_the_order_the_people_and_the_link() -> None:
    words = render(
        {"title": "{{ label }} at {{ vendor.name }}", "body": "{{ order.total }}", "action": "Look"},
        total="12.50",
    )
    assert words == Words("#7 at Café <Blue>", "12.50", "#7 at Café <Blue>", "https://shop.example/o/7", "Look", None)


def test_a_column_is_the_column_whatever_methods_a_dict_has() -> None:
    assert render({"title": "{{ order.items }}", "body": "b"}, items="3 pizzas").title == "3 pizzas"


def test_a_template_that_fails_gives_the_fallback_and_says_why() -> None:
    words = render({"title": "{{ order.no_such_column }}", "body": "b"})
    assert words.title == "Order #7: ready"
    assert "no_such_column" in (words.error or "")


def test_a_missing_message_gives_the_fallback_and_says_so() -> None:
    words = catalogue({"title": "t", "body": "b"}).render(event("order.lost"), "customer", "en", {}, NOBODY)
    assert words.title == "Order #7: lost"
    assert "order.lost.customer" in (words.error or "")


def test_a_fallback_that_fails_too_still_tells_something() -> None:
    broken = Catalogue({"en": {"fallback": {"title": "{{ 1/0 }}", "body": "b"}}}, "en")
    words = broken.render(event(), "customer", "en", {}, NOBODY)
    assert words.title == "#7: order.ready"
    assert "ZeroDivisionError" in (words.error or "") or "division" in (words.error or "")


def test_an_audience_that_is_not_defined_is_nobody() -> None:
    made = Catalogue(
        {
            "en": {
                "fallback": FALLBACK,
                "order.ready": {"customer": {"title": "{{ driver.name or 'soon' }}", "body": "b"}},
                "order.lost": {"driver": {"title": "t", "body": "b"}},
            }
        },
        "en",
    )
    assert made.render(event(), "customer", "en", {}, NOBODY).title == "soon"


def test_templates_run_in_a_sandbox() -> None:
    words = render({"title": "{{ order.__class__.__mro__ }}", "body": "b"})
    assert "mro" not in words.title
    assert words.error


def test_the_locale_falls_back_from_the_region_to_the_language_to_the_default() -> None:
    german = {"fallback": FALLBACK, "order.ready": {"customer": {"title": "fertig", "body": "b"}}}
    made = catalogue({"title": "ready", "body": "b"}, de=german)
    assert made.locale_of("de-AT", "order.ready", "customer") == "de"
    assert made.locale_of("de_AT", "order.ready", "customer") == "de"
    assert made.locale_of("fr", "order.ready", "customer") == "en"
    assert made.locale_of("", "order.ready", "customer") == "en"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"title": "{{ oops", "body": "b"}, "en: order.ready.customer"),
        ({"body": "b"}, "title: is missing"),
        ({"title": "t", "body": "b", "txt": "x"}, "txt: unknown key"),
    ],
)
def test_a_broken_catalogue_is_refused_with_the_path(message: dict[str, str], said: str) -> None:
    with pytest.raises(BrokenMessage, match=said):
        catalogue(message)


@given(st.text(max_size=6_000))
def test_titles_are_one_line_and_everything_is_bounded(value: str) -> None:
    words = render({"title": "{{ order.note }}", "body": "{{ order.note }}", "text": "{{ order.note }}"}, note=value)
    assert "\n" not in words.title
    assert "\r" not in words.title
    assert len(words.title) <= TITLE_LIMIT
    assert len(words.body) <= BODY_LIMIT


def test_a_megabyte_in_a_column_is_shortened() -> None:
    words = render({"title": "{{ order.note }}", "body": "{{ order.note }}"}, note="x" * 1_000_000)
    assert words.title.endswith("…")
    assert words.body.endswith("…")
