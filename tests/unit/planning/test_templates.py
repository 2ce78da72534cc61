"""Words that staff have written, over those of the catalogue: whose come first, and what happens when they fail."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from config.rules import Rule
from daemon.planning.catalogue import Catalogue
from daemon.planning.catalogue.templates import Overlay, Template, overlay_of
from daemon.planning.known import Known
from daemon.planning.plan import plan
from daemon.planning.policy import Policy
from daemon.planning.values import NOBODY, Event, Person, Plan, Words

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVENT = Event("order.ready", "order:7", "orders", "7", "#7", {"total": "12.50", "note": None}, NOON)
PERSON = Person("c", "Cora", "de-AT", addresses={"email": ("c@example.com",), "sms": ("+436601234567",)})

_ids = count(1)


def written(title: str, locale: str = "de", channel: str = "", event: str = "order.ready", **fields: str) -> Overlay:
    fields = {"body": f"body of {title}", **fields}
    return overlay_of(Template(next(_ids), event, "customer", channel, locale, 1, title, **fields))


def catalogue(*locales: str) -> Catalogue:
    def sections(tag: str) -> dict[str, Any]:
        return {
            "fallback": {"title": f"fallback {tag}", "body": "b"},
            "order.ready": {"customer": {"title": f"catalogue {tag}", "body": "b", "text": f"text {tag}"}},
            "order.created": {"customer": {"title": f"created {tag}", "body": "b"}},
        }

    return Catalogue(
        {tag: sections(tag) for tag in locales or ("en", "de")}, "en", {"customer": "https://a.b/{{ key }}"}
    )


def read(over: Catalogue, locale: str, event: Event = EVENT) -> Words:
    return over.render(event, "customer", locale, {}, NOBODY)


@pytest.mark.parametrize(
    ("templates", "reader", "title"),
    [
        ([], "de-AT", "catalogue de"),
        (["de"], "de-AT", "template de"),
        (["de", "de-AT"], "de-AT", "template de-AT"),
        (["de", "de-AT"], "de-CH", "template de"),
        (["de-AT"], "de", "catalogue de"),
        (["en"], "de", "catalogue de"),
        (["en"], "fr", "template en"),
        (["it"], "it-CH", "template it"),
        (["it"], "fr", "catalogue en"),
        (["de-AT"], "de_at.UTF-8", "template de-AT"),
    ],
)
def test_the_nearest_locale_wins_and_in_it_the_template(templates: Sequence[str], reader: str, title: str) -> None:
    over = catalogue().overlaid([written(f"template {tag}", tag) for tag in templates])
    words = read(over, reader)
    assert (words.title, words.error) == (title, None)
    assert words.url == "https://a.b/7"


def test_a_regions_catalogue_is_nearer_than_its_languages_template() -> None:
    over = catalogue("en", "de", "de-AT").overlaid([written("template de")])
    assert read(over, "de-AT").title == "catalogue de-AT"
    assert read(over, "de-DE").title == "template de"


def test_a_locale_that_only_a_template_has_leaves_other_events_as_they_were() -> None:
    over = catalogue().overlaid([written("template it", "it")])
    created = Event("order.created", "order:7", "orders", "7", "#7", {}, NOON)
    assert read(over, "it", created) == read(catalogue(), "it", created)
    assert over.render_withdrawn(created, "customer", "it") == catalogue().render_withdrawn(created, "customer", "it")


def test_the_catalogue_that_it_is_laid_over_stays_as_it_was() -> None:
    below = catalogue()
    below.overlaid([written("template")])
    assert read(below, "de").title == "catalogue de"
    assert below.channels == {}


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ order.note + 1 }}", "TypeError"),
        ("{{ oops", "BrokenTemplate: title: "),
        ("{{ cycler('a') }}", "BrokenTemplate: title: there is no function"),
        ("x" * 10_001, "BrokenTemplate: title: a template has 10,000 characters at most"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}.{% endfor %}{% endfor %}", "TooMuch"),
    ],
)
def test_a_template_that_fails_gives_way_to_the_catalogue_and_says_so(title: str, said: str) -> None:
    overlay = written(title)
    words = read(catalogue().overlaid([overlay]), "de")
    assert words.title == "catalogue de"
    assert words.error is not None
    assert words.error.startswith(f"template {overlay.message.template} of order.ready.customer in de: ")
    assert said in words.error


def test_a_template_in_no_locale_is_read_by_nobody() -> None:
    over = catalogue().overlaid([written("template", "what is this")])
    assert read(over, "de").title == "catalogue de"
    assert read(over, "").title == "catalogue en"


def test_an_event_of_ones_own_needs_no_catalogue() -> None:
    own = Event("order.delayed", "order:7", "orders", "7", "#7", {}, NOON)
    over = catalogue().overlaid([written("Late, {{ customer.name or 'sorry' }}", "en", event="order.delayed")])
    assert read(over, "en", own).error is None
    assert over.needs("order.delayed", "customer").names == {"customer", "key"}


def test_what_a_template_mentions_is_looked_up() -> None:
    over = catalogue().overlaid([written("{{ vendor.name }}"), written("{{ driver.name }}", channel="sms")])
    assert {"vendor", "driver"} <= over.names_in("order.ready", "customer")
    assert "driver" not in over.needs("order.ready", "customer").names


# --- of a channel ------------------------------------------------------------------------------------------


def planned(
    *overlays: Overlay, channels: tuple[str, ...] = ("email", "sms"), people: Sequence[Person] = (PERSON,)
) -> Plan:
    rule = Rule(event="order.ready", audience="customer", channels=channels)
    policy = Policy.of([rule], catalogue().overlaid(overlays), ("email", "sms", "webpush"), timedelta(days=1))
    known = Known({person.user_id: person for person in people})
    return plan([EVENT], [{"customer": [person.user_id for person in people]}], known, policy, NOON)


def sent(made: Plan) -> dict[str, str]:
    """Channel -> title."""
    messages = {
        d.channel: d.message if d.message is not None else made.notifications[d.notification].message
        for d in made.deliveries
    }
    return {channel: made.messages[index].words.title for channel, index in messages.items()}


def inbox(made: Plan) -> list[str]:
    return [made.messages[n.message].words.title for n in made.notifications]


def test_words_for_a_channel_are_read_there_alone() -> None:
    made = planned(written("short", channel="sms", text="short text"))
    assert sent(made) == {"email": "catalogue de", "sms": "short"}
    assert inbox(made) == ["catalogue de"]
    assert [d.message is None for d in made.deliveries] == [True, False]


def test_where_no_channel_has_words_of_its_own_there_is_one_message() -> None:
    made = planned(written("template"))
    assert sent(made) == {"email": "template", "sms": "template"}
    assert len(made.messages) == 1


@pytest.mark.parametrize(
    ("general", "special", "title"),
    [("de", "de", "sms"), ("de-AT", "de", "all"), ("de", "de-AT", "sms"), ("en", "en", "catalogue de")],
)
def test_the_locale_counts_more_than_the_channel(general: str, special: str, title: str) -> None:
    assert sent(planned(written("all", general), written("sms", special, "sms")))["sms"] == title


def test_words_for_a_channel_that_the_rule_does_not_name_are_not_rendered() -> None:
    assert len(planned(written("push", channel="webpush")).messages) == 1


def test_words_for_a_channel_that_fail_give_way_to_those_for_all() -> None:
    made = planned(written("all"), written("{{ 1 / 0 }}", channel="sms"))
    assert sent(made) == {"email": "all", "sms": "all"}
    errors = [message.words.error for message in made.messages]
    assert errors[0] is None
    assert "ZeroDivisionError" in str(errors[1])


def test_only_a_text_is_cut_to_its_segments() -> None:
    made = planned(
        written("mail", channel="email", text="x" * 2_000), written("short", channel="sms", text="y" * 2_000)
    )
    errors = {message.words.title: message.words.error for message in made.messages}
    assert errors["mail"] is None
    assert "segments" in str(errors["short"])


def test_words_for_a_channel_are_rendered_once_for_all_who_read_the_same() -> None:
    people = [Person(str(n), f"P{n}", "de", addresses={"sms": (f"+4366012345{n:02}",)}) for n in range(10)]
    same = planned(written("sms", channel="sms"), people=people)
    assert len(same.messages) == 2
    each = planned(written("{{ recipient.name }}", channel="sms"), people=people)
    assert len(each.messages) == 11
    assert len({d.message for d in each.deliveries}) == 10
    assert inbox(each) == ["catalogue de"] * 10
