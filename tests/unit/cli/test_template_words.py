"""Words in a file, and places for them: what is refused, and how."""

from pathlib import Path

import pytest

from config import ConfigError
from config.rules import Rule
from daemon.cli.template.writing import template_in
from daemon.planning.catalogue.check import mistakes_in_template, unread
from daemon.planning.catalogue.templates import Template
from daemon.policy import catalogue_of
from tests.unit.planning.words import settings

RULES = [
    Rule(event="order.ready", audience="customer", channels=("inbox", "email", "sms")),
    Rule(event="order.created", audience="vendor"),
]


def place(event: str, audience: str, channel: str = "", locale: str = "de") -> Template:
    return Template(0, event, audience, channel, locale, 0, "t", "b")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (place("order.redy", "customer"), 'event: no rule is for "order.redy" (did you mean "order.ready"?)'),
        (
            place("order.ready", "custommer"),
            'audience: no rule tells "custommer" of order.ready (did you mean "customer"?)',
        ),
        (
            place("order.ready", "vendor"),
            'audience: no rule tells "vendor" of order.ready; it is told to customer',
        ),
        (
            place("order.ready", "customer", "smss"),
            'channel: order.ready is not told to customer on "smss" (did you mean "sms"?)',
        ),
        (
            place("order.ready", "customer", "webpush"),
            'channel: order.ready is not told to customer on "webpush"; there is email, sms',
        ),
        (
            place("order.created", "vendor", "sms"),
            'channel: order.created is not told to vendor on "sms"; there is only the inbox',
        ),
        (
            place("order.ready", "customer", "inbox"),
            "channel: the inbox has the words for every channel: leave it out",
        ),
        (
            place("order.ready", "customer", locale="german"),
            'locale: "german" is not a locale, such as de or de-AT',
        ),
    ],
)
def test_a_place_that_nobody_reads_is_named(wanted: Template, said: str) -> None:
    assert [str(mistake) for mistake in unread(wanted, RULES)] == [said]


def test_a_place_that_a_rule_has_is_well() -> None:
    assert list(unread(place("order.ready", "customer", "sms", "de-AT"), RULES)) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("title = 't'", ["body: is missing"]),
        ("title = 1\nbody = 'b'", ["title: must be a text"]),
        ("title = 't'\nbody = 'b'\nurl = 'u'", ["url: unknown key; there is title, body, text, action"]),
        (f"title = '{'x' * 10_001}'\nbody = 'b'", ["title: a template has 10,000 characters at most"]),
        ("#" * 200_001, ["it has more than 200,000 bytes"]),
        ("a = \x01", ["Invalid"]),
        ("title = '{% include 'x' %}'\nbody = '{{ a.__class__ }}'", ["Expected newline"]),
        ("title = '''{% include 'x' %}'''\nbody = 'b'", ["title: "]),
    ],
)
def test_words_that_cannot_be_used_are_refused_with_their_path(tmp_path: Path, words: str, said: list[str]) -> None:
    file = tmp_path / "words.toml"
    file.write_text(words, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        template_in(file, "order.ready", "customer", "", "de")
    assert refused.value.source == str(file)
    mistakes = [str(mistake) for mistake in refused.value.mistakes]
    assert len(mistakes) == len(said)
    assert all(one.startswith(start) for one, start in zip(mistakes, said, strict=True))


def test_what_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "words.toml"
    file.write_bytes(b"title = '\xff'")
    with pytest.raises(ConfigError, match="can't decode byte 0xff"):
        template_in(file, "order.ready", "customer", "", "de")


def test_what_is_wrong_with_kept_words_is_named_with_their_id() -> None:
    ours = settings()
    catalogue = catalogue_of(ours)

    def wrong(title: str) -> list[str]:
        template = Template(12, "order.ready", "customer", "", "de", 1, title, "b")
        return [str(mistake) for mistake in mistakes_in_template(template, "template 12", ours, catalogue)]

    path = 'template 12: "order.ready".customer.title'
    assert wrong("{{ label }}") == []
    assert wrong("{{ labl }}") == [f'{path}: mentions "labl", which is never there (did you mean "label"?)']
    (broken,) = wrong("{{ label")
    assert broken.startswith(f"{path}: unexpected end of template")
    (failing,) = wrong("{{ 1 / 0 }}")
    assert failing.startswith(f"{path}: fails: ZeroDivisionError")
