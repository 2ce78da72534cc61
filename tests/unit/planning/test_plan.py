"""Who is told what: the lifecycle by example, and what holds for every plan."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.load import preset_rules
from config.names import Category
from config.rules import Rule
from daemon.planning.catalogue import Catalogue
from daemon.planning.known import Known
from daemon.planning.plan import plan
from daemon.planning.policy import Policy
from daemon.planning.values import Event, Person, Plan
from daemon.policy import catalogue_of
from tests.unit.planning.words import settings

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LIFECYCLE = ("created", "confirmed", "preparing", "ready", "picked_up", "in_transit", "delivered")
RULES = [Rule.model_validate(rule) for rule in preset_rules("delivery")["rule"]]
CATALOGUE: Catalogue = catalogue_of(settings())


def policy(*rules: Rule, channels: tuple[str, ...] = ("email", "sms", "webpush")) -> Policy:
    return Policy.of(rules, CATALOGUE, channels, timedelta(days=1))


def event(what: str, key: str = "7") -> Event:
    return Event(f"order.{what}", f"order:{key}", "orders", key, f"#{key}", {"id": key}, NOON)


def person(user: str, **addresses: str) -> Person:
    return Person(user, name=f"Person {user}", addresses={channel: (value,) for channel, value in addresses.items()})


def reachable(user: str) -> Person:
    return person(user, email=f"{user}@example.com", sms="+12125550100", webpush="{}")


def told(made: Plan, audience: str) -> list[str]:
    return [made.events[n.event].event.name for n in made.notifications if n.audience == audience]


def test_one_lifecycle_makes_sixteen_notifications_and_one_for_each_available_driver() -> None:
    everybody = {"customer": ["c"], "vendor": ["v"], "driver": ["d"], "available_drivers": ["d", "e", "f"]}
    people = {user: reachable(user) for user in "cvdef"}
    made = plan([event(what) for what in LIFECYCLE], [everybody] * 7, Known(people), policy(*RULES), NOON)
    assert told(made, "customer") == [f"order.{what}" for what in LIFECYCLE]
    assert told(made, "vendor") == [f"order.{what}" for what in LIFECYCLE]
    assert told(made, "driver") == ["order.picked_up", "order.delivered"]
    assert told(made, "available_drivers") == ["order.ready"] * 3
    assert all(planned.remarks == () for planned in made.events)
    assert all(message.words.error is None for message in made.messages), "the preset has words for each of its rules"


@pytest.mark.parametrize("what", ["cancelled", "rejected", "refunded"])
def test_the_ends_beside_the_lifecycle_are_told_too(what: str) -> None:
    made = plan([event(what)], [{"customer": ["c"]}], Known({"c": reachable("c")}), policy(*RULES), NOON)
    assert told(made, "customer") == [f"order.{what}"]
    assert made.messages[0].words.error is None


def test_an_event_without_a_rule_is_kept_with_a_remark() -> None:
    made = plan([event("lost")], [{}], Known(), policy(*RULES), NOON)
    assert made.events[0].remarks == ("no rule is for order.lost",)
    assert made.notifications == ()


def test_an_order_without_a_customer_is_kept_with_a_remark() -> None:
    rule = Rule(event="order.ready", audience="customer")
    made = plan([event("ready")], [{"customer": []}], Known(), policy(rule), NOON)
    assert made.events[0].remarks == ("customer: nobody",)


def test_a_user_whom_the_application_does_not_know_is_named_in_a_remark() -> None:
    rule = Rule(event="order.ready", audience="customer")
    made = plan([event("ready")], [{"customer": ["99", "c"]}], Known({"c": reachable("c")}), policy(rule), NOON)
    assert made.events[0].remarks == ("customer: user 99 is not among the people",)
    assert [n.person.user_id for n in made.notifications] == ["c"]


def test_a_channel_without_an_address_is_skipped_and_said_so() -> None:
    rule = Rule(event="order.ready", audience="customer", channels=("email", "sms"))
    made = plan(
        [event("ready")], [{"customer": ["c"]}], Known({"c": person("c", email="c@example.com")}), policy(rule), NOON
    )
    assert [d.channel for d in made.deliveries] == ["email"]
    assert [(s.channel, s.reason) for s in made.skipped] == [("sms", "no_address")]


def test_a_channel_without_a_provider_is_left_out() -> None:
    rule = Rule(event="order.ready", audience="customer", channels=("email", "sms"))
    made = plan(
        [event("ready")],
        [{"customer": ["c"]}],
        Known({"c": reachable("c")}),
        policy(rule, channels=("email",)),
        NOON,
    )
    assert [d.channel for d in made.deliveries] == ["email"]
    assert made.skipped == ()


def test_each_device_of_a_person_is_reached() -> None:
    rule = Rule(event="order.ready", audience="customer", channels=("webpush",))
    people = {"c": Person("c", addresses={"webpush": ("phone", "laptop")})}
    made = plan([event("ready")], [{"customer": ["c"]}], Known(people), policy(rule), NOON)
    assert [d.address for d in made.deliveries] == ["phone", "laptop"]
    assert len(made.notifications) == 1


def test_an_audience_of_many_shares_one_message() -> None:
    drivers = [str(n) for n in range(50)]
    rule = Rule(event="order.ready", audience="available_drivers", channels=("inbox",))
    people = {user: reachable(user) for user in drivers}
    made = plan([event("ready")], [{"available_drivers": drivers}], Known(people), policy(rule), NOON)
    assert len(made.notifications) == 50
    assert len(made.messages) == 1


def test_a_message_that_names_its_reader_is_rendered_for_each() -> None:
    words = {
        "fallback": {"title": "t", "body": "b"},
        "order.ready": {"crew": {"title": "Hello {{ recipient.name }}", "body": "b"}},
    }
    own = Policy.of([Rule(event="order.ready", audience="crew")], Catalogue({"en": words}, "en"), (), timedelta(days=1))
    made = plan([event("ready")], [{"crew": ["a", "b"]}], Known({u: reachable(u) for u in "ab"}), own, NOON)
    assert [made.messages[n.message].words.title for n in made.notifications] == [
        "Hello Person a",
        "Hello Person b",
    ]


def test_a_rule_can_give_less_time_than_the_default() -> None:
    rule = Rule(event="order.ready", audience="customer", expires_after_seconds=60)
    made = plan([event("ready")], [{"customer": ["c"]}], Known({"c": reachable("c")}), policy(rule), NOON)
    assert made.notifications[0].expires_at == NOON + timedelta(seconds=60)


def test_what_a_message_mentions_is_looked_up_with_it() -> None:
    rule = Rule(event="order.confirmed", audience="customer")
    known = ["customer", "vendor", "driver", "admins"]
    assert policy(rule).audiences_for(event("confirmed"), known) == {"customer", "vendor"}


def test_of_several_statuses_in_one_batch_only_the_newest_is_sent() -> None:
    events = [event("created"), event("confirmed"), event("created", key="8")]
    made = plan(events, [{"customer": ["c"]}] * 3, Known({"c": reachable("c")}), policy(*RULES), NOON)
    mails = [made.notifications[d.notification] for d in made.deliveries if d.channel == "email"]
    assert [made.events[n.event].event.name for n in mails] == ["order.confirmed", "order.created"]
    assert [(s.notification, s.channel, s.reason) for s in made.skipped] == [(0, "email", "superseded")]
    assert len(made.notifications) == 3, "the inbox has them all"


def test_what_is_critical_is_not_superseded_by_what_is_not() -> None:
    rules = [
        Rule(event="order.created", audience="customer", channels=("email",), critical=True),
        Rule(event="order.ready", audience="customer", channels=("email",)),
    ]
    told = [{"customer": ["c"]}] * 2
    made = plan([event("created"), event("ready")], told, Known({"c": reachable("c")}), policy(*rules), NOON)
    assert [d.notification for d in made.deliveries] == [0, 1]
    again = plan([event("created"), event("created")], told, Known({"c": reachable("c")}), policy(*rules), NOON)
    assert [d.notification for d in again.deliveries] == [1], "another critical one does"


def test_a_suppressed_address_is_skipped() -> None:
    rule = Rule(event="order.ready", audience="customer", channels=("email", "sms"))
    gone = {("email", "c@example.com"): "bounce"}
    made = plan([event("ready")], [{"customer": ["c"]}], Known({"c": reachable("c")}, gone), policy(rule), NOON)
    assert [d.channel for d in made.deliveries] == ["sms"]
    assert [(s.channel, s.reason) for s in made.skipped] == [("email", "suppressed")]


def test_who_declined_every_mail_is_still_told_what_is_critical_or_about_their_account() -> None:
    gone = {("email", "c@example.com"): "unsubscribe"}
    known = Known({"c": reachable("c")}, gone)
    rules = {
        "ordinary": Rule(event="order.ready", audience="customer", channels=("email",)),
        "critical": Rule(event="order.ready", audience="customer", channels=("email",), critical=True),
        "security": Rule(event="order.ready", audience="customer", channels=("email",), category=Category.SECURITY),
    }
    sent = {
        name: len(plan([event("ready")], [{"customer": ["c"]}], known, policy(rule), NOON).deliveries)
        for name, rule in rules.items()
    }
    assert sent == {"ordinary": 0, "critical": 1, "security": 1}


USERS = st.sampled_from(["a", "b", "c", "d", "unknown"])
AUDIENCES = st.dictionaries(
    st.sampled_from(["customer", "vendor", "driver", "available_drivers"]),
    st.lists(USERS, max_size=6),
    max_size=4,
)
BATCH = st.lists(
    st.tuples(st.sampled_from([*LIFECYCLE, "cancelled", "weird"]), st.sampled_from("123"), AUDIENCES),
    max_size=12,
)
PEOPLE = {
    "a": reachable("a"),
    "b": person("b", email="b@example.com"),
    "c": person("c"),
    "d": Person("d", locale="xx-YY", addresses={"webpush": ("one", "two")}),
}


@given(BATCH, st.sets(st.sampled_from(["email", "sms", "webpush"])))
def test_what_holds_for_every_plan(batch: list[tuple[str, str, dict[str, list[str]]]], channels: set[str]) -> None:
    events = [event(what, key) for what, key, _ in batch]
    audiences: list[dict[str, Any]] = [told for _, _, told in batch]
    made = plan(events, audiences, Known(PEOPLE), policy(*RULES, channels=tuple(channels)), NOON)

    assert [planned.event for planned in made.events] == events, "every event is kept, in order"
    twice = Counter((n.event, n.audience, n.person.user_id) for n in made.notifications)
    assert set(twice.values()) <= {1}, "nobody is told the same twice"
    rules = {(rule.event, rule.audience): rule for rule in RULES}
    expected = {
        (index, audience, user)
        for index, (what, _, of_event) in enumerate(batch)
        for audience, users in of_event.items()
        for user in users
        if (f"order.{what}", audience) in rules and user in PEOPLE
    }
    assert set(twice) == expected, "everyone whom a rule names is told, and nobody else"
    for index, notification in enumerate(made.notifications):
        rule = rules[made.events[notification.event].event.name, notification.audience]
        over = any(
            later.event.subject == made.events[notification.event].event.subject
            and later.event.name in rule.withdraw_on
            for later in made.events[notification.event + 1 :]
        )
        assert notification.withdrawn == over, "what a later event takes back, and nothing else"
        sent = Counter(d.channel for d in made.deliveries if d.notification == index)
        skipped = {s.channel for s in made.skipped if s.notification == index}
        for channel in set(rule.channels) & channels:
            addresses = len(notification.person.addresses.get(channel, ()))
            newest = not notification.withdrawn and not any(
                later.person == notification.person
                and not later.withdrawn
                and later.audience == notification.audience
                and made.events[later.event].event.subject == made.events[notification.event].event.subject
                and channel in rules[made.events[later.event].event.name, later.audience].channels
                for later in made.notifications[index + 1 :]
            )
            assert sent.pop(channel, 0) == (addresses if newest else 0), "the newest status, and only it"
            assert (channel in skipped) == (addresses == 0 or not newest)
        assert not sent, "no channel that the rule does not name"
        message = made.messages[notification.message]
        assert (message.event, message.audience) == (notification.event, notification.audience)
    for planned, (_, _, of_event) in zip(made.events, batch, strict=True):
        strangers = any(
            "unknown" in users for audience, users in of_event.items() if (planned.event.name, audience) in rules
        )
        assert strangers == any("not among the people" in remark for remark in planned.remarks)
