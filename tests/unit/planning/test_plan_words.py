"""Whose words are rendered once, and whose apart."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from config.rules import Rule
from daemon.planning.catalogue import Catalogue
from daemon.planning.known import Known
from daemon.planning.plan import plan
from daemon.planning.policy import Policy
from daemon.planning.values import Event, Person

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PEOPLE = [
    Person("1", "Ann", "de-AT", "Europe/Vienna"),
    Person("2", "Bob", "de_at", "Europe/Vienna"),
    Person("3", "Cem", "de-DE", "Europe/Berlin"),
    Person("4", "Dan", "de-DE", "Asia/Tbilisi"),
    Person("5", "Eva", "pt-BR", "Asia/Tbilisi"),
    Person("6", "Fay", "", ""),
]


def titles(source: str, people: Sequence[Person] = PEOPLE) -> list[tuple[str, str]]:
    """(locale, title) of each message that is made."""
    sections: dict[str, Any] = {
        "fallback": {"title": "f", "body": "f"},
        "order.ready": {"customer": {"title": source, "body": "b"}},
    }
    catalogue = Catalogue({"en": sections, "de": sections}, "en")
    rule = Rule(event="order.ready", audience="customer")
    policy = Policy.of([rule], catalogue, (), timedelta(days=1))
    row = {"at": "2026-11-21T10:00:00+00:00", "total": 1234.5}
    event = Event("order.ready", "order:7", "orders", "7", "#7", row, NOON)
    known = Known({person.user_id: person for person in people})
    made = plan([event], [{"customer": [person.user_id for person in people]}], known, policy, NOON)
    assert len(made.notifications) == len(people)
    assert all(message.words.error is None for message in made.messages)
    return [(message.locale, message.words.title) for message in made.messages]


def test_words_without_numbers_or_times_are_rendered_once_for_each_catalogue() -> None:
    assert titles("{{ label }}") == [("de", "#7"), ("en", "#7")]


def test_words_with_money_are_rendered_once_for_each_region() -> None:
    assert titles("{{ order.total | money('EUR') }}") == [
        ("de", "€ 1.234,50"),
        ("de", "1.234,50 €"),
        ("en", "€1,234.50"),
    ]


def test_words_with_a_time_are_rendered_once_for_each_region_and_time_zone() -> None:
    assert titles("{{ order.at | time }}") == [
        ("de", "11:00"),
        ("de", "11:00"),
        ("de", "14:00"),
        ("en", "2:00 PM"),
        ("en", "10:00 AM"),
    ]


def test_words_that_name_their_reader_are_rendered_for_each() -> None:
    assert [title for _, title in titles("{{ recipient.name }}")] == ["Ann", "Bob", "Cem", "Dan", "Eva", "Fay"]


def test_who_has_no_time_zone_reads_the_time_of_the_default_one() -> None:
    assert titles("{{ order.at | time }}", people=PEOPLE[5:]) == [("en", "10:00 AM")]
