"""The HTML of a mail: escaped, linked only to the web, readable on any accent."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from dispatchers.base import Delivery
from dispatchers.email.layout import Layout, readable_on, web_address

Deliveries = Callable[..., Delivery]

SCRIPT = "<script>alert('x')</script>&amp;"


class Tags(HTMLParser):
    """Tags that are open at the end, and every tag seen."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def layout() -> Layout:
    return Layout(brand="Bella & Sons", accent="#4f46e5", footer="Market 3 <town>")


def test_the_html_closes_what_it_opens_and_loads_nothing(layout: Layout, delivery: Deliveries) -> None:
    _, html = layout.render(delivery())
    tags = Tags(html)
    assert not tags.open
    assert not tags.seen & {"script", "img", "link", "iframe"}


def test_words_of_the_application_never_become_markup(layout: Layout, delivery: Deliveries) -> None:
    text, html = layout.render(delivery(title=SCRIPT, body=SCRIPT, action=SCRIPT))
    assert "script" not in Tags(html).seen
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;") >= 4
    assert text.count(SCRIPT) == 3


def test_a_link_to_unsubscribe_stands_last(layout: Layout, delivery: Deliveries) -> None:
    text, html = layout.render(delivery(), "https://notify.shop.example/unsubscribe/AbC-_")
    assert text.endswith("town>\nUnsubscribe: https://notify.shop.example/unsubscribe/AbC-_\n")
    assert 'href="https://notify.shop.example/unsubscribe/AbC-_"' in html
    assert html.index("Market 3") < html.index(">Unsubscribe</a>")


def test_without_one_nothing_is_said_of_it(layout: Layout, delivery: Deliveries) -> None:
    text, html = layout.render(delivery())
    assert "nsubscribe" not in text + html


def test_a_template_in_the_words_is_not_run(layout: Layout, delivery: Deliveries) -> None:
    text, html = layout.render(delivery(title="{{ 7 * 7 }}", body="{% raw %}"))
    assert "{{ 7 * 7 }}" in text
    assert "{{ 7 * 7 }}" in html


def test_brand_and_footer_are_escaped_in_html_and_plain_in_text(layout: Layout, delivery: Deliveries) -> None:
    text, html = layout.render(delivery())
    assert "Bella &amp; Sons" in html
    assert "Market 3 &lt;town&gt;" in html
    assert text.endswith("-- \nBella & Sons\nMarket 3 <town>\n")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "https://a b",
        'https://x"onclick=',
        "",
        "file:///etc",
        "https://x\u202e.example",
        "https://x/\ud800",
    ],
)
def test_only_web_addresses_become_links(layout: Layout, delivery: Deliveries, url: str) -> None:
    text, html = layout.render(delivery(url=url))
    assert web_address(url) is None
    assert "a" not in Tags(html).seen
    assert "Track your order" not in text


def test_an_address_without_a_label_is_shown_as_it_is(layout: Layout, delivery: Deliveries) -> None:
    _, html = layout.render(delivery(action=None))
    assert ">https://shop.example/orders/4711?a=1&amp;b=2</a>" in html


def test_blank_lines_part_paragraphs_and_single_ones_break_lines(layout: Layout, delivery: Deliveries) -> None:
    _, html = layout.render(delivery(body="one\r\ntwo\r\n \r\n\r\nthree", url=None))
    assert html.count("<p ") == 2
    assert html.count("<br>") == 1


def test_the_preheader_is_the_start_of_the_body(layout: Layout, delivery: Deliveries) -> None:
    _, html = layout.render(delivery(body="Ready.\n\n" + "x" * 500))
    assert ">Ready. " + "x" * 133 + "&#847;" in html


@pytest.mark.parametrize(
    ("locale", "attributes"),
    [
        ("en", 'lang="en" dir="ltr"'),
        ("de_AT", 'lang="de-AT" dir="ltr"'),
        ("ar", 'lang="ar" dir="rtl"'),
        ('"><b>', 'lang="en" dir="ltr"'),
    ],
)
def test_the_language_and_its_direction_are_said(
    layout: Layout, delivery: Deliveries, locale: str, attributes: str
) -> None:
    _, html = layout.render(delivery(locale=locale))
    assert f"<html {attributes}>" in html


@pytest.mark.parametrize(("accent", "ink"), [("#4f46e5", "#ffffff"), ("#ffd60a", "#000000"), ("#000000", "#ffffff")])
def test_the_buttons_label_contrasts_with_the_accent(accent: str, ink: str) -> None:
    assert readable_on(accent) == ink
