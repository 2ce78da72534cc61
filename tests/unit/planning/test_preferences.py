"""What people chose, for a category and a channel; without it, the configuration decides."""

from typing import Any

import pytest

from config.names import Category
from daemon.planning.values import Plan
from tests.unit.planning.shop import CHANNELS, event, person, planned, policy, rule, skipped

ON_ALL = rule(channels=CHANNELS)
PROMOTION = rule(channels=CHANNELS, category="promotion")


def sent(made: Plan) -> list[str]:
    return [d.channel for d in made.deliveries]


def with_choices(told: Any, choices: dict[tuple[str, str], bool], **more: Any) -> Plan:
    return planned([event()], policy(told, **more), choices={("c", *what): on for what, on in choices.items()})


def test_without_a_choice_everything_but_promotion_is_sent() -> None:
    assert sent(with_choices(ON_ALL, {})) == [*CHANNELS]
    assert sent(with_choices(PROMOTION, {})) == []


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        (("order", "sms"), ["email", "webpush"]),
        (("", "sms"), ["email", "webpush"]),
        (("order", ""), []),
        (("", ""), []),
        (("payment", "sms"), [*CHANNELS]),
    ],
)
def test_what_is_off_is_not_sent(choice: tuple[str, str], left: list[str]) -> None:
    assert sent(with_choices(ON_ALL, {choice: False})) == left


@pytest.mark.parametrize("wide", [("order", ""), ("", "sms"), ("", "")])
def test_a_wide_switch_that_is_off_is_off_whatever_a_narrow_one_says(wide: tuple[str, str]) -> None:
    assert "sms" not in sent(with_choices(ON_ALL, {wide: False, ("order", "sms"): True}))


def test_another_persons_choice_counts_for_nobody_else() -> None:
    made = planned([event()], policy(ON_ALL), person("a"), person("b"), choices={("a", "order", "sms"): False})
    assert [(d.channel, made.notifications[d.notification].person.user_id) for d in made.deliveries].count(
        ("sms", "b")
    ) == 1


def test_the_reason_says_whether_the_person_chose_it() -> None:
    choices = {("a", "order", "sms"): False}
    made = planned([event()], policy(ON_ALL, preferences={Category.ORDER: ["email"]}), person("b"), choices=choices)
    assert {each.detail for each in made.skipped} == {"switched off by default"}


def test_promotion_is_sent_to_those_who_asked_for_it() -> None:
    assert sent(with_choices(PROMOTION, {("promotion", "email"): True})) == ["email"]


def test_who_asked_for_a_category_on_every_channel_gets_it_on_every_channel() -> None:
    assert sent(with_choices(PROMOTION, {("promotion", ""): True})) == [*CHANNELS]


def test_a_channel_that_is_on_for_all_categories_is_no_request_for_promotion() -> None:
    assert sent(with_choices(PROMOTION, {("", "email"): True})) == []


def test_the_configuration_says_what_holds_until_somebody_chooses() -> None:
    assert sent(with_choices(ON_ALL, {}, preferences={Category.ORDER: ["email"]})) == ["email"]


def test_a_choice_outdoes_the_configuration() -> None:
    made = with_choices(ON_ALL, {("order", "sms"): True}, preferences={Category.ORDER: ["email"]})
    assert sent(made) == ["email", "sms"]


def test_the_configuration_may_send_promotion_to_all() -> None:
    assert sent(with_choices(PROMOTION, {}, preferences={Category.PROMOTION: ["email"]})) == ["email"]


def test_what_is_critical_is_sent_whatever_people_chose() -> None:
    critical = rule(channels=CHANNELS, critical=True)
    assert sent(with_choices(critical, {("", ""): False})) == [*CHANNELS]


def test_what_is_switched_off_is_skipped_with_its_reason_and_in_the_inbox() -> None:
    made = with_choices(ON_ALL, {("order", ""): False})
    assert skipped(made) == [(channel, "preference") for channel in CHANNELS]
    assert len(made.notifications) == 1


def test_who_does_not_want_to_be_disturbed_has_it_in_the_inbox_only() -> None:
    made = planned([event()], policy(ON_ALL), person(do_not_disturb=True))
    assert sent(made) == []
    assert len(made.notifications) == 1


def test_who_does_not_want_to_be_disturbed_is_told_what_is_critical() -> None:
    made = planned([event()], policy(rule(critical=True)), person(do_not_disturb=True))
    assert sent(made) == ["email"]
