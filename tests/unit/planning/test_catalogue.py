"""Words: rendered, or the fallback, and never an exception."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.planning.catalogue import BODY_LIMIT, TITLE_LIMIT, BrokenMessage, Catalogue
from daemon.planning.catalogue.text import text_of
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
        ({"title": "{{ oops", "body": "b"}, r'en.toml: "order.ready".customer.title'),
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


def of_two_locales(english: str, german: str) -> Catalogue:
    """English as it ships, German as somebody configured it."""
    sections = [
        {"fallback": FALLBACK, "order.ready": {"customer": {"title": title, "body": "b"}}}
        for title in (english, german)
    ]
    return Catalogue(dict(zip(("en", "de"), sections, strict=True)), "en", shipped={"en"})


def steps(source: str) -> set[str]:
    """What was done with the text that ``source`` says so far."""
    return vars(text_of(source)).keys() - {"source"}


def test_what_ships_is_understood_when_it_matters_and_compiled_when_it_is_read() -> None:
    ours, own = "{{ order.ships | money }}", "{{ order.own | money }}"
    made = of_two_locales(ours, own)
    assert steps(own) == {"_understood", "_compiled"}
    assert steps(ours) == set()
    assert made.needs("order.ready", "customer").of_locale
    assert steps(ours) == {"_understood"}
    assert made.render(event(ships="1.5"), "customer", "en", {}, NOBODY).title == "1.50"
    assert steps(ours) == {"_understood", "_compiled"}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{{ late oops", "expected token 'end of print statement'"),
        ("{{ cycler('late') }}", "there is no function"),
        ("{{ " + "(" * 500 + "late" + ")" * 500 + " }}", "it cannot be compiled"),
        ("late" * 2_501, "has 10,000 characters at most"),
    ],
)
def test_what_somebody_configured_is_compiled_at_once_and_what_ships_never_raises(broken: str, said: str) -> None:
    with pytest.raises(BrokenMessage) as refused:
        of_two_locales("t", broken)
    ((path, problem),) = refused.value.mistakes
    assert path == 'de.toml: "order.ready".customer.title'
    assert said in problem
    words = of_two_locales(broken, "t").render(event(), "customer", "en", {}, NOBODY)
    assert words.title == "Order #7: ready"
    assert f"BrokenTemplate: {problem}" in (words.error or "")


def test_a_broken_link_is_found_at_once_though_all_words_ship() -> None:
    with pytest.raises(BrokenMessage, match=r"audience\.customer\.url"):
        Catalogue({"en": {"fallback": FALLBACK}}, "en", {"customer": "{{ oops"}, shipped={"en"})


def test_a_megabyte_in_a_column_is_shortened() -> None:
    words = render({"title": "{{ order.note }}", "body": "{{ order.note }}"}, note="x" * 1_000_000)
    assert words.title.endswith("…")
    assert words.body.endswith("…")


def test_every_mistake_of_a_catalogue_is_said_at_once() -> None:
    with pytest.raises(BrokenMessage) as broken:
        catalogue({"title": "{{ order.total | mony }}", "txt": "x"}, de={"order": {"ready": {"title": "t"}}}, readme={})
    assert [path for path, _ in broken.value.mistakes] == [
        'en.toml: "order.ready".customer.txt',
        'en.toml: "order.ready".customer.body',
        'en.toml: "order.ready".customer.title',
        "de.toml: order.ready",
        "readme",
    ]
    assert 'there is no filter "mony" (did you mean "money"?)' in str(broken.value)


GERMAN = {"fallback": {"title": "Rückfall", "body": "b"}, "order.ready": {"customer": {"title": "fertig", "body": "b"}}}
AUSTRIAN = {"order.ready": {"customer": {"title": "fertig, bitte", "body": "b"}}}


def in_locale(wanted: str, locales: Mapping[str, Any], name: str = "order.ready") -> Words:
    made = catalogue({"title": "ready {{ 1 / order.n }}", "body": "b"}, **locales)
    return made.render(event(name, n=1), "customer", wanted, {}, NOBODY)


@pytest.mark.parametrize("wanted", ["de-AT", "de_at", "DE-at", "de_AT.UTF-8", "de-AT-1996"])
def test_a_catalogue_of_the_region_comes_first_however_the_locale_is_written(wanted: str) -> None:
    assert in_locale(wanted, {"de": GERMAN, "de_AT": AUSTRIAN}).title == "fertig, bitte"


@pytest.mark.parametrize("wanted", ["zh-Hant-TW", "zh_hant_hk", "zh-Hant"])
def test_a_script_is_between_the_region_and_the_language(wanted: str) -> None:
    chinese = {"order.ready": {"customer": {"title": "好了", "body": "b"}}}
    assert in_locale(wanted, {"zh": GERMAN, "zh-Hant": chinese}).title == "好了"
    assert in_locale("zh-CN", {"zh": GERMAN, "zh-Hant": chinese}).title == "fertig"


@pytest.mark.parametrize("wanted", ["pt", "pt-BR", "", "english", "💥", "x" * 10_000])
def test_a_locale_without_a_catalogue_reads_the_default_and_that_is_no_error(wanted: str) -> None:
    assert in_locale(wanted, {"de": GERMAN}) == Words(
        "ready 1.0", "b", "ready 1.0", "https://shop.example/o/7", None, None
    )


def test_a_region_needs_no_more_than_the_words_that_differ() -> None:
    words = in_locale("de-AT", {"de": GERMAN, "de-AT": {"fallback": FALLBACK}})
    assert (words.title, words.error) == ("fertig", None)


def test_a_message_missing_in_a_language_is_read_in_the_default_and_counted() -> None:
    words = in_locale("de-AT", {"de": {"fallback": FALLBACK}})
    assert (words.title, words.error) == ("ready 1.0", "no message order.ready.customer in the catalogue de")


def test_a_message_that_fails_is_read_in_the_next_locale_and_counted() -> None:
    broken = {"order.ready": {"customer": {"title": "{{ 1 / 0 }}", "body": "b"}}}
    words = in_locale("de-AT", {"de": broken, "de-AT": broken})
    assert words.title == "ready 1.0"
    assert words.error == (
        "message order.ready.customer in de-AT: ZeroDivisionError: division by zero;"
        " message order.ready.customer in de: ZeroDivisionError: division by zero"
    )


def test_the_fallback_is_read_in_the_nearest_language_that_has_one() -> None:
    words = in_locale("de-AT", {"de": GERMAN}, "order.lost")
    assert words.title == "Rückfall"
    assert words.error == (
        "no message order.lost.customer in the catalogue de; no message order.lost.customer in the catalogue en"
    )


def test_null_and_people_are_printed_as_a_reader_wants_them() -> None:
    assert render({"title": "[{{ order.note }}] {{ vendor }}", "body": "b"}, note=None).title == "[] Café <Blue>"


def test_people_share_a_variant_where_the_words_do_not_depend_on_them() -> None:
    made = Catalogue(
        {
            "en": {
                "fallback": FALLBACK,
                "order.plain": {"customer": {"title": "{{ label }}", "body": "b"}},
                "order.priced": {"customer": {"title": "{{ order.total | money('EUR') }}", "body": "b"}},
                "order.timed": {"customer": {"title": "{% if 1 %}{{ order.at | time }}{% endif %}", "body": "b"}},
            },
            "de": {"fallback": FALLBACK},
        },
        "en",
    )
    assert made.variant("order.plain", "customer", "de-AT", "Europe/Vienna") == ("de", "")
    assert made.variant("order.priced", "customer", "de_at", "Europe/Vienna") == ("de-AT", "")
    assert made.variant("order.timed", "customer", "de-AT", "Europe/Vienna") == ("de-AT", "Europe/Vienna")
    assert made.variant("order.timed", "customer", "pt-BR", "Europe/Vienna") == ("en", "Europe/Vienna")


def test_what_holds_no_longer_has_words_for_the_event_or_for_any() -> None:
    taken = {"title": "taken {{ label }}", "body": "b"}
    ready = {"title": "t", "body": "b", "withdrawn": taken}
    made = Catalogue(
        {"en": {"fallback": FALLBACK, "withdrawn": {"title": "gone", "body": "b"}, "order.ready": {"driver": ready}}},
        "en",
    )
    assert made.render_withdrawn(event(), "driver", "en").title == "taken #7"
    assert made.render_withdrawn(event(), "customer", "en").title == "gone"
    assert catalogue({"title": "t", "body": "b"}).render_withdrawn(event(), "customer", "en").error
