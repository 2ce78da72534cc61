"""Quoted-printable in pieces: read back by the standard library, it is what the layouts give in one."""

import re
from collections.abc import Callable
from quopri import decodestring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchers.base import Delivery
from dispatchers.email.layout import LINES_KEPT, SHAPES_KEPT, Layout
from dispatchers.email.quoted import Form, Quoted, mark, quoted

Deliveries = Callable[..., Delivery]

LINES = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=200)
WORDS = st.one_of(
    LINES,
    st.text(alphabet="a.= \té<&\n", max_size=200),
    st.sampled_from(
        [".", "..", "=", " ", "\t", "From x", "x" * 75, "x" * 76, "x" * 77, "é" * 25, "x" * 73 + "é", "--"]
    ),
)
BODIES = st.lists(WORDS, max_size=5).map("\n\n".join)
LINK = "https://notify.shop.example/unsubscribe/AbC-_"


def read(given: Quoted) -> str:
    """The text, after everything that a server and a mail program look at was looked at."""
    content = given.content
    assert content.isascii()
    assert content.replace(b"\r\n", b"").count(b"\n") == content.replace(b"\r\n", b"").count(b"\r") == 0
    for line in content.split(b"\r\n"):
        assert len(line) <= 76  # RFC 2045 6.7
        assert not line.endswith((b" ", b"\t"))
    assert given.has_dots or not any(line.startswith(b".") for line in content.split(b"\r\n"))
    return decodestring(content).decode().replace("\r\n", "\n")


@given(text=WORDS)
def test_any_text_is_read_back(text: str) -> None:
    assert read(Quoted(quoted(text), has_dots=True)) == text


@given(text=WORDS)
def test_there_is_room_for_a_soft_break_in_the_last_line(text: str) -> None:
    assert len(quoted(text).rpartition(b"\n")[2]) < 76


@given(pieces=st.lists(WORDS, min_size=1, max_size=6), words=st.lists(WORDS, min_size=6, max_size=6))
def test_a_form_is_filled_with_any_words(pieces: list[str], words: list[str]) -> None:
    text = "".join(piece + mark(number) for number, piece in enumerate(pieces[:-1])) + pieces[-1]
    expected = "".join(piece + words[number] for number, piece in enumerate(pieces[:-1])) + pieces[-1]
    assert read(Form(text).filled([quoted(word) for word in words])) == expected


def test_a_word_may_stand_in_several_places_and_in_any_order() -> None:
    form = Form(f"{mark(1)}-{mark(0)}-{mark(1)}{mark(1)}\n")
    assert read(form.filled([b"a", b"b"])) == "b-a-bb\n"
    assert read(form.filled([b"c", b"d"])) == "d-c-dd\n"


@given(
    title=WORDS, body=st.lists(WORDS, max_size=5).map("\n\n".join), action=WORDS, locale=st.sampled_from(["en", "ar"])
)
@pytest.mark.parametrize("url", [None, "https://shop.example/?a=1&b=.2"])
@pytest.mark.parametrize("unsubscribe", [None, LINK])
def test_both_parts_are_what_the_layouts_give(
    delivery: Deliveries, title: str, body: str, action: str, locale: str, url: str | None, unsubscribe: str | None
) -> None:
    given = delivery(title=title, body=body, action=action, locale=locale, url=url)
    text, html = _LAYOUT.encode(given, unsubscribe)
    assert (read(text), read(html)) == _LAYOUT.render(given, unsubscribe)


def test_a_text_that_ends_with_a_word_ends_without_a_soft_break() -> None:
    assert Form(f"a {mark(0)}").filled([b"b"]).content == b"a=20=\r\nb"


def test_a_form_in_the_words_stays_words(delivery: Deliveries) -> None:
    text, html = _LAYOUT.encode(delivery(title=f"a{mark(0)}b", body=mark(3), action=mark(1)), LINK)
    assert read(text).startswith("a0b\n")
    assert read(text).count(LINK) == 1
    assert "\ufdd0" not in read(text) + read(html)


def test_a_mark_in_the_brand_is_dropped(delivery: Deliveries) -> None:
    layout = Layout(brand=f"Bella{mark(0)}", accent="#4f46e5", footer=mark(1))
    text, _ = layout.encode(delivery())
    assert "-- \nBella0\n1\n" in read(text)


def test_nothing_of_one_mail_is_left_in_the_next(delivery: Deliveries) -> None:
    def words(number: int) -> dict[str, str]:
        name = f"person{number:02}"
        return {"title": f"{name} title", "body": f"{name} one\n\n{name} two", "url": f"https://x.example/{name}"}

    for number in [*range(20), *range(20)]:
        link = f"https://x.example/unsubscribe/person{number:02}"
        for part in map(read, _LAYOUT.encode(delivery(**words(number)), link)):
            assert set(re.findall(r"person[0-9]{2}", part)) == {f"person{number:02}"}
            assert link in part


def test_only_so_many_shapes_are_kept_and_none_of_a_long_body(delivery: Deliveries) -> None:
    layout = Layout(brand="Bella", accent="#4f46e5", footer="")
    for lines in range(1, 40):
        for locale in ("en", "de", "fr", "it", "es"):
            layout.encode(delivery(body="\n".join("x" * lines), locale=locale))
    assert layout.kept_shapes == SHAPES_KEPT

    layout = Layout(brand="Bella", accent="#4f46e5", footer="")
    given = delivery(body="\n".join(map(str, range(LINES_KEPT + 1))))
    text, html = layout.encode(given)
    assert (read(text), read(html)) == layout.render(given)
    assert layout.kept_shapes == 0


_LAYOUT = Layout(brand="Bella & Sons", accent="#4f46e5", footer="Market 3 <town>.\n.dot")
