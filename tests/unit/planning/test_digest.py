"""Many notifications as one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daemon.planning.catalogue import BODY_LIMIT, TEXT_LIMIT, TITLE_LIMIT, Catalogue, Entry
from daemon.policy import catalogue_of
from tests.unit.planning.words import settings

BUILT_IN = catalogue_of(settings())
FALLBACK = {"title": "f", "body": "f"}


def entry(number: int, title: str = "New order", url: str | None = "https://shop.example/orders") -> Entry:
    return Entry(f"{title} #{number}", "body", "text", url, f"#{number}", "order.created", f"order:{number}")


def test_twenty_new_orders_are_one_message_of_the_vendor() -> None:
    words = BUILT_IN.render_digest([entry(n) for n in range(1, 21)], "vendor", "en", event="order.created")
    assert words.title == "20 new orders"
    assert words.text == "20 new orders: #1, #2, #3 and 17 more. Please confirm."
    assert words.body.splitlines()[:2] == ["Please confirm or reject:", "- New order #1"]
    assert words.body.splitlines()[-1] == "- New order #20"
    assert (words.url, words.action, words.error) == ("https://shop.example/orders", "See the orders", None)


def test_what_was_held_in_the_night_is_one_message_of_any_event() -> None:
    words = BUILT_IN.render_digest([entry(1), entry(2)], "customer", "de-AT")
    assert (words.title, words.text) == ("2 Neuigkeiten", "2 Neuigkeiten: #1, #2")


def test_one_is_one() -> None:
    assert BUILT_IN.render_digest([entry(1)], "customer", "en").title == "1 update"


def test_a_label_that_comes_twice_is_named_once() -> None:
    assert BUILT_IN.render_digest([entry(7), entry(7), entry(8)], "customer", "en").text == "3 updates: #7, #8"


def test_a_long_digest_names_the_first_fifty_and_says_how_many_more() -> None:
    words = BUILT_IN.render_digest([entry(n) for n in range(1300)], "customer", "en")
    lines = words.body.splitlines()
    assert lines[49:] == ["- New order #49", "and 1,250 more"]


def test_long_titles_leave_room_for_how_many_more_there_are() -> None:
    words = BUILT_IN.render_digest([entry(n, "x" * 190) for n in range(50)], "customer", "en")
    assert len(words.body) <= BODY_LIMIT
    assert words.body.splitlines()[-1] == "and 38 more"


def test_entries_that_lead_to_different_places_have_no_button() -> None:
    words = BUILT_IN.render_digest([entry(1), entry(2, url="https://shop.example/2")], "customer", "en")
    assert (words.url, words.action) == (None, None)


def test_a_digest_that_fails_is_told_in_the_next_words_and_counted() -> None:
    broken = {"title": "{{ 1 / 0 }}", "body": "b"}
    own = {"fallback": FALLBACK, "order.created": {"vendor": {"title": "t", "body": "b", "digest": broken}}}
    made = Catalogue({"en": {**own, "digest": {"title": "{{ count }}", "body": "b"}}}, "en")
    words = made.render_digest([entry(1)], "vendor", "en", event="order.created")
    assert words.title == "1"
    assert "ZeroDivisionError" in (words.error or "")


def test_without_any_words_a_digest_is_the_titles_and_that_is_counted() -> None:
    words = Catalogue({"en": {"fallback": FALLBACK}}, "en").render_digest([entry(1), entry(2)], "vendor", "en")
    assert (words.title, words.body) == ("New order #1 (+1)", "- New order #1\n- New order #2")
    assert words.error == "no [digest] in the catalogue en"


def test_numbers_and_times_are_the_recipients() -> None:
    digest = {"title": "{{ '2026-11-21T23:30:00+00:00' | time }}", "body": "b"}
    made = Catalogue({"en": {"fallback": FALLBACK, "digest": digest}}, "en")
    assert made.render_digest([entry(1)], "vendor", "en-GB", "Asia/Tbilisi").title == "03:30"


@given(st.lists(st.builds(Entry, *[st.text(max_size=300)] * 3, st.none(), *[st.text(max_size=300)] * 3), max_size=60))
def test_no_entries_make_a_digest_raise_or_too_long(entries: list[Any]) -> None:
    words = BUILT_IN.render_digest(entries, "vendor", "ka", event="order.created")
    assert words.error is None
    assert len(words.title) <= TITLE_LIMIT
    assert len(words.text) <= TEXT_LIMIT
    assert len(words.body) <= BODY_LIMIT
