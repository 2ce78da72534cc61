"""Numbers, money, times and plurals, as the recipient's region writes them."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.planning.catalogue import Catalogue
from daemon.planning.values import NOBODY, Event, Words

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def words(source: str, locale: str, zone: str, value: Any) -> Words:
    message = {"title": "t", "body": source}
    sections = {"fallback": {"title": "fallback", "body": "fallback"}, "order.ready": {"customer": message}}
    tags = ("en", "de", "fr", "es", "ka", "ru", "ar", "pl")
    made = Catalogue(dict.fromkeys(tags, sections), "en")
    happened = Event("order.ready", "order:7", "orders", "7", "#7", {"v": value}, NOON)
    return made.render(happened, "customer", locale, {}, NOBODY, zone)


def said(source: str, value: Any = None, locale: str = "en", zone: str = "UTC") -> str:
    made = words(source, locale, zone, value)
    assert made.error is None
    return made.body.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("value", [Decimal("1234.50"), 1234.5, "1234.50", " 1234.5 ", "1234.500000000000000000000001"])
def test_an_amount_is_money_whatever_type_it_has(value: Any) -> None:
    assert said("{{ order.v | money('EUR') }}", value, "de") == "1.234,50 €"


@pytest.mark.parametrize(
    ("locale", "written"),
    [
        ("en", "€1,234.50"),
        ("de", "1.234,50 €"),
        ("de-AT", "€ 1.234,50"),
        ("de-CH", "EUR 1\N{RIGHT SINGLE QUOTATION MARK}234.50"),
        ("ka", "1 234,50 €"),
    ],
)
def test_money_is_written_as_in_the_recipients_region(locale: str, written: str) -> None:
    assert said("{{ order.v | money('eur') }}", 1234.5, locale) == written


def test_a_currency_has_the_decimals_it_has() -> None:
    assert said("{{ order.v | money('JPY') }}", 1200, "en") == "¥1,200"
    assert said("{{ order.v | money('JPY', minor=true) }}", 1200, "en") == "¥1,200"
    assert said("{{ order.v | money('EUR', minor=true) }}", 1250, "en") == "€12.50"
    assert said("{{ order.v | money('KWD', minor=true) }}", 12500, "en") == "KWD 12.500"
    assert said("{{ order.v | money('GEL') }}", "12.5", "ka") == "12,50 ₾"


def test_a_code_that_no_bank_knows_stands_before_the_number() -> None:
    assert said("{{ order.v | money('points') }}", 5, "de") == "POINTS 5,00"
    assert said("{{ order.v | money(None) }}", 5, "de") == "5,00"


def test_numbers_and_percents() -> None:
    assert said("{{ order.v | number }} {{ order.v | number(2) }}", 1234.5, "de") == "1.234,5 1.234,50"
    assert said("{{ order.v | percent }} {{ order.v | percent(1) }}", 0.125, "de") == "12 % 12,5 %"
    assert said("{{ order.v | number(1) }}", 1234567, "hi") == "1,234,567.0"


@pytest.mark.parametrize("name", ["money('EUR')", "number", "percent", "date", "time", "datetime", "plural(other='x')"])
@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_what_is_empty_is_written_as_nothing(name: str, nothing: str | None) -> None:
    assert said(f"[{{{{ order.v | {name} }}}}]", nothing) == "[]"


@pytest.mark.parametrize("value", ["abc", "NaN", "Infinity", "1e999999", "-1E+400", True, [1], "9" * 200, {"a": 1}])
@pytest.mark.parametrize("name", ["money('EUR')", "number", "percent", "plural(other='x')"])
def test_what_is_no_number_leads_to_the_fallback(name: str, value: Any) -> None:
    made = words(f"{{{{ order.v | {name} }}}}", "en", "UTC", value)
    assert made.body == "fallback"
    assert "number" in (made.error or "")


MOMENT = "2026-11-21T23:30:00.12345+00:00"


@pytest.mark.parametrize(
    "moment", [MOMENT, "2026-11-21T23:30:00", "2026-11-21 23:30:00+00", "2026-11-22T05:30:00+06:00",
               datetime(2026, 11, 21, 23, 30, tzinfo=UTC), datetime(2026, 11, 21, 23, 30)]  # noqa: DTZ001 - a naive one
)  # fmt: skip
def test_a_moment_is_told_in_the_recipients_time_zone(moment: Any) -> None:
    source = "{{ order.v | date }} {{ order.v | time }}"
    assert said(source, moment, "de", "Europe/Berlin") == "22.11.2026 00:30"
    assert said(source, moment, "en-US", "America/New_York") == "Nov 21, 2026 6:30 PM"
    assert said(source, moment, "de", "No/Such_Zone") == "21.11.2026 23:30"


def test_lengths_are_those_of_cldr() -> None:
    assert said("{{ order.v | date('long') }}", MOMENT, "de") == "21. November 2026"
    assert said("{{ order.v | datetime('short') }}", MOMENT, "fr") == "21/11/2026 23:30"
    assert said("{{ order.v | date('long') }}", MOMENT, "ka") == "21 ნოემბერი, 2026"
    assert "no format 'huge'" in (words("{{ order.v | date('huge') }}", "en", "UTC", MOMENT).error or "")


@pytest.mark.parametrize("value", ["2026-11-21", date(2026, 11, 21)])
def test_a_date_without_a_time_is_the_same_day_everywhere(value: Any) -> None:
    assert said("{{ order.v | date }} {{ order.v | datetime }}", value, "de", "America/Los_Angeles") == (
        "21.11.2026 21.11.2026"
    )
    assert "without a time" in (words("{{ order.v | time }}", "en", "UTC", value).error or "")


@pytest.mark.parametrize("value", ["18:05:00", time(18, 5)])
def test_a_time_without_a_date_is_the_same_time_everywhere(value: Any) -> None:
    assert said("{{ order.v | time }}", value, "de", "America/Los_Angeles") == "18:05"


@pytest.mark.parametrize("value", ["yesterday", "infinity", "2026-13-45", 5, ["x"]])
def test_what_is_no_time_leads_to_the_fallback(value: Any) -> None:
    assert words("{{ order.v | datetime }}", "en", "UTC", value).body == "fallback"


@pytest.mark.parametrize(
    ("locale", "counts"),
    [
        ("en", {0: "many-other", 1: "one", 2: "many-other"}),
        ("fr", {0: "one", 1: "one", 2: "many-other"}),
        ("ru", {1: "one", 3: "few", 5: "many", 21: "one"}),
        ("pl", {1: "one", 22: "few", 5: "many"}),
        ("ar", {3: "few", 11: "many"}),
    ],
)
def test_plurals_are_those_of_the_language(locale: str, counts: dict[int, str]) -> None:
    for count, form in counts.items():
        source = "{{ plural(order.v, one='one', few='few', many='many', other='many-other') }}"
        assert said(source, count, locale) == form


def test_the_count_is_written_in_its_form_and_a_form_that_is_not_given_is_other() -> None:
    assert said("{{ order.v | plural(one='{n} Bestellung', other='{n} Bestellungen') }}", 1234, "de") == (
        "1.234 Bestellungen"
    )
    assert said("{{ plural(order.v, other='{n} x') }}", "1", "ru") == "1 x"


def test_a_function_keeps_its_locale_in_a_loop_with_names_of_its_own() -> None:
    source = "{% for i in [1, 2] %}{% set n = i %}{{ plural(n, one='{n} eins', other='{n} viele') }} {% endfor %}"
    assert said(source, None, "de") == "1 eins 2 viele"


@given(st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.lists(st.text()), st.binary(), st.decimals()))
def test_no_value_makes_a_message_raise(value: Any) -> None:
    for name in ("money('EUR')", "number(3)", "percent", "date", "time", "datetime", "plural(other='{n}')"):
        made = words(f"{{{{ order.v | {name} }}}}", "de", "Europe/Berlin", value)
        assert made.error is None or made.body == "fallback"
